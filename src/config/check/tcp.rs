//! What a listener that forwards bytes has of its own, and which keys have no meaning there.

use std::time::Duration;

use super::{Pools, action, route};
use crate::config::read::Fields;
use crate::config::shape::{Kind, Shape, key};
use crate::config::{Forward, Tcp, TcpTimeouts, defaults};

/// `retries` of a listener.
pub(super) static RETRIES: Shape = Shape {
    name: "connect_retries",
    about: "How many backends a connection of a `tcp` listener is tried with.",
    keys: &[key("attempts", Kind::Integer { min: 1, max: 10 }, "The first included; default 3.")],
    later: &[],
};

/// Keys of a listener that only HTTP gives a meaning.
const HTTP_ONLY: [&str; 3] = ["trusted_proxies", "paths", "routes"];
/// Likewise within `timeouts`.
const HTTP_TIMEOUTS: [&str; 4] = ["head", "first_byte", "body_idle", "total"];
/// Likewise within `limits`.
const HTTP_LIMITS: [&str; 3] = ["head_bytes", "headers", "body_bytes"];
/// Keys of a listener that only forwarding gives a meaning.
const TCP_ONLY: [&str; 1] = ["retries"];
/// Likewise within `timeouts`.
const TCP_TIMEOUTS: [&str; 2] = ["lifetime", "connect_total"];

/// Reads what a `protocol: tcp` listener has of its own.
pub(super) fn check(fields: &Fields<'_>, pools: &Pools<'_>) -> Tcp {
    refuse(Some(fields), &HTTP_ONLY, "http");
    let timeouts = fields.fields("timeouts");
    refuse(timeouts.as_ref(), &HTTP_TIMEOUTS, "http");
    refuse(fields.fields("limits").as_ref(), &HTTP_LIMITS, "http");
    let attempts = fields.fields("retries").and_then(|retries| retries.integer("attempts"));
    Tcp {
        timeouts: deadlines(timeouts.as_ref()),
        attempts: attempts.unwrap_or(defaults::ATTEMPTS),
        forwards: forwards(fields, pools),
    }
}

/// Refuses in an HTTP listener what only forwarding gives a meaning.
pub(super) fn refuse_in_http(fields: &Fields<'_>) {
    refuse(Some(fields), &TCP_ONLY, "tcp");
    refuse(fields.fields("timeouts").as_ref(), &TCP_TIMEOUTS, "tcp");
}

fn refuse(fields: Option<&Fields<'_>>, keys: &[&str], protocol: &str) {
    let Some(fields) = fields else { return };
    for (key, cursor) in keys.iter().filter_map(|key| Some((key, fields.get(key)?))) {
        cursor.problem(format!("`{key}` is for listeners of `protocol: {protocol}` (remove it)"));
    }
}

/// The file's `defaults` are about HTTP: a kept-alive connection is worth a minute, a database's
/// an hour. So only what the listener itself says counts.
fn deadlines(fields: Option<&Fields<'_>>) -> TcpTimeouts {
    let duration = |key| fields.and_then(|fields| fields.duration(key));
    let lifetime: Option<Option<Duration>> =
        fields.and_then(|fields| fields.duration_or_off("lifetime"));
    TcpTimeouts {
        idle: duration("idle").unwrap_or(defaults::TCP_IDLE_TIMEOUT),
        lifetime: lifetime.flatten(),
        connect_total: duration("connect_total").unwrap_or(defaults::CONNECT_TOTAL_TIMEOUT),
    }
}

fn forwards(fields: &Fields<'_>, pools: &Pools<'_>) -> Vec<Forward> {
    let Some(cursor) = fields.get("pool") else {
        fields.cursor().problem("the listener leads nowhere (expected `pool`)");
        return Vec::new();
    };
    let pool = action::pool(&cursor, pools);
    pool.map(|pool| Forward { name: route::auto_name(0), pools: vec![(pool, 1)] })
        .into_iter()
        .collect()
}
