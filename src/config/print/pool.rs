//! A pool, printed.

use super::failover;
use super::health;
use super::tls::backend_tls;
use super::yaml::{Tree, list, map, text, word};
use crate::config::value;
use crate::config::{
    Adaptive, Algorithm, Backend, BackendHttp2, BackendLimits, Breaker, HashKey, Pool, Queue,
    Region, Shed, Zone,
};
use crate::model::ProxyVersion;

/// A pool with every default, by regions and zones.
pub(super) fn tree(pool: &Pool) -> Tree {
    let algorithm = match &pool.algorithm {
        Algorithm::IpHash(HashKey::Header(name)) => {
            map([("ip-hash", map([("header", text(name))]))])
        }
        other => word(other.name()),
    };
    let regions = pool.regions.iter().map(|region| (region.name.to_string(), region_tree(region)));
    map([
        ("algorithm", algorithm),
        ("protocol", word(if pool.http2.is_some() { "h2" } else { "h1" })),
        ("regions", Tree::Map(regions.collect())),
        ("health", health::tree(&pool.health)),
        ("failover", failover::failover(&pool.failover)),
        ("restoration", failover::restoration(&pool.restoration)),
        ("slow_start", pool.slow_start.map_or(word("off"), |time| word(value::duration(time)))),
        ("drain", map([("deadline", word(value::duration(pool.drain.deadline)))])),
        (
            "timeouts",
            map([
                ("connect", word(value::duration(pool.timeouts.connect))),
                ("pool_idle", word(value::duration(pool.timeouts.idle))),
            ]),
        ),
        ("abort_on_close", word(pool.abort_on_close)),
        ("unsafe_reuse_age", word(value::duration(pool.unsafe_reuse_age))),
        ("idle_connections", word(pool.idle_connections)),
        ("on_down", word(pool.on_down.name())),
        (
            "retries",
            map([
                ("budget", word(value::ratio(pool.retries.part))),
                ("min_per_second", word(pool.retries.min_per_second)),
            ]),
        ),
        ("limits", map([("concurrent", pool.concurrent.map_or(word("off"), word))])),
        ("queue", queue(&pool.queue)),
        ("breaker", pool.breaker.as_ref().map_or(word("off"), breaker)),
        ("shed", pool.shed.as_ref().map_or(word("off"), shed)),
        ("tls", backend_tls(&pool.tls)),
        ("proxy_protocol", word(pool.proxy_protocol.map_or("off", ProxyVersion::name))),
    ]
    .into_iter()
    .chain(pool.http2.map(http2)))
}

fn http2(terms: BackendHttp2) -> (&'static str, Tree) {
    let BackendHttp2 { max_streams, max_connections } = terms;
    let keys = [("max_streams", word(max_streams)), ("max_connections", word(max_connections))];
    ("http2", map(keys))
}

/// A queue.
pub(super) fn queue(queue: &Queue) -> Tree {
    map([("length", word(queue.length)), ("timeout", word(value::duration(queue.timeout)))])
}

fn breaker(breaker: &Breaker) -> Tree {
    map([
        ("window", word(value::duration(breaker.window))),
        ("min_requests", word(breaker.min_requests)),
        ("max_errors", word(value::ratio(breaker.max_errors))),
        ("slow", health::slow(breaker.slow)),
        ("open", word(value::duration(breaker.open))),
        ("trial_share", word(value::ratio(breaker.trial_share))),
        ("trial_requests", word(breaker.trial_requests)),
    ])
}

fn shed(shed: &Shed) -> Tree {
    let concurrent = shed.concurrent.map(|count| ("concurrent", word(count)));
    let queue = shed.queue.map(|part| ("queue", word(value::ratio(part))));
    let adaptive = |it: &Adaptive| {
        map([
            ("min", word(it.min)),
            ("max", word(it.max)),
            ("tolerance", word(value::ratio(it.tolerance))),
            ("window", word(value::duration(it.window))),
        ])
    };
    let adaptive = ("adaptive", shed.adaptive.as_ref().map_or(word("off"), adaptive));
    map(concurrent.into_iter().chain(queue).chain([adaptive]))
}

fn region_tree(region: &Region) -> Tree {
    let zones = region.zones.iter().map(|zone| (zone.name.to_string(), zone_tree(zone)));
    let zones = ("zones", Tree::Map(zones.collect()));
    map(weight(region.weight).into_iter().chain([zones]))
}

fn zone_tree(zone: &Zone) -> Tree {
    let capacity = zone.capacity.map(|capacity| ("capacity", failover::capacity(capacity)));
    let keys = weight(zone.weight).into_iter().chain([("priority", word(zone.priority))]);
    map(keys.chain(capacity).chain([("backends", list(&zone.backends, backend))]))
}

fn weight(weight: Option<u32>) -> Option<(&'static str, Tree)> {
    weight.map(|weight| ("weight", word(weight)))
}

fn backend(backend: &Backend) -> Tree {
    let address = backend.target.to_string();
    let name = (*backend.name != *address).then(|| ("name", text(&backend.name)));
    let BackendLimits { connections, requests } = backend.limits;
    let connections = connections.map(|most| ("max_connections", word(most)));
    let requests = requests.map(|most| ("max_requests", word(most)));
    let own = backend.own_health.as_deref().map(|own| ("health", health::own_tree(own)));
    let common = [
        ("address", text(address)),
        ("weight", word(backend.weight)),
        ("backup", word(backend.backup)),
    ];
    map(name.into_iter().chain(common).chain(connections).chain(requests).chain(own))
}
