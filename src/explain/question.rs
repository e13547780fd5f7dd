//! What is asked: one request, as a client would send it, or one connection or flow of bytes.

use std::net::IpAddr;

use hyper::Uri;

use super::view;
use crate::net::client_hello::ClientHello;

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What arrives.
    pub arrival: Arrival,
    /// The address it is sent to, where it is one and not a name.
    pub address: Option<IpAddr>,
    /// The port, if one was given.
    pub port: Option<u16>,
    /// The client's address; `None` = nobody in particular.
    pub client: Option<IpAddr>,
    /// The listener it arrives at; `None` = by the port, or the first.
    pub listener: Option<String>,
    /// A zone to be told of what would have to change for it to get traffic.
    pub zone: Option<String>,
}

/// What arrives at a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A request.
    Request(Request),
    /// A connection, with the TLS hello that it begins with, if it does.
    Connection(Option<ClientHello>),
    /// A datagram.
    Datagram,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// The host and, if one was given, the port.
    pub authority: String,
    /// The path without query, as sent.
    pub path: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
}

impl Question {
    /// The request's header fields; where bytes are forwarded there are none.
    pub(super) fn headers(&self) -> &[(String, String)] {
        match &self.arrival {
            Arrival::Request(request) => &request.headers,
            Arrival::Connection(_) | Arrival::Datagram => &[],
        }
    }
}

impl TryFrom<view::Question> for Question {
    type Error = String;

    /// Reads a question as it was typed.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    fn try_from(asked: view::Question) -> Result<Self, String> {
        let uri: Option<Uri> = asked.url.parse().ok();
        let parts = uri.as_ref().and_then(|uri| Some((uri, uri.authority()?)));
        let Some((uri, authority)) = parts else { return Err(not_a_url(&asked.url)) };
        let arrival = match uri.scheme_str() {
            Some("http" | "https") => request(&asked, uri)?,
            Some("tcp") => Arrival::Connection(hello(&asked)),
            Some("udp") => Arrival::Datagram,
            _ => return Err(not_a_url(&asked.url)),
        };
        fits(&asked, &arrival)?;
        let client = match &asked.client {
            None => None,
            Some(typed) => {
                let address = typed.parse();
                let expected = "an IP address such as 10.1.2.3";
                Some(address.map_err(|_| wrong("the client", typed, expected))?)
            }
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            arrival,
            address: host.parse().ok(),
            port: authority.port_u16(),
            client,
            listener: asked.listener,
            zone: asked.zone,
        })
    }
}

fn wrong(what: &str, typed: &str, expected: &str) -> String {
    let typed: String = typed.escape_debug().take(60).collect();
    format!("{what} `{typed}` is not understood (expected {expected})")
}

fn not_a_url(typed: &str) -> String {
    let expected =
        "one such as http://shop.example/cart, tcp://127.0.0.1:5432 or udp://127.0.0.1:53";
    wrong("the URL", typed, expected)
}

fn token(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(allowed)
}

fn request(asked: &view::Question, uri: &Uri) -> Result<Arrival, String> {
    if !token(&asked.method) {
        return Err(wrong("the method", &asked.method, "one such as GET"));
    }
    let mut headers = Vec::new();
    for header in &asked.headers {
        let parts = header.split_once(':').filter(|(name, _)| token(name));
        let Some((name, value)) = parts else {
            return Err(wrong("the header", header, "`name: value`"));
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Arrival::Request(Request {
        method: asked.method.clone(),
        authority: uri.authority().map_or_else(String::new, ToString::to_string),
        path: uri.path().to_owned(),
        headers,
    }))
}

/// The hello that the connection begins with, in the form that routes are matched by.
fn hello(asked: &view::Question) -> Option<ClientHello> {
    if asked.sni.is_none() && asked.alpn.is_empty() {
        return None;
    }
    let name = asked.sni.as_deref().map(|name| name.trim_end_matches('.').to_ascii_lowercase());
    Some(ClientHello {
        server_name: name.filter(|name| !name.is_empty()).map(Into::into),
        alpn: asked.alpn.iter().map(|one| one.as_bytes().into()).collect(),
    })
}

/// Is nothing said that what arrives does not have?
fn fits(asked: &view::Question, arrival: &Arrival) -> Result<(), String> {
    let is_request = matches!(arrival, Arrival::Request(_));
    let says_request = !asked.method.is_empty() || !asked.headers.is_empty();
    let says_hello = asked.sni.is_some() || !asked.alpn.is_empty();
    if says_request && !is_request {
        return Err(String::from("where bytes are forwarded there is no method and no header"));
    }
    if says_hello && !matches!(arrival, Arrival::Connection(_)) {
        return Err(String::from("a server name and protocols belong to a connection (tcp://…)"));
    }
    Ok(())
}
