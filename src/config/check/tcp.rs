//! What a listener that forwards bytes has of its own, and which keys have no meaning there.

use std::sync::Arc;
use std::time::Duration;

use super::{Pools, action, matches, name, priority, route};
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, TIMEOUT, key};
use crate::config::{
    Action, Forward, HelloMatch, HelloTerms, Otherwise, Tcp, TcpTimeouts, defaults,
};
use crate::model::PriorityClass;

/// `retries` of a listener.
pub(super) static RETRIES: Shape = Shape {
    name: "connect_retries",
    about: "How many backends a connection of a `tcp` listener is tried with.",
    keys: &[key("attempts", Kind::Integer { min: 1, max: 10 }, "The first included; default 3.")],
    later: &[],
};

/// `client_hello` of a listener.
pub(super) static HELLO: Shape = Shape {
    name: "client_hello",
    about: "How the TLS hello is read, where a route of a `tcp` listener asks for `sni` or `alpn`.",
    keys: &[
        key("timeout", TIMEOUT, "How long it may take to arrive; default `5s`."),
        key("otherwise", OTHERWISE, "What does not begin with one is closed (default), or served."),
    ],
    later: &[],
};

const OTHERWISE: Kind = Kind::Words { now: &["close", "default"], later: &[] };

/// Keys of a listener that only HTTP gives a meaning.
const HTTP_ONLY: [&str; 5] = ["tls", "http2", "trusted_proxies", "paths", "rate_limit"];
/// Likewise within a route.
const HTTP_ROUTE: [&str; 11] = [
    "redirect",
    "respond",
    "rewrite",
    "raw_path",
    "request_headers",
    "response_headers",
    "timeouts",
    "limits",
    "rate_limit",
    "retries",
    "upgrades",
];
/// Likewise within `timeouts`.
const HTTP_TIMEOUTS: [&str; 4] = ["head", "first_byte", "body_idle", "total"];
/// Likewise within `limits`.
pub(super) const HTTP_LIMITS: [&str; 5] =
    ["head_bytes", "headers", "body_bytes", "handshakes", "min_rate"];
/// Keys of a listener that only forwarding gives a meaning.
const TCP_ONLY: [&str; 2] = ["retries", "client_hello"];
/// Likewise within `timeouts`.
const TCP_TIMEOUTS: [&str; 2] = ["lifetime", "connect_total"];

/// Reads what a `protocol: tcp` listener has of its own.
pub(super) fn check(fields: &Fields<'_>, pools: &Pools<'_>) -> Tcp {
    refuse(Some(fields), &HTTP_ONLY, "http");
    let timeouts = fields.fields("timeouts");
    refuse(timeouts.as_ref(), &HTTP_TIMEOUTS, "http");
    refuse(fields.fields("limits").as_ref(), &HTTP_LIMITS, "http");
    Tcp {
        timeouts: deadlines(timeouts.as_ref()),
        attempts: attempts(fields),
        hello: hello(fields.fields("client_hello").as_ref()),
        forwards: all_forwards(fields, pools, &[]),
    }
}

/// Reads how many backends a connection is tried with.
pub(super) fn attempts(fields: &Fields<'_>) -> u32 {
    let attempts = fields.fields("retries").and_then(|retries| retries.integer("attempts"));
    attempts.unwrap_or(defaults::ATTEMPTS)
}

/// Refuses in an HTTP listener what only forwarding gives a meaning.
pub(super) fn refuse_in_http(fields: &Fields<'_>) {
    refuse(Some(fields), &TCP_ONLY, "tcp");
    refuse(fields.fields("timeouts").as_ref(), &TCP_TIMEOUTS, "tcp");
}

/// Refuses keys that only another protocol gives a meaning.
pub(super) fn refuse(fields: Option<&Fields<'_>>, keys: &[&str], protocol: &str) {
    let Some(fields) = fields else { return };
    for (key, cursor) in keys.iter().filter_map(|key| Some((key, fields.get(key)?))) {
        cursor.problem(format!("`{key}` is for listeners of `protocol: {protocol}` (remove it)"));
    }
}

/// The file's `defaults` are about HTTP: a kept-alive connection is worth a minute, a database's
/// an hour. So only what the listener itself says counts.
pub(super) fn deadlines(fields: Option<&Fields<'_>>) -> TcpTimeouts {
    let duration = |key| fields.and_then(|fields| fields.duration(key));
    let lifetime: Option<Option<Duration>> =
        fields.and_then(|fields| fields.duration_or_off("lifetime"));
    TcpTimeouts {
        idle: duration("idle").unwrap_or(defaults::TCP_IDLE_TIMEOUT),
        lifetime: lifetime.flatten(),
        connect_total: duration("connect_total").unwrap_or(defaults::CONNECT_TOTAL_TIMEOUT),
    }
}

fn hello(fields: Option<&Fields<'_>>) -> HelloTerms {
    let timeout = fields.and_then(|fields| fields.duration("timeout"));
    let otherwise = match fields.and_then(|fields| fields.word("otherwise")) {
        Some("default") => Otherwise::Default,
        _ => Otherwise::Close,
    };
    HelloTerms { timeout: timeout.unwrap_or(defaults::HELLO_TIMEOUT), otherwise }
}

/// Where routes lead.
pub(super) struct Forwards {
    /// In the order of the file.
    pub(super) forwards: Vec<Forward>,
    /// The line of the first that matches everything.
    pub(super) everything: Option<u32>,
}

/// Reads where `routes` lead by which bytes are forwarded; `refused` = keys that have no meaning
/// there, `auto_name` = what those are called that have no name.
pub(super) fn forwards(
    fields: &Fields<'_>,
    pools: &Pools<'_>,
    refused: &[&str],
    auto_name: fn(usize) -> Arc<str>,
) -> Forwards {
    let cursors = fields.list("routes").unwrap_or_default();
    let mut forwards: Vec<Forward> = Vec::with_capacity(cursors.len() + 1);
    let mut everything: Option<u32> = None;
    for (i, cursor) in cursors.iter().enumerate() {
        if let Some(line) = everything {
            cursor.warning(format!("never reached: the route in line {line} matches everything"));
        }
        let Some(forward) = forward(cursor, auto_name(i), pools, refused) else { continue };
        if forwards.iter().any(|other| other.name == forward.name) {
            cursor.problem(format!("the name `{}` stands twice in this listener", forward.name));
        }
        if forward.matches.is_everything() {
            everything.get_or_insert(cursor.line());
        }
        forwards.push(forward);
    }
    Forwards { forwards, everything }
}

/// Reads where a listener that does not speak HTTP leads; `refused` = keys of routes that only TCP
/// gives a meaning.
pub(super) fn all_forwards(
    fields: &Fields<'_>,
    pools: &Pools<'_>,
    refused: &[&str],
) -> Vec<Forward> {
    let Forwards { mut forwards, everything } = forwards(fields, pools, refused, route::auto_name);
    if let Some(cursor) = fields.get("pool") {
        if let Some(line) = everything {
            cursor.warning(format!("never used: the route in line {line} matches everything"));
        }
        let (name, matches) = (route::auto_name(forwards.len()), HelloMatch::default());
        let (pool, priority) = (action::pool(&cursor, pools), PriorityClass::default());
        forwards.extend(pool.map(|pool| Forward {
            name,
            matches,
            pools: vec![(pool, 1)],
            priority,
        }));
    } else if fields.list("routes").is_none_or(|routes| routes.is_empty()) {
        fields.cursor().problem("the listener leads nowhere (expected `routes` or `pool`)");
    }
    forwards
}

fn forward(
    cursor: &Cursor<'_>,
    auto_name: Arc<str>,
    pools: &Pools<'_>,
    refused: &[&str],
) -> Option<Forward> {
    let fields = cursor.fields(&route::SHAPE)?;
    refuse(Some(&fields), refused, "http` or `tcp");
    refuse(Some(&fields), &HTTP_ROUTE, "http");
    let name = fields.get("name").and_then(|cursor| name::of_value(&cursor));
    let matches = fields.fields("match").map(|fields| matches::hello(&fields)).unwrap_or_default();
    let priority = priority::of_bytes(&fields);
    let pools = match action::check(&fields, pools)? {
        Action::Pools(split) => split,
        // Refused above.
        _ => return None,
    };
    let name = name.unwrap_or(auto_name);
    Some(Forward { name, matches, pools, priority })
}
