//! A backend: its address in one of four forms, its weight.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::health::own;
use super::name;
use crate::config::problem::shown;
use crate::config::read::Cursor;
use crate::config::shape::{Kind, Shape, key, required};
use crate::config::{
    Backend, BackendLimits, BackendTls, HealthChecks, NetworkAsk, ProbePlace, ProcessAsk, Target,
};
use crate::model::Address;

/// What an item of `backends` may be.
pub(super) const BACKEND: Kind = Kind::AnyOf(&[Kind::Text(ADDRESS), Kind::Shape(&SHAPE)]);

static SHAPE: Shape = Shape {
    name: "backend",
    about: "A backend; text alone is its address.",
    keys: &[
        required("address", Kind::Text(ADDRESS), "Where it listens."),
        key("name", Kind::Text(name::NAME), "Unique in the pool; default its address."),
        key("weight", Kind::Integer { min: 0, max: 65_535 }, "0 = gets nothing; default 1."),
        key("backup", Kind::Boolean, "Takes traffic only while no other backend can."),
        key("max_connections", MAX, "Of `tcp` listeners, at once; default no limit."),
        key("max_requests", MAX, "Of `http` listeners, at once; default no limit."),
        key("health", own::KIND, "What it is judged by, where the pool's way does not fit."),
    ],
    later: &["priority", "capacity", "tls", "labels"],
};

/// How many connections or requests there may be, all workers together.
pub(super) const MAX: Kind = Kind::Integer { min: 1, max: 10_000_000 };

const ADDRESS: &str =
    "an address such as 10.0.1.10:8080, [::1]:8080, app.internal:8080 or unix:/run/app.sock";

/// What is expected of a place to probe.
pub(super) const PROBED: &str =
    "an address such as 10.0.1.10:9000 or unix:/run/health.sock, or a port such as `:9000`";

/// Bytes of a unix socket's path (`sun_path`, less its final NUL).
const SOCKET_PATH_BYTES: usize = 107;

/// Reads one backend of a pool with these checks, whose backends have these limits.
pub(super) fn check(
    cursor: &Cursor<'_>,
    pool: &HealthChecks,
    tls: Option<&BackendTls>,
    limits: BackendLimits,
) -> Option<Backend> {
    if !cursor.is_mapping() {
        let text = cursor.text(ADDRESS)?;
        let target = target(cursor, text)?;
        let name = address_name(&target);
        let (backup, own_health) = (false, None);
        return Some(Backend { name, target, weight: 1, backup, limits, own_health });
    }
    let fields = cursor.fields(&SHAPE)?;
    let typed_name = fields.get("name").and_then(|cursor| name::of_value(&cursor));
    let weight = fields.integer("weight").unwrap_or(1);
    let backup = fields.boolean("backup").unwrap_or(false);
    let limits = BackendLimits {
        connections: fields.integer("max_connections").or(limits.connections),
        requests: fields.integer("max_requests").or(limits.requests),
    };
    let own_health = fields.get("health").map(|cursor| Arc::new(own::check(&cursor, pool, tls)));
    let (cursor, text) = fields.text("address")?;
    let target = target(&cursor, text)?;
    Some(Backend {
        name: typed_name.unwrap_or_else(|| address_name(&target)),
        target,
        weight,
        backup,
        limits,
        own_health,
    })
}

/// The name of a backend that was given none: its address, however it was typed.
fn address_name(target: &Target) -> Arc<str> {
    Arc::from(target.to_string())
}

/// Reports what cannot be asked of a backend that is probed at a unix socket.
pub(super) fn refuse_impossible(cursor: &Cursor<'_>, backend: &Backend, pool: &HealthChecks) {
    let own = backend.own_health.as_deref();
    let at_socket = match own.and_then(|own| own.place.as_ref()) {
        Some(ProbePlace::Address(address)) => matches!(address, Address::Unix(_)),
        Some(ProbePlace::Port(_)) if matches!(backend.target, Target::Unix(_)) => {
            return cursor.problem("a unix socket is on no host whose port could be probed (give `health.address` in full)");
        }
        Some(ProbePlace::Port(_)) => false,
        None => matches!(backend.target, Target::Unix(_)),
    };
    if !at_socket {
        return;
    }
    let checks = own.map_or(pool, |own| &own.checks);
    if checks.network.as_ref().is_some_and(|check| check.ask == NetworkAsk::Icmp) {
        cursor.problem("a unix socket has no host to ping (expected `network: { type: tcp }`)");
    }
    if matches!(checks.process.as_ref().map(|it| &it.ask), Some(ProcessAsk::Agent { .. })) {
        cursor.problem("an agent has a port, a unix socket none (give `health.address`)");
    }
}

/// Where probes connect: a port, or a target without a name to resolve.
pub(super) fn probe_place(cursor: &Cursor<'_>, text: &str) -> Option<ProbePlace> {
    if let Some(port) = text.strip_prefix(':') {
        let port = port.parse().ok().filter(|port| *port > 0);
        if port.is_none() {
            cursor.mismatch(PROBED);
        }
        return port.map(ProbePlace::Port);
    }
    match target(cursor, text)? {
        Target::Inet(address) => Some(ProbePlace::Address(Address::Inet(address))),
        Target::Unix(path) => Some(ProbePlace::Address(Address::Unix(path))),
        Target::Host { .. } => {
            cursor.problem(format!("{} is a hostname (expected {PROBED})", shown(text)));
            None
        }
    }
}

fn target(cursor: &Cursor<'_>, text: &str) -> Option<Target> {
    if let Some(path) = text.strip_prefix("unix:") {
        return socket(cursor, path);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return inet(cursor, address);
    }
    match host(text) {
        Ok(target) => return Some(target),
        Err(Some(why)) => {
            cursor.problem(format!("{} {why} (expected {ADDRESS})", shown(text)));
        }
        Err(None) => cursor.mismatch(ADDRESS),
    }
    None
}

fn socket(cursor: &Cursor<'_>, path: &str) -> Option<Target> {
    if path.is_empty() || path.len() > SOCKET_PATH_BYTES {
        cursor.problem(format!(
            "a unix socket's path has 1 to {SOCKET_PATH_BYTES} bytes (expected {ADDRESS})"
        ));
        return None;
    }
    Some(Target::Unix(Arc::from(Path::new(path))))
}

fn inet(cursor: &Cursor<'_>, address: SocketAddr) -> Option<Target> {
    if address.port() == 0 {
        cursor.problem("a backend's port cannot be 0 (expected 1 to 65535)");
    } else if address.ip().is_unspecified() {
        cursor.problem(format!("{address} is an address to listen on, not to connect to"));
    } else {
        return Some(Target::Inet(address));
    }
    None
}

/// A hostname with its port; `Err` says what is wrong where that can be told.
fn host(text: &str) -> Result<Target, Option<&'static str>> {
    if text.contains("://") {
        return Err(Some("has a scheme, which an address has not"));
    }
    let Some((name, port)) = text.rsplit_once(':') else {
        return Err(Some("has no port"));
    };
    let port = port.parse::<u16>().ok().filter(|port| *port > 0);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    match (name::is_hostname(&name), port) {
        (true, Some(port)) => Ok(Target::Host { name: Arc::from(name), port }),
        (true, None) => Err(Some("has no valid port after its last colon")),
        (false, _) => Err(None),
    }
}
