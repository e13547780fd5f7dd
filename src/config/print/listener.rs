//! A listener, printed.

use super::route;
use super::yaml::{Tree, list, map, text, word};
use crate::config::check::auto_name;
use crate::config::value;
use crate::config::{
    AccessLog, Certificate, Config, EscapedSlash, Forward, HelloMatch, Listener, LogPath,
    Otherwise, Protocol, ProxyHeaders, Tcp, TlsTermination, Udp,
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
    let timeouts = &options.timeouts;
    let lifetime = timeouts.lifetime.map_or_else(|| "off".to_owned(), value::duration);
    let common = [
        ("bind", list(&listener.bind, text)),
        ("protocol", word("tcp")),
        ("proxy_protocol", proxy_protocol(listener.proxy_protocol.as_ref())),
        ("access_log", access_log(listener.access_log.as_ref())),
        (
            "timeouts",
            map([
                ("idle", word(value::duration(timeouts.idle))),
                ("lifetime", word(lifetime)),
                ("connect_total", word(value::duration(timeouts.connect_total))),
            ]),
        ),
        ("limits", map([("connections", word(listener.limits.connections))])),
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
    let forwards = options.forwards.iter().enumerate();
    let routes = list(forwards, |(i, forward)| forward_tree(config, i, forward));
    map(common.into_iter().chain([("client_hello", hello), ("routes", routes)]))
}

fn udp(config: &Config, listener: &Listener, options: &Udp) -> Tree {
    let forwards = options.forwards.iter().enumerate();
    map([
        ("bind", list(&listener.bind, text)),
        ("protocol", word("udp")),
        ("access_log", access_log(listener.access_log.as_ref())),
        ("timeouts", map([("idle", word(value::duration(options.idle)))])),
        ("limits", map([("connections", word(listener.limits.connections))])),
        ("routes", list(forwards, |(i, forward)| forward_tree(config, i, forward))),
    ])
}

fn forward_tree(config: &Config, index: usize, forward: &Forward) -> Tree {
    let name = (forward.name != auto_name(index)).then(|| ("name", text(&forward.name)));
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
    map([
        ("bind", list(&listener.bind, text)),
        ("protocol", word("http")),
        ("tls", listener.tls.as_ref().map_or_else(|| word("off"), |terms| tls(terms))),
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
        ("routes", list(routes, |(i, route)| route::tree(config, i, route))),
    ])
}

fn tls(terms: &TlsTermination) -> Tree {
    let certificate = |one: &Certificate| {
        map([("cert", text(one.cert.display())), ("key", text(one.key.display()))])
    };
    map([
        ("certificates", list(&terms.certificates, certificate)),
        ("min_version", text(terms.min_version.name())),
        ("unknown_names", word(if terms.refuse_unknown_names { "refuse" } else { "first" })),
    ])
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
