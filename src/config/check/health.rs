//! `health`: which layers are asked, how often, and what is expected.

use std::sync::Arc;
use std::time::Duration;

use super::name;
use crate::config::defaults::{
    APPLICATION_INTERVAL, APPLICATION_TIMEOUT, FALL, JITTER, NETWORK_INTERVAL, NETWORK_TIMEOUT,
    RISE, STATUS,
};
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Key, Kind, Shape, duration, key, required};
use crate::config::{ApplicationCheck, Cadence, Endpoint, HealthChecks, NetworkCheck};

/// `health`, unless it is `off`.
pub(super) static SHAPE: Shape = Shape {
    name: "health",
    about: "What is probed: a named layer is, an unnamed one is not.",
    keys: &[
        key("network", Kind::Shape(&NETWORK), "L1: can the port be reached?"),
        key("application", Kind::Shape(&APPLICATION), "L3: does the application say it is well?"),
    ],
    later: &["process", "business", "passive", "phi", "start"],
};

static NETWORK: Shape = Shape {
    name: "network_check",
    about: "A TCP connect; `{}` takes every default.",
    keys: &[
        interval("From one probe's start to the next's; default `100ms`."),
        timeout("How long one probe may take; default `50ms`."),
        FALL_KEY,
        RISE_KEY,
        JITTER_KEY,
    ],
    later: &["type"],
};

static APPLICATION: Shape = Shape {
    name: "application_check",
    about: "HTTP endpoints, all of which must answer as expected.",
    keys: &[
        required("endpoints", Kind::List(&ENDPOINT), "At least one."),
        interval("From one probe's start to the next's; default `1s`."),
        timeout("How long one probe may take; default `500ms`."),
        FALL_KEY,
        RISE_KEY,
        JITTER_KEY,
        key("host", Kind::Text(name::HOST), "The Host header; default the backend's address."),
    ],
    later: &["consequence", "method", "headers"],
};

static ENDPOINT_SHAPE: Shape = Shape {
    name: "endpoint",
    about: "An HTTP endpoint to ask; text alone is its path.",
    keys: &[
        required("path", Kind::Text(PATH), "The target, with query if needed."),
        key("expect", Kind::Shape(&EXPECT), "What its answer must be like."),
    ],
    later: &["method", "headers"],
};

static EXPECT: Shape = Shape {
    name: "expect",
    about: "What an endpoint's answer must be like.",
    keys: &[key("status", Kind::OneOrMany(&Kind::Text(STATUSES)), "Default `200-399`.")],
    later: &["body", "headers", "json"],
};

const ENDPOINT: Kind = Kind::AnyOf(&[Kind::Text(PATH), Kind::Shape(&ENDPOINT_SHAPE)]);
const FALL_KEY: Key = key("fall", COUNT, "Failures in a row until Down; default 3.");
const RISE_KEY: Key = key("rise", COUNT, "Passes in a row until Up again; default 2.");
const JITTER_KEY: Key =
    key("jitter", Kind::Ratio, "How much of the interval a probe may be off; default `10%`.");
const COUNT: Kind = Kind::Integer { min: 1, max: 1000 };
const PATH: &str = "a path such as /health";
const STATUSES: &str = "a status such as 200, or a range such as 200-299";

const fn interval(about: &'static str) -> Key {
    key("interval", duration(10, 24 * 60 * 60 * 1000), about)
}

const fn timeout(about: &'static str) -> Key {
    key("timeout", duration(1, 60 * 60 * 1000), about)
}

/// Reads `health`; without it the network layer is asked at its defaults.
pub(super) fn check(cursor: Option<&Cursor<'_>>) -> HealthChecks {
    let Some(cursor) = cursor else {
        let cadence = cadence_of(NETWORK_INTERVAL, NETWORK_TIMEOUT);
        return HealthChecks { network: Some(NetworkCheck { cadence }), application: None };
    };
    if cursor.is_word("off") {
        return HealthChecks::default();
    }
    if !cursor.is_mapping() {
        cursor.mismatch("`off`, or a mapping such as `{ network: {}, application: {…} }`");
        return HealthChecks::default();
    }
    let Some(fields) = cursor.fields(&SHAPE) else { return HealthChecks::default() };
    if !fields.has("network") && !fields.has("application") {
        cursor.problem(
            "no layer is named here (expected `network` or `application`, or `health: off`)",
        );
    }
    HealthChecks {
        network: fields.fields("network").map(|fields| network(&fields)),
        application: fields.fields("application").map(|fields| application(&fields)),
    }
}

fn network(fields: &Fields<'_>) -> NetworkCheck {
    NetworkCheck { cadence: cadence(fields, NETWORK_INTERVAL, NETWORK_TIMEOUT) }
}

fn application(fields: &Fields<'_>) -> ApplicationCheck {
    let endpoints = fields.list("endpoints").unwrap_or_default();
    if let (true, Some(cursor)) = (endpoints.is_empty(), fields.get("endpoints")) {
        cursor.problem("the list is empty (expected at least one path such as /health)");
    }
    let host = fields.get("host").and_then(|cursor| host(&cursor));
    ApplicationCheck {
        cadence: cadence(fields, APPLICATION_INTERVAL, APPLICATION_TIMEOUT),
        host,
        endpoints: endpoints.iter().filter_map(endpoint).collect(),
    }
}

fn cadence_of(interval: Duration, timeout: Duration) -> Cadence {
    Cadence { interval, timeout, fall: FALL, rise: RISE, jitter: JITTER }
}

fn cadence(fields: &Fields<'_>, interval: Duration, timeout: Duration) -> Cadence {
    let default = cadence_of(interval, timeout);
    let cadence = Cadence {
        interval: fields.duration("interval").unwrap_or(interval),
        timeout: fields.duration("timeout").unwrap_or(timeout),
        fall: fields.integer("fall").unwrap_or(default.fall),
        rise: fields.integer("rise").unwrap_or(default.rise),
        jitter: fields.ratio("jitter").unwrap_or(default.jitter),
    };
    if cadence.timeout > cadence.interval {
        fields.cursor().warning(format!(
            "`timeout` ({}) is longer than `interval` ({}): a hanging backend is probed less often",
            crate::config::value::duration(cadence.timeout),
            crate::config::value::duration(cadence.interval),
        ));
    }
    cadence
}

/// The `Host` header may carry a port.
fn host(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let text = cursor.text(name::HOST)?;
    let (bare, port) = match text.rsplit_once(':') {
        Some((bare, port)) if port.parse::<u16>().is_ok() && !bare.is_empty() => (bare, Some(port)),
        _ => (text, None),
    };
    match (name::host(bare), port) {
        (Some(host), Some(port)) => Some(Arc::from(format!("{host}:{port}"))),
        (Some(host), None) => Some(Arc::from(host)),
        (None, _) => {
            cursor.mismatch(name::HOST);
            None
        }
    }
}

fn endpoint(cursor: &Cursor<'_>) -> Option<Endpoint> {
    if !cursor.is_mapping() {
        return Some(Endpoint { path: path(cursor)?, expect: vec![STATUS] });
    }
    let fields = cursor.fields(&ENDPOINT_SHAPE)?;
    let expect = fields.fields("expect").and_then(|fields| {
        let statuses = fields.list("status")?;
        if let (true, Some(cursor)) = (statuses.is_empty(), fields.get("status")) {
            cursor.problem(format!("the list is empty (expected {STATUSES})"));
        }
        Some(statuses.iter().filter_map(status).collect())
    });
    let path = fields.get("path").and_then(|cursor| path(&cursor))?;
    Some(Endpoint { path, expect: expect.unwrap_or_else(|| vec![STATUS]) })
}

/// A target as it is sent: it is not normalised, so it may be anything a request line can carry.
fn path(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let text = cursor.text(PATH)?;
    if text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        return Some(Arc::from(text));
    }
    cursor.mismatch(PATH);
    None
}

fn status(cursor: &Cursor<'_>) -> Option<(u16, u16)> {
    let text = cursor.text(STATUSES)?;
    let code = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|code| digits && (100..=599).contains(code))
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match code(first).zip(code(last)) {
        Some((first, last)) if first <= last => Some((first, last)),
        Some(_) => {
            let found = shown(text);
            cursor
                .problem(format!("{found} ends before it begins (did you mean `{last}-{first}`?)"));
            None
        }
        None => {
            cursor.mismatch(STATUSES);
            None
        }
    }
}
