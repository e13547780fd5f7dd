//! What a pool's protections did: the part of `GET /status` that tells when one acts.

use serde::{Deserialize, Serialize};

use crate::control::{BreakerStatus, PoolStatus};
use crate::live::{Live, Pressure};
use crate::model::printable;

/// What a pool's protections did since the process began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protections {
    /// What was sent again.
    #[serde(default)]
    pub retries: Retries,
    /// Who has a place, and who waits for one.
    #[serde(default)]
    pub queue: Queue,
    /// What it has to do, and what it refuses for that.
    #[serde(default)]
    pub shed: Shed,
    /// How its circuit breaker stands; `null` = it has none.
    #[serde(default)]
    pub breaker: Option<Breaker>,
}

/// How a pool's circuit breaker stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// `closed` = all requests are let in, `open` = none is, `half-open` = a few are, on trial.
    pub state: String,
    /// Since when; `null` = always.
    pub since: Option<String>,
    /// What led to it; empty = nothing did.
    pub cause: String,
    /// When a trial begins, while it is open.
    pub until: Option<String>,
    /// How often it has opened.
    pub opened: u64,
    /// Requests refused so far because it was not closed.
    pub refused: u64,
}

/// The load of a pool that sheds by load (`shed`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shed {
    /// Requests under way, those that wait included; 0 where they are not counted.
    pub under_way: u32,
    /// How many it bears by its latency (`shed.adaptive`); `null` = not known.
    pub limit: Option<u32>,
    /// Requests refused so far because it had enough to do.
    pub refused: u64,
}

/// Places in a pool and at its backends, where their number is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Requests that hold a place of the pool's own (`limits.concurrent`).
    pub admitted: u32,
    /// Requests and connections that wait.
    pub waiting: usize,
    /// Those that were refused so far because as many waited as may.
    pub full: u64,
    /// Those that waited in vain so far.
    pub late: u64,
}

/// What was sent again, of the requests that a backend had been sent already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    /// Requests that were.
    pub sent: u64,
    /// Requests that were not, because the retry budget was spent.
    pub refused: u64,
}

/// A rate limit of a listener or of one of its routes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// The listener.
    pub listener: String,
    /// The route; `null` = the listener's own.
    pub route: Option<String>,
    /// Its name.
    pub limit: String,
    /// Requests that it refused.
    pub refused: u64,
    /// Clients or values forgotten too early for want of places.
    pub forgotten: u64,
}

/// All of them.
pub(super) fn rate_limits(live: &Live) -> Vec<RateLimit> {
    let told = live.limiters().into_iter().map(|(key, limiter)| RateLimit {
        listener: key.listener.to_string(),
        route: key.route.map(|route| route.to_string()),
        limit: key.limit.to_string(),
        refused: limiter.refused(),
        forgotten: limiter.forgotten(),
    });
    told.collect()
}

/// Those of this pool.
pub(super) fn protections(live: &Live, status: &PoolStatus) -> Protections {
    let pool = &status.name;
    let (sent, refused) = live.retries(pool).counted();
    let queue = live.queue(pool);
    let (full, late) = queue.counted();
    let (admitted, waiting) = (queue.taken(), queue.waiting());
    Protections {
        retries: Retries { sent, refused },
        queue: Queue { admitted, waiting, full, late },
        shed: shed(&live.pressure(pool)),
        breaker: status.breaker.as_ref().map(|it| breaker(it, live.arrivals(pool).kept_out())),
    }
}

fn shed(pressure: &Pressure) -> Shed {
    let limit = Some(pressure.limit()).filter(|limit| *limit < u32::MAX);
    Shed { under_way: pressure.under_way(), limit, refused: pressure.refused() }
}

fn breaker(status: &BreakerStatus, refused: u64) -> Breaker {
    Breaker {
        state: status.circuit.name().to_owned(),
        since: status.since.map(|since| since.to_string()),
        cause: printable(&status.cause).into_owned(),
        until: status.until.map(|until| until.to_string()),
        opened: status.opened,
        refused,
    }
}
