//! A pool: its backends, short or by region and zone, and how they are used.

use std::collections::HashMap;
use std::sync::Arc;

use super::defaults::{Inherited, POOL_TIMEOUTS};
use super::{
    backend, backend_tls, breaker, concurrent, failover, header, health, name, proxy_protocol,
    restoration, retries, shed,
};
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields, Named};
use crate::config::shape::{Kind, OFF, Shape, TIMEOUT, key, required};
use crate::config::{
    Algorithm, Backend, BackendHttp2, BackendLimits, BackendTls, Capacity, Drain, HashKey,
    HealthChecks, OnDown, Pool, Region, Zone, defaults,
};

/// An entry of `pools`.
pub(super) static SHAPE: Shape = Shape {
    name: "pool",
    about: "A group of backends; either `backends` (one region, one zone) or `regions`.",
    keys: &[
        key("backends", Kind::List(&backend::BACKEND), "Backends of one region and zone."),
        key(
            "regions",
            Kind::Map { of: "region", values: &Kind::Shape(&REGION), x_keys: false },
            "Backends by region and zone.",
        ),
        key("algorithm", ALGORITHM, "How a backend is chosen; default `round-robin`."),
        key("protocol", PROTOCOL, "What the backends speak; default `h1`."),
        key("http2", Kind::Shape(&HTTP2), "Connections of `protocol: h2`."),
        key("health", Kind::AnyOf(&[OFF, Kind::Shape(&health::SHAPE)]), "What is probed."),
        key("failover", Kind::Shape(&failover::SHAPE), "When zones and regions go out."),
        key("restoration", RESTORATION, "How zones and regions come back."),
        key(
            "slow_start",
            restoration::SLOW_START,
            "A returning backend's ramp, set back by worse evidence; default `off`.",
        ),
        key("drain", Kind::Shape(&DRAIN), "How a drain ends."),
        key("timeouts", Kind::Shape(&POOL_TIMEOUTS), "Deadlines of connections to backends."),
        key("abort_on_close", Kind::Boolean, "A client's half-close counts as leaving."),
        key("unsafe_reuse_age", TIMEOUT, "Idle age up to which unsafe requests reuse; default 1s."),
        key(
            "idle_connections",
            Kind::Integer { min: 0, max: 65_535 },
            "Unused connections kept per backend and worker; default 4096.",
        ),
        key(
            "on_down",
            ON_DOWN,
            "What a backend's going down does to requests that cannot be sent elsewhere, to \
             responses under way and to tunnels; default `keep`.",
        ),
        backend_tls::POOL,
        key(
            "max_connections",
            backend::MAX,
            "Of each of its backends at once; only for `tcp` listeners; default no limit.",
        ),
        key("retries", Kind::Shape(&retries::OF_POOL), "How many requests may be sent again."),
        key(
            "max_requests",
            backend::MAX,
            "Of each of its backends at once; only for `http` listeners; default no limit.",
        ),
        key("limits", Kind::Shape(&concurrent::OF_POOL), "Limits of the pool as a whole."),
        key("queue", Kind::Shape(&concurrent::QUEUE), "Where who finds no free place waits."),
        key("breaker", breaker::KIND, "When the pool as a whole is left alone; default `off`."),
        key("shed", shed::KIND, "From which load on requests are refused; default `off`."),
        key(
            "proxy_protocol",
            proxy_protocol::OUTBOUND,
            "How backends are told who the client is, on `tcp` listeners; probes that talk to the \
             backend itself begin with it too; default `off`.",
        ),
    ],
    later: &["outliers", "capacity", "priority", "discovery"],
};

static HTTP2: Shape = Shape {
    name: "backend_http2",
    about: "Connections to backends that speak HTTP/2, which many requests share.",
    keys: &[
        key(
            "max_streams",
            Kind::Integer { min: 1, max: 10_000 },
            "Requests under way at once on one connection, if the backend allows as many; default \
             100.",
        ),
        key(
            "max_connections",
            Kind::Integer { min: 1, max: 1000 },
            "Connections per backend and worker: when all are full, requests wait in the `queue`; \
             default 16.",
        ),
    ],
    later: &[],
};

static REGION: Shape = Shape {
    name: "region",
    about: "A region of a pool.",
    keys: &[
        required(
            "zones",
            Kind::Map { of: "zone", values: &Kind::Shape(&ZONE), x_keys: false },
            "Its zones.",
        ),
        key("weight", WEIGHT, "Among the regions; in all of them or in none."),
        key("priority", PRIORITY, "Of its zones that have none of their own; default 0."),
    ],
    later: &["capacity"],
};

static ZONE: Shape = Shape {
    name: "zone",
    about: "A zone of a region.",
    keys: &[
        required("backends", Kind::List(&backend::BACKEND), "Its backends."),
        key("weight", WEIGHT, "Among the region's zones; in all of them or in none."),
        key("priority", PRIORITY, "Who takes what those of lower numbers cannot; default 0."),
        key("capacity", Kind::Shape(&CAPACITY), "What it can take, all its backends up."),
    ],
    later: &[],
};

static CAPACITY: Shape = Shape {
    name: "capacity",
    about: "What a zone can take at most: one of the two.",
    keys: &[
        key("rps", AMOUNT, "Requests per second."),
        key("concurrent", AMOUNT, "Requests in flight."),
    ],
    later: &[],
};

static DRAIN: Shape = Shape {
    name: "drain",
    about: "How a drain ends.",
    keys: &[key("deadline", TIMEOUT, "What is still open then is closed; default `10s`.")],
    later: &["rate"],
};

const RESTORATION: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&restoration::SHAPE)]);
const PRIORITY: Kind = Kind::Integer { min: 0, max: 100 };
const AMOUNT: Kind = Kind::Integer { min: 1, max: 1_000_000_000 };

static IP_HASH: Shape = Shape {
    name: "ip_hash",
    about: "A consistent hash.",
    keys: &[required("ip-hash", Kind::Shape(&HASH_KEY), "What is hashed.")],
    later: &[],
};

static HASH_KEY: Shape = Shape {
    name: "hash_key",
    about: "What is hashed instead of the client's address.",
    keys: &[required("header", Kind::Text(header::NAME), "A header; where missing, the address.")],
    later: &["cookie"],
};

const ALGORITHM: Kind = Kind::AnyOf(&[ALGORITHMS, Kind::Shape(&IP_HASH)]);
const ALGORITHMS: Kind = Kind::Words {
    now: &["round-robin", "least-connections", "ip-hash"],
    later: &["p2c", "peak-ewma", "bounded-hash", "cookie", "random"],
};
const PROTOCOL: Kind = Kind::Words { now: &["h1", "h2"], later: &[] };
const ON_DOWN: Kind = Kind::Words { now: &["keep", "close"], later: &[] };
const WEIGHT: Kind = Kind::Integer { min: 0, max: 65_535 };

/// The name of the one region, and its one zone, of a pool in the short form.
const SHORT: &str = "default";

/// Reads one pool.
pub(super) fn check(named: &Named<'_>, inherited: &Inherited) -> Option<Pool> {
    let name = name::of_entry(named);
    let fields = named.value.fields(&SHAPE)?;
    let inherited = inherited.for_pool(&fields);
    let tls = backend_tls::read(&fields, None);
    let health = health::check(fields.get("health").as_ref(), tls.as_ref());
    let concurrent = concurrent::of_pool(&fields);
    let mut members =
        Members::new(&health, tls.as_ref(), concurrent::of_backends(&fields), concurrent);
    let regions = regions(&fields, &mut members);
    members.judge(&fields);
    let restoration = restoration::check(fields.get("restoration").as_ref());
    let zones = || regions.iter().flat_map(|region| &region.zones);
    let bounded = zones().count() > 1 && zones().any(|zone| zone.capacity.is_some());
    let failover = failover::check(fields.fields("failover").as_ref(), bounded);
    failover::judge(&fields, &failover, &restoration);
    let drain = fields.fields("drain").and_then(|fields| fields.duration("deadline"));
    let queue = concurrent::queue(fields.fields("queue").as_ref());
    let shed = shed::check(&fields, concurrent, &regions, queue);
    Some(Pool {
        name,
        algorithm: fields
            .get("algorithm")
            .and_then(|c| algorithm(&c))
            .unwrap_or(Algorithm::RoundRobin),
        regions,
        health,
        failover,
        restoration,
        slow_start: fields.duration_or_off("slow_start").flatten(),
        drain: drain.map_or_else(Drain::default, |deadline| Drain { deadline }),
        timeouts: inherited.pool,
        abort_on_close: fields.boolean("abort_on_close").unwrap_or(false),
        unsafe_reuse_age: fields.duration("unsafe_reuse_age").unwrap_or(defaults::UNSAFE_REUSE_AGE),
        idle_connections: fields
            .integer("idle_connections")
            .unwrap_or(defaults::POOL_IDLE_CONNECTIONS),
        on_down: match fields.word("on_down") {
            Some("close") => OnDown::Close,
            _ => OnDown::Keep,
        },
        retries: retries::of_pool(&fields),
        concurrent,
        breaker: breaker::check(&fields),
        shed,
        queue,
        proxy_protocol: proxy_protocol::outbound(&fields),
        tls,
        http2: http2(&fields),
    })
}

fn http2(fields: &Fields<'_>) -> Option<BackendHttp2> {
    if fields.word("protocol") != Some("h2") {
        if let Some(cursor) = fields.get("http2") {
            cursor.problem("`http2` is for pools of `protocol: h2`");
        }
        return None;
    }
    let all = BackendHttp2::DEFAULT;
    let Some(fields) = fields.fields("http2") else { return Some(all) };
    Some(BackendHttp2 {
        max_streams: fields.integer("max_streams").unwrap_or(all.max_streams),
        max_connections: fields.integer("max_connections").unwrap_or(all.max_connections),
    })
}

fn algorithm(cursor: &Cursor<'_>) -> Option<Algorithm> {
    if cursor.is_mapping() {
        let key = cursor.fields(&IP_HASH)?.fields("ip-hash")?;
        let (cursor, text) = key.text("header")?;
        let name = header::name(text);
        if name.is_none() {
            cursor.mismatch(header::NAME);
        }
        return Some(Algorithm::IpHash(HashKey::Header(name?)));
    }
    let Kind::Words { now, later } = ALGORITHMS else { return None };
    Some(match cursor.word(now, later)? {
        "least-connections" => Algorithm::LeastConnections,
        "ip-hash" => Algorithm::IpHash(HashKey::Client),
        _ => Algorithm::RoundRobin,
    })
}

fn regions(fields: &Fields<'_>, members: &mut Members<'_>) -> Vec<Region> {
    if fields.has("backends") && fields.has("regions") {
        fields.cursor().problem("the pool has both `backends` and `regions` (expected only one)");
    }
    if fields.has("backends") {
        let (weight, priority, capacity) = (None, 0, None);
        let backends = members.read(fields);
        let zone = Zone { name: Arc::from(SHORT), weight, priority, capacity, backends };
        return vec![Region { name: Arc::from(SHORT), weight: None, zones: vec![zone] }];
    }
    let Some(named) = fields.entries("regions") else { return Vec::new() };
    let regions: Vec<(Cursor<'_>, Region)> = named
        .iter()
        .filter_map(|named| Some((named.value.clone(), region(named, members)?)))
        .collect();
    all_or_none("region", regions.iter().map(|(cursor, region)| (cursor, region.weight)));
    regions.into_iter().map(|(_, region)| region).collect()
}

fn region(named: &Named<'_>, members: &mut Members<'_>) -> Option<Region> {
    let name = name::of_entry(named);
    let fields = named.value.fields(&REGION)?;
    let priority = fields.integer("priority").unwrap_or(0);
    let zones: Vec<(Cursor<'_>, Zone)> = fields
        .entries("zones")?
        .iter()
        .filter_map(|named| Some((named.value.clone(), zone(named, priority, members)?)))
        .collect();
    if let (true, Some(cursor)) = (zones.is_empty(), fields.get("zones")) {
        cursor.problem("there is no zone here (expected at least one)");
    }
    all_or_none("zone", zones.iter().map(|(cursor, zone)| (cursor, zone.weight)));
    let zones = zones.into_iter().map(|(_, zone)| zone).collect();
    Some(Region { name, weight: fields.integer("weight"), zones })
}

fn zone(named: &Named<'_>, priority: u32, members: &mut Members<'_>) -> Option<Zone> {
    let name = name::of_entry(named);
    let fields = named.value.fields(&ZONE)?;
    Some(Zone {
        name,
        weight: fields.integer("weight"),
        priority: fields.integer("priority").unwrap_or(priority),
        capacity: fields.fields("capacity").and_then(|fields| capacity(&fields)),
        backends: members.read(&fields),
    })
}

fn capacity(fields: &Fields<'_>) -> Option<Capacity> {
    let (rps, concurrent) = (fields.integer("rps"), fields.integer("concurrent"));
    if fields.has("rps") == fields.has("concurrent") {
        fields.cursor().problem("expected either `rps` or `concurrent`");
    }
    rps.map(Capacity::Rps).or(concurrent.map(Capacity::Concurrent))
}

/// A sibling without a weight beside one with a weight has no meaning anybody would agree on.
fn all_or_none<'c, 'a: 'c>(
    what: &str,
    siblings: impl Iterator<Item = (&'c Cursor<'a>, Option<u32>)> + Clone,
) {
    if siblings.clone().any(|(_, weight)| weight.is_some()) {
        for (cursor, _) in siblings.clone().filter(|(_, weight)| weight.is_none()) {
            cursor.problem(format!(
                "this {what} has no `weight`, but another has (give all of them one, or none)"
            ));
        }
    }
    let mut weights = siblings.filter_map(|(cursor, weight)| Some((cursor, weight?))).peekable();
    if let Some((first, _)) = weights.peek().cloned()
        && weights.all(|(_, weight)| weight == 0)
    {
        first.warning(format!("every {what}'s weight here is 0: none of them gets traffic"));
    }
}

/// The backends of a pool, over all its zones.
struct Members<'h> {
    /// What they are judged by unless they say otherwise.
    health: &'h HealthChecks,
    /// How TLS is spoken with them.
    tls: Option<&'h BackendTls>,
    /// Lines by name.
    lines: HashMap<Arc<str>, u32>,
    typed: usize,
    weight: u64,
    /// What a backend has that says nothing else.
    limits: BackendLimits,
    /// What the pool has.
    concurrent: Option<u32>,
}

impl<'h> Members<'h> {
    fn new(
        health: &'h HealthChecks,
        tls: Option<&'h BackendTls>,
        limits: BackendLimits,
        concurrent: Option<u32>,
    ) -> Self {
        Self { health, tls, limits, concurrent, lines: HashMap::new(), typed: 0, weight: 0 }
    }

    fn read(&mut self, fields: &Fields<'_>) -> Vec<Backend> {
        let cursors = fields.list("backends").unwrap_or_default();
        self.typed += cursors.len();
        cursors.iter().filter_map(|cursor| self.member(cursor)).collect()
    }

    fn member(&mut self, cursor: &Cursor<'_>) -> Option<Backend> {
        let backend = backend::check(cursor, self.health, self.tls, self.limits)?;
        concurrent::judge(cursor, &backend, self.concurrent);
        backend::refuse_impossible(cursor, &backend, self.health);
        self.weight += u64::from(backend.weight);
        if let Some(line) = self.lines.insert(Arc::clone(&backend.name), cursor.line()) {
            let name = shown(&backend.name);
            cursor.problem(format!(
                "the pool has a backend {name} already, in line {line} (give one another `name`)"
            ));
        }
        Some(backend)
    }

    /// Judges the pool as a whole.
    fn judge(&self, fields: &Fields<'_>) {
        if self.typed == 0 {
            fields.cursor().problem("the pool has no backend (expected `backends` or `regions`)");
        } else if self.weight == 0 && !self.lines.is_empty() {
            fields.cursor().warning("every backend's weight is 0: the pool gets no traffic");
        }
    }
}
