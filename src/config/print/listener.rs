//! A listener, printed.

use super::route;
use super::yaml::{Tree, list, map, text, word};
use crate::config::value;
use crate::config::{AccessLog, Config, EscapedSlash, Listener, LogPath, Protocol, Tcp};

/// A listener with every default.
pub(super) fn tree(config: &Config, listener: &Listener) -> Tree {
    match &listener.protocol {
        Protocol::Http => http(config, listener),
        Protocol::Tcp(options) => tcp(config, listener, options),
    }
}

fn tcp(config: &Config, listener: &Listener, options: &Tcp) -> Tree {
    let timeouts = &options.timeouts;
    let lifetime = timeouts.lifetime.map_or_else(|| "off".to_owned(), value::duration);
    let common = [
        ("bind", list(&listener.bind, text)),
        ("protocol", word("tcp")),
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
    let pools = options.forwards.iter().flat_map(|forward| &forward.pools);
    let pool = pools.map(|(index, _)| ("pool", text(&config.pools[*index].name)));
    map(common.into_iter().chain(pool))
}

fn http(config: &Config, listener: &Listener) -> Tree {
    let (timeouts, limits, paths) = (&listener.timeouts, &listener.limits, &listener.paths);
    let routes = listener.routes.iter().enumerate();
    map([
        ("bind", list(&listener.bind, text)),
        ("protocol", word("http")),
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
