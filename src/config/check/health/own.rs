//! `health` of one backend: where it is probed, and what is its own.

use super::{
    APPLICATION, BUSINESS, MAX_RETURNS, NETWORK, PHI, PROCESS, START, TRAFFIC, http, mapping, named,
};
use crate::config::check::backend;
use crate::config::own_health::called;
use crate::config::read::Cursor;
use crate::config::shape::{Kind, OFF, Shape, key};
use crate::config::{BackendTls, HealthChecks, OwnHealth};

/// What `health` of a backend may be.
pub(in crate::config::check) const KIND: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&SHAPE)]);

static SHAPE: Shape = Shape {
    name: "backend_health",
    about: "What a backend is judged by; whatever is named here stands in place of the pool's.",
    keys: &[
        key(
            "address",
            Kind::Text(backend::PROBED),
            "Where its probes connect, or `:9000`, a port of its own host.",
        ),
        http::HOST,
        NETWORK,
        PROCESS,
        APPLICATION,
        BUSINESS,
        PHI,
        TRAFFIC,
        MAX_RETURNS,
        START,
    ],
    later: &[],
};

/// Reads a backend's own health; `pool` is what it is judged by otherwise.
pub(in crate::config::check) fn check(
    cursor: &Cursor<'_>,
    pool: &HealthChecks,
    tls: Option<&BackendTls>,
) -> OwnHealth {
    let nothing = OwnHealth { place: None, host: None, checks: HealthChecks::default() };
    let Some(fields) = mapping(cursor, &SHAPE) else { return nothing };
    let place = fields.text("address");
    let place = place.and_then(|(cursor, text)| backend::probe_place(&cursor, text));
    let host = fields.get("host").and_then(|cursor| http::host(&cursor));
    let checks = named(&fields, &called(pool, host.as_ref()), tls);
    // Where nothing is asked, neither place nor name means anything: it is `off`.
    if checks.asks_nothing() { nothing } else { OwnHealth { place, host, checks } }
}
