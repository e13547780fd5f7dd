//! `health`: which layers are asked, how often, and what is expected.

mod application;
mod business;
mod cadence;
mod expect;
mod http;
mod phi;
mod process;
mod query;
mod step;
mod tls;
mod traffic;

use crate::config::defaults::{self, NETWORK_INTERVAL, NETWORK_TIMEOUT};
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, OFF, Shape, key};
use crate::config::{HealthChecks, NetworkAsk, NetworkCheck, TrafficCheck};
use crate::model::Layer;

/// `health`, unless it is `off`.
pub(super) static SHAPE: Shape = Shape {
    name: "health",
    about: "What is probed: a named layer is, an unnamed one is not.",
    keys: &[
        key("network", Kind::Shape(&NETWORK), "L1: can the port be reached?"),
        key("process", Kind::Shape(&process::SHAPE), "L2: does the process answer?"),
        key(
            "application",
            Kind::Shape(&application::SHAPE),
            "L3: does the application say it is well?",
        ),
        key("business", Kind::Shape(&business::SHAPE), "L4: does a synthetic transaction succeed?"),
        key("phi", phi::KIND, "The phi-accrual detector of every check; `{}` or none = defaults."),
        key("traffic", traffic::KIND, "What live traffic is judged by; `{}` or none = defaults."),
        key("max_returns", MAX_RETURNS, "How often a minute a backend may come back; default 5."),
        key(
            "start",
            START,
            "What a new backend counts as before its first pass; default `unknown`.",
        ),
    ],
    later: &[],
};

static NETWORK: Shape = Shape {
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

const MAX_RETURNS: Kind = Kind::AnyOf(&[OFF, Kind::Integer { min: 1, max: 600 }]);
const START: Kind = Kind::Words { now: &["unknown", "up"], later: &[] };

/// Reads `health`; without it the network layer is asked at its defaults.
pub(super) fn check(cursor: Option<&Cursor<'_>>) -> HealthChecks {
    let Some(cursor) = cursor else {
        let cadence = cadence::default(NETWORK_INTERVAL, NETWORK_TIMEOUT);
        let network = Some(NetworkCheck::connect(cadence));
        let (phi, traffic) = (Some(phi::default()), Some(TrafficCheck::DEFAULT));
        let max_returns = Some(defaults::MAX_RETURNS);
        return HealthChecks { network, phi, traffic, max_returns, ..HealthChecks::default() };
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
    HealthChecks {
        network: fields.fields("network").map(|fields| network(&fields)),
        process: fields.fields("process").map(|fields| process::check(&fields)),
        application: fields.fields("application").map(|fields| application::check(&fields)),
        business: fields.fields("business").map(|fields| business::check(&fields)),
        phi: phi::check(&fields),
        traffic: traffic::check(&fields),
        max_returns: max_returns(&fields),
        presumed_up: fields.word("start") == Some("up"),
    }
}

fn network(fields: &Fields<'_>) -> NetworkCheck {
    let default = cadence::default(NETWORK_INTERVAL, NETWORK_TIMEOUT);
    let ask = match fields.word("type") {
        Some("icmp") => NetworkAsk::Icmp,
        _ => NetworkAsk::Tcp,
    };
    NetworkCheck { cadence: cadence::read(fields, default), ask }
}

fn max_returns(fields: &Fields<'_>) -> Option<u32> {
    let Some(cursor) = fields.get("max_returns") else { return Some(defaults::MAX_RETURNS) };
    if cursor.is_word("off") {
        return None;
    }
    cursor.integer(1..=600).and_then(|n| u32::try_from(n).ok())
}
