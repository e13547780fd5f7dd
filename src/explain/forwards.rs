//! From a listener that forwards bytes to the route: by what the client's TLS hello asks for.

use std::net::IpAddr;

use super::listed;
use super::pools::Led;
use super::question::Request;
use super::view::{Explanation, Route};
use crate::config::{HostMatch, Otherwise};
use crate::net::client_hello::ClientHello;
use crate::table::{Forward, HelloMismatch, Listener, normalise_host};

/// What a client of HTTPS usually offers.
const BROWSERS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Follows a connection to its route, and to the pools behind it.
pub(super) fn connection<'t>(
    listener: &'t Listener,
    hello: Option<&ClientHello>,
    explanation: &mut Explanation,
) -> Option<Led<'t>> {
    let tcp = listener.settings.tcp()?;
    let ends_tls = listener.tls.is_some();
    // Where no route asks for it, nobody looks.
    let hello = hello.filter(|_| tcp.asks_for_hello());
    explanation.request = match hello {
        Some(hello) => format!("TLS connection, {}", told(hello)),
        None if tcp.asks_for_hello() => String::from("connection without TLS"),
        None => String::from("connection"),
    };
    explanation.unserved = String::from("the connection is reset");
    if hello.is_none() && tcp.asks_for_hello() && tcp.hello.otherwise == Otherwise::Close {
        let end = if ends_tls { "closed" } else { "reset" };
        explanation.action = format!("{end}: it does not begin with a TLS hello");
        return None;
    }
    explanation.action = String::from(match ends_tls {
        true => "its TLS is ended here, and its requests are routed: ask about one of them",
        false => "reset: no route matches",
    });
    follow(listener, hello, explanation)
}

/// Follows a request that its client's TLS hides from this listener, as far as it may be followed:
/// what its client asks for by the URL is not ended here, but passed through. `None` = it is.
pub(super) fn passed_through<'t>(
    listener: &'t Listener,
    asked: &Request,
    explanation: &mut Explanation,
) -> Option<Led<'t>> {
    listener.settings.passthrough.as_ref()?;
    let mut host = String::new();
    normalise_host(asked.authority.as_bytes(), &mut host).ok()?;
    // An address is no name, and is not asked for (RFC 6066 section 3).
    let is_name = host.parse::<IpAddr>().is_err() && !host.starts_with('[');
    let server_name = is_name.then(|| host.into_boxed_str());
    let alpn = BROWSERS.map(Box::from).to_vec();
    let hello = ClientHello { server_name, alpn };
    listener.forward(Some(&hello))?;
    connection(listener, Some(&hello), explanation)
}

/// Follows a datagram to the pools.
pub(super) fn datagram<'t>(
    listener: &'t Listener,
    explanation: &mut Explanation,
) -> Option<Led<'t>> {
    explanation.request = String::from("datagram");
    explanation.unserved = String::from("the datagram is dropped");
    explanation.action = String::from("dropped: no route matches");
    follow(listener, None, explanation)
}

fn follow<'t>(
    listener: &'t Listener,
    hello: Option<&ClientHello>,
    explanation: &mut Explanation,
) -> Option<Led<'t>> {
    for forward in &listener.forwards {
        let name = forward.policy.name.to_string();
        let mismatch = forward.mismatch(hello).map(|mismatch| wanted(mismatch, forward, hello));
        let matches = mismatch.is_none();
        explanation.routes.push(Route { name, mismatch });
        if matches {
            explanation.action = String::from("forwarded to a backend");
            let class = forward.policy.priority;
            let told_class = class.name().to_owned();
            return Some(Led {
                split: &forward.split,
                class,
                told_class,
                listener: &listener.settings.name,
                name: &forward.policy.name,
                listener_rates: &[],
                route: None,
            });
        }
    }
    None
}

/// What a route wanted that the hello does not ask for.
fn wanted(mismatch: HelloMismatch, forward: &Forward, hello: Option<&ClientHello>) -> String {
    let matches = &forward.policy.matches;
    match mismatch {
        HelloMismatch::NoHello => String::from("wants a TLS hello"),
        HelloMismatch::Name => {
            let names = matches.names.iter().map(|name| match name {
                HostMatch::Exact(name) => name.to_string(),
                HostMatch::Wildcard(suffix) => format!("*{suffix}"),
            });
            let none = matches.nameless.then(|| String::from("none at all"));
            format!("wants server name {}, not {}", listed(names.chain(none)), name(hello))
        }
        HelloMismatch::Alpn => {
            let offered = hello.map_or_else(String::new, offered);
            format!(
                "wants ALPN {}, not {offered}",
                listed(matches.alpn.iter().map(ToString::to_string))
            )
        }
    }
}

fn told(hello: &ClientHello) -> String {
    format!("server name {}, ALPN {}", name(Some(hello)), offered(hello))
}

fn name(hello: Option<&ClientHello>) -> &str {
    hello.and_then(|hello| hello.server_name.as_deref()).unwrap_or("none")
}

fn offered(hello: &ClientHello) -> String {
    let names: Vec<_> = hello.alpn.iter().map(|one| String::from_utf8_lossy(one)).collect();
    if names.is_empty() { String::from("none") } else { names.join(" ") }
}
