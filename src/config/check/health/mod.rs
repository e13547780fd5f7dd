//! `health`: which layers are asked, how often, and what is expected.

mod application;
mod business;
mod cadence;
mod expect;
mod http;
pub(super) mod own;
mod phi;
mod process;
mod query;
pub(super) mod slow;
mod step;
mod traffic;

use crate::config::defaults::{self, NETWORK_INTERVAL, NETWORK_TIMEOUT};
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Key, Kind, OFF, Shape, key};
use crate::config::{BackendTls, HealthChecks, NetworkAsk, NetworkCheck, TrafficCheck};
use crate::model::Layer;

/// `health`, unless it is `off`.
pub(super) static SHAPE: Shape = Shape {
    name: "health",
    about: "What is probed: a named layer is, an unnamed one or one that is `off` is not.",
    keys: &[NETWORK, PROCESS, APPLICATION, BUSINESS, PHI, TRAFFIC, MAX_RETURNS, START],
    later: &[],
};

// The keys of a pool's `health`, which a backend's own has, too.

const NETWORK: Key = key("network", NETWORK_KIND, "L1: can the port be reached?");
const PROCESS: Key = key("process", PROCESS_KIND, "L2: does the process answer?");
const APPLICATION: Key =
    key("application", APPLICATION_KIND, "L3: does the application say it is well?");
const BUSINESS: Key = key("business", BUSINESS_KIND, "L4: does a synthetic transaction succeed?");
const PHI: Key =
    key("phi", phi::KIND, "The phi-accrual detector of every check; `{}` or none = defaults.");
const TRAFFIC: Key =
    key("traffic", traffic::KIND, "What live traffic is judged by; `{}` or none = defaults.");
const MAX_RETURNS: Key =
    key("max_returns", RETURNS_KIND, "How often a minute a backend may come back; default 5.");
const START: Key = key(
    "start",
    START_KIND,
    "What a new backend counts as before its first pass; default `unknown`.",
);

const NETWORK_KIND: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&NETWORK_CHECK)]);
const PROCESS_KIND: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&process::SHAPE)]);
const APPLICATION_KIND: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&application::SHAPE)]);
const BUSINESS_KIND: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&business::SHAPE)]);
const RETURNS_KIND: Kind = Kind::AnyOf(&[OFF, Kind::Integer { min: 1, max: 600 }]);
const START_KIND: Kind = Kind::Words { now: &["unknown", "up"], later: &[] };

static NETWORK_CHECK: Shape = Shape {
    name: "network_check",
    about: "A TCP connect or an ICMP echo; `{}` takes every default.",
    keys: &[
        key("type", TYPE, "What is asked; default `tcp`: can a connection be opened?"),
        cadence::interval("From one probe's start to the next's; default `100ms`."),
        cadence::timeout("How long one probe may take; default `50ms`."),
        cadence::FALL,
        cadence::RISE,
        cadence::JITTER,
    ],
    later: &[],
};

const TYPE: Kind = Kind::Words { now: &["tcp", "icmp"], later: &[] };

/// Reads `health`; without it the network layer is asked at its defaults. `tls` = how the pool's traffic
/// speaks it.
pub(super) fn check(cursor: Option<&Cursor<'_>>, tls: Option<&BackendTls>) -> HealthChecks {
    let unnamed = HealthChecks {
        phi: Some(phi::default()),
        traffic: Some(TrafficCheck::DEFAULT),
        max_returns: Some(defaults::MAX_RETURNS),
        ..HealthChecks::default()
    };
    let Some(cursor) = cursor else {
        let cadence = cadence::default(NETWORK_INTERVAL, NETWORK_TIMEOUT);
        return HealthChecks { network: Some(NetworkCheck::connect(cadence)), ..unnamed };
    };
    if cursor.is_word("off") {
        return HealthChecks::default();
    }
    if !cursor.is_mapping() {
        cursor.mismatch("`off`, or a mapping such as `{ network: {}, application: {…} }`");
        return HealthChecks::default();
    }
    let Some(fields) = cursor.fields(&SHAPE) else { return HealthChecks::default() };
    if !Layer::ALL.iter().any(|layer| fields.has(layer.name())) {
        cursor.problem(
            "no layer is named here (expected `network`, `process`, `application` or `business`, \
             or `health: off`)",
        );
    }
    named(&fields, &unnamed, tls)
}

/// What is named here, and `otherwise` for the rest.
fn named(fields: &Fields<'_>, otherwise: &HealthChecks, tls: Option<&BackendTls>) -> HealthChecks {
    let rest = otherwise.clone();
    let checks = HealthChecks {
        network: layer(fields, "network", &NETWORK_CHECK, network).unwrap_or(rest.network),
        process: layer(fields, "process", &process::SHAPE, |fields| process::check(fields, tls))
            .unwrap_or(rest.process),
        application: layer(fields, "application", &application::SHAPE, |fields| {
            application::check(fields, tls)
        })
        .unwrap_or(rest.application),
        business: layer(fields, "business", &business::SHAPE, |fields| {
            business::check(fields, tls)
        })
        .unwrap_or(rest.business),
        phi: fields.get("phi").map_or(rest.phi, |cursor| phi::check(&cursor)),
        traffic: fields.get("traffic").map_or(rest.traffic, |cursor| traffic::check(&cursor)),
        max_returns: fields
            .get("max_returns")
            .map_or(rest.max_returns, |cursor| max_returns(&cursor)),
        presumed_up: fields.word("start").map_or(rest.presumed_up, |word| word == "up"),
    };
    // With nothing asked nobody could say that a backend is well again.
    if checks.asks_nothing() { HealthChecks::default() } else { checks }
}

/// A layer that is named here; `Some(None)` = it is `off`.
fn layer<T>(
    fields: &Fields<'_>,
    name: &str,
    shape: &'static Shape,
    read: impl FnOnce(&Fields<'_>) -> T,
) -> Option<Option<T>> {
    let cursor = fields.get(name)?;
    Some(mapping(&cursor, shape).map(|fields| read(&fields)))
}

/// A mapping of this shape, unless it is `off` or something else.
fn mapping<'a>(cursor: &Cursor<'a>, shape: &'static Shape) -> Option<Fields<'a>> {
    if cursor.is_word("off") {
        return None;
    }
    if !cursor.is_mapping() {
        cursor.mismatch(&format!("`off`, or {}", Kind::Shape(shape).expected()));
        return None;
    }
    cursor.fields(shape)
}

fn network(fields: &Fields<'_>) -> NetworkCheck {
    let default = cadence::default(NETWORK_INTERVAL, NETWORK_TIMEOUT);
    let ask = match fields.word("type") {
        Some("icmp") => NetworkAsk::Icmp,
        _ => NetworkAsk::Tcp,
    };
    NetworkCheck { cadence: cadence::read(fields, default), ask }
}

fn max_returns(cursor: &Cursor<'_>) -> Option<u32> {
    if cursor.is_word("off") {
        return None;
    }
    cursor.integer(1..=600).and_then(|n| u32::try_from(n).ok())
}
