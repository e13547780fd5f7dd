//! How much is under way at once: of a backend, a pool and a route, and where others wait.

use super::Pools;
use super::backend::MAX;
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, OFF, Shape, TIMEOUT, key, required};
use crate::config::{Action, Backend, BackendLimits, Concurrent, Queue, defaults};

/// `limits` of a pool.
pub(super) static OF_POOL: Shape = Shape {
    name: "pool_limits",
    about: "Limits of a pool as a whole, all workers together.",
    keys: &[key(
        "concurrent",
        Kind::AnyOf(&[OFF, MAX]),
        "Requests of `http` listeners under way at once; default `off`.",
    )],
    later: &[],
};

/// `queue`.
pub(super) static QUEUE: Shape = Shape {
    name: "queue",
    about: "Where connections and requests wait while there is no place for them.",
    keys: &[
        key("length", Kind::Integer { min: 0, max: 1_000_000 }, "How many; default 500."),
        key("timeout", TIMEOUT, "How long; default `500ms`."),
    ],
    later: &[],
};

/// `limits.concurrent` of a route.
pub(super) const OF_ROUTE: Kind = Kind::AnyOf(&[OFF, MAX, Kind::Shape(&WITH_QUEUE)]);

static WITH_QUEUE: Shape = Shape {
    name: "concurrent",
    about: "Requests under way at once, and where others wait.",
    keys: &[
        required("requests", MAX, "So many at most."),
        key("queue", Kind::Shape(&QUEUE), "Where others wait."),
    ],
    later: &[],
};

/// Reads a number of places, or `off`.
fn places(cursor: &Cursor<'_>) -> Option<u32> {
    let Kind::Integer { min, max } = MAX else { return None };
    if cursor.is_word("off") {
        return None;
    }
    cursor.integer(min..=max).and_then(|places| u32::try_from(places).ok())
}

/// Reads `limits` of a pool.
pub(super) fn of_pool(pool: &Fields<'_>) -> Option<u32> {
    places(&pool.fields("limits")?.get("concurrent")?)
}

/// Reads what each backend of a pool has unless it says otherwise.
pub(super) fn of_backends(pool: &Fields<'_>) -> BackendLimits {
    BackendLimits {
        connections: pool.integer("max_connections"),
        requests: pool.integer("max_requests"),
    }
}

/// Reads a queue.
pub(super) fn queue(fields: Option<&Fields<'_>>) -> Queue {
    let length = fields.and_then(|fields| fields.integer("length"));
    let timeout = fields.and_then(|fields| fields.duration("timeout"));
    Queue {
        length: length.unwrap_or(defaults::QUEUE_LENGTH),
        timeout: timeout.unwrap_or(defaults::QUEUE_TIMEOUT),
    }
}

/// Reads `limits.concurrent` of a route.
pub(super) fn of_route(route: &Fields<'_>) -> Option<Concurrent> {
    let cursor = route.fields("limits")?.get("concurrent")?;
    if !cursor.is_mapping() {
        return places(&cursor).map(|requests| Concurrent { requests, queue: queue(None) });
    }
    let fields = cursor.fields(&WITH_QUEUE)?;
    let requests = fields.integer("requests")?;
    Some(Concurrent { requests, queue: queue(fields.fields("queue").as_ref()) })
}

/// Reports a backend that may have more than its pool.
pub(super) fn judge(cursor: &Cursor<'_>, backend: &Backend, pool: Option<u32>) {
    if let (Some(own), Some(pool)) = (backend.limits.requests, pool)
        && own > pool
    {
        cursor.problem(format!(
            "the backend {} may have {own} requests at once, and its whole pool only {pool} (expected \
             `max_requests` at most the pool's `limits.concurrent`)",
            shown(&backend.name)
        ));
    }
}

/// Reports a route that may have more requests than the only pool it leads to.
pub(super) fn judge_route(
    route: &Fields<'_>,
    limit: Option<&Concurrent>,
    action: Option<&Action>,
    pools: &Pools<'_>,
) {
    let Some(cursor) = route.fields("limits").and_then(|limits| limits.get("concurrent")) else {
        return;
    };
    match (action, limit) {
        (Some(Action::Pools(split)), Some(limit)) => {
            let led = split.iter().map(|(index, _)| pools.concurrent.get(*index).copied()?);
            let all: Option<u32> = led.sum();
            if let Some(all) = all.filter(|all| *all < limit.requests) {
                cursor.problem(format!(
                    "the route may have {} requests at once, and where it leads only {all} (expected \
                     at most the pools' `limits.concurrent` together)",
                    limit.requests
                ));
            }
        }
        (Some(_), Some(_)) => cursor.problem(
            "only what is forwarded takes time (remove it, or expected `pool` or `pools`)",
        ),
        _ => {}
    }
}
