//! A listener, printed.

use std::sync::Arc;

use super::tls;
use super::yaml::{Tree, list, map, text, word};
use super::{clients, rate_limit, route};
use crate::config::check::{auto_name, passthrough};
use crate::config::value;
use crate::config::{
    AccessLog, Config, EscapedSlash, Forward, HelloMatch, Http2, Listener, ListenerLimits, LogPath,
    Otherwise, Protocol, ProxyHeaders, Tcp, TcpTimeouts, TlsTermination, Udp,
};

/// A listener with every default.
pub(super) fn tree(config: &Config, listener: &Listener) -> Tree {
    match &listener.protocol {
        Protocol::Http => http(config, listener),
        Protocol::Tcp(options) => tcp(config, listener, options),
        Protocol::Udp(options) => udp(config, listener, options),
    }
}

fn tcp(config: &Config, listener: &Listener, options: &Tcp) -> Tree {
    let common = [
        ("bind", list(&listener.bind, text)),
        ("protocol", word("tcp")),
        ("proxy_protocol", proxy_protocol(listener.proxy_protocol.as_ref())),
        ("access_log", access_log(listener.access_log.as_ref())),
        ("timeouts", tcp_timeouts(options)),
        ("limits", map(connections(&listener.limits))),
        ("retries", map([("attempts", word(options.attempts))])),
    ];
    let otherwise = match options.hello.otherwise {
        Otherwise::Close => "close",
        Otherwise::Default => "default",
    };
    let hello = map([
        ("timeout", word(value::duration(options.hello.timeout))),
        ("otherwise", word(otherwise)),
    ]);
    let routes = forwards(config, &options.forwards, auto_name);
    let common = common.into_iter().chain(clients::keys(listener.clients.as_deref()));
    map(common.chain([("client_hello", hello), ("routes", routes)]))
}

fn tcp_timeouts(options: &Tcp) -> Tree {
    let TcpTimeouts { idle, lifetime, connect_total } = options.timeouts;
    map([
        ("idle", word(value::duration(idle))),
        ("lifetime", word(lifetime.map_or_else(|| "off".to_owned(), value::duration))),
        ("connect_total", word(value::duration(connect_total))),
    ])
}

fn passed_through(config: &Config, options: &Tcp) -> Tree {
    map([
        ("routes", forwards(config, &options.forwards, passthrough::auto_name)),
        ("timeouts", tcp_timeouts(options)),
        ("retries", map([("attempts", word(options.attempts))])),
    ])
}

fn udp(config: &Config, listener: &Listener, options: &Udp) -> Tree {
    let common = [
        ("bind", list(&listener.bind, text)),
        ("protocol", word("udp")),
        ("access_log", access_log(listener.access_log.as_ref())),
        ("timeouts", map([("idle", word(value::duration(options.idle)))])),
        ("limits", map(connections(&listener.limits))),
    ];
    let routes = ("routes", forwards(config, &options.forwards, auto_name));
    let clients = clients::keys(listener.clients.as_deref());
    map(common.into_iter().chain(clients).chain([routes]))
}

/// How many may be open.
fn connections(limits: &ListenerLimits) -> [(&'static str, Tree); 2] {
    [
        ("connections", word(limits.connections)),
        ("connections_per_client", or_off(limits.per_client)),
    ]
}

fn or_off(limit: Option<u32>) -> Tree {
    limit.map_or_else(|| word("off"), word)
}

fn forwards(config: &Config, forwards: &[Forward], auto_name: fn(usize) -> Arc<str>) -> Tree {
    list(forwards.iter().enumerate(), |(i, it)| forward(config, it, &auto_name(i)))
}

fn forward(config: &Config, forward: &Forward, auto_name: &str) -> Tree {
    let name = (*forward.name != *auto_name).then(|| ("name", text(&forward.name)));
    let HelloMatch { names, nameless, alpn } = &forward.matches;
    let named = names.iter().map(route::host).chain(nameless.then(|| word("none")));
    let sni = (!names.is_empty() || *nameless).then(|| ("sni", Tree::List(named.collect())));
    let alpn = (!alpn.is_empty()).then(|| ("alpn", list(alpn, text)));
    let matches =
        (!forward.matches.is_everything()).then(|| ("match", map(sni.into_iter().chain(alpn))));
    let pools = forward.pools.iter();
    let pools = pools.map(|(index, weight)| (config.pools[*index].name.to_string(), word(weight)));
    let pools = ("pools", Tree::Map(pools.collect()));
    let priority = ("priority", word(forward.priority.name()));
    map(name.into_iter().chain(matches).chain([pools, priority]))
}

fn http(config: &Config, listener: &Listener) -> Tree {
    let (timeouts, limits, paths) = (&listener.timeouts, &listener.limits, &listener.paths);
    let routes = listener.routes.iter().enumerate();
    let common = [
        ("bind", list(&listener.bind, text)),
        ("protocol", word("http")),
        ("tls", listener.tls.as_ref().map_or_else(|| word("off"), |it| tls(config, listener, it))),
        ("http2", listener.http2.map_or_else(|| word("off"), http2)),
        ("proxy_protocol", proxy_protocol(listener.proxy_protocol.as_ref())),
        ("trusted_proxies", list(&listener.trusted_proxies, text)),
        ("access_log", access_log(listener.access_log.as_ref())),
        (
            "timeouts",
            map([
                ("head", word(value::duration(timeouts.head))),
                ("idle", word(value::duration(timeouts.idle))),
            ]),
        ),
        (
            "limits",
            map([
                ("head_bytes", word(value::size(limits.head_bytes as u64))),
                ("headers", word(limits.headers)),
                ("connections", word(limits.connections)),
                ("connections_per_client", or_off(limits.per_client)),
                ("handshakes", or_off(limits.handshakes)),
            ]),
        ),
        (
            "paths",
            map([
                ("escaped_slash", word(escaped_slash(paths.escaped_slash))),
                ("merge_slashes", word(paths.merge_slashes)),
                ("reject_backslash", word(paths.reject_backslash)),
            ]),
        ),
    ];
    let routes = ("routes", list(routes, |(i, route)| route::tree(config, i, route)));
    let clients = clients::keys(listener.clients.as_deref());
    let common = common.into_iter().chain(clients);
    map(common.chain(rate_limit::key(&listener.rate_limits)).chain([routes]))
}

fn http2(options: Http2) -> Tree {
    map([("max_streams", word(options.max_streams))])
}

fn tls(config: &Config, listener: &Listener, terms: &TlsTermination) -> Tree {
    let passthrough = listener.passthrough.as_ref();
    let passthrough = passthrough.map(|options| ("passthrough", passed_through(config, options)));
    map(tls::termination(terms).chain(passthrough))
}

fn proxy_protocol(terms: Option<&ProxyHeaders>) -> Tree {
    let Some(terms) = terms else { return word("off") };
    map([
        ("mode", word(if terms.required { "required" } else { "optional" })),
        ("from", list(&terms.from, text)),
        ("timeout", word(value::duration(terms.timeout))),
    ])
}

fn access_log(log: Option<&AccessLog>) -> Tree {
    match log.map(|log| &log.path) {
        None => word("off"),
        Some(LogPath::Stdout) => map([("path", word("stdout"))]),
        Some(LogPath::File(path)) => map([("path", text(path.display()))]),
    }
}

fn escaped_slash(choice: EscapedSlash) -> &'static str {
    match choice {
        EscapedSlash::Keep => "keep",
        EscapedSlash::Reject => "reject",
        EscapedSlash::Decode => "decode",
    }
}
