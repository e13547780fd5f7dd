//! Small configurations and facts, made in one line each.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::config::{
    AdminApi, Algorithm, Backend, Cadence, Config, HealthChecks, NetworkCheck, OnDown, Pool,
    PoolTimeouts, Queue, Region, Target, Zone,
};
use crate::decision::{Input, Ordered};
use crate::model::{
    Action, Admin, BackendKey, Failure, Layer, Observation, Order, Outcome, Reason, Scope,
};

/// A config with these pools and no listeners.
pub(crate) fn config(pools: Vec<Pool>) -> Config {
    Config {
        path: None,
        watch: false,
        listeners: Vec::new(),
        pools,
        admin: AdminApi::default(),
        state_dir: None,
        workers: NonZeroUsize::MIN,
    }
}

/// A pool whose backends are checked by connecting: down after 3 failures, up after 2 passes.
pub(crate) fn pool(name: &str, regions: Vec<Region>) -> Pool {
    let (interval, timeout) = (Duration::from_millis(100), Duration::from_millis(50));
    let cadence = Cadence { interval, timeout, fall: 3, rise: 2, jitter: 0.0 };
    Pool {
        name: name.into(),
        algorithm: Algorithm::RoundRobin,
        regions,
        health: HealthChecks {
            network: Some(NetworkCheck::connect(cadence)),
            ..HealthChecks::default()
        },
        timeouts: PoolTimeouts { connect: Duration::from_secs(1), idle: Duration::from_secs(30) },
        abort_on_close: false,
        unsafe_reuse_age: Duration::from_secs(1),
        idle_connections: 1,
        on_down: OnDown::Keep,
        queue: Queue { length: 0, timeout: Duration::ZERO },
        drain_deadline: Duration::from_secs(10),
    }
}

/// A pool in the short form.
pub(crate) fn flat(name: &str, backends: Vec<Backend>) -> Pool {
    pool(name, vec![region("default", None, vec![zone("default", None, backends)])])
}

pub(crate) fn region(name: &str, weight: Option<u32>, zones: Vec<Zone>) -> Region {
    Region { name: name.into(), weight, zones }
}

pub(crate) fn zone(name: &str, weight: Option<u32>, backends: Vec<Backend>) -> Zone {
    Zone { name: name.into(), weight, backends }
}

/// A backend of weight 1 at `10.0.0.<host>:80`.
pub(crate) fn backend(name: &str, host: u8) -> Backend {
    let target = Target::Inet(([10, 0, 0, host], 80).into());
    Backend { name: name.into(), target, weight: 1, backup: false, max_connections: None }
}

/// A backend of weight 1 that is configured by hostname, port 80.
pub(crate) fn named(name: &str, host: &str) -> Backend {
    let target = Target::Host { name: host.into(), port: 80 };
    Backend { name: name.into(), target, weight: 1, backup: false, max_connections: None }
}

pub(crate) fn key(pool: &str, name: &str) -> BackendKey {
    BackendKey { pool: pool.into(), name: name.into() }
}

pub(crate) fn pass(pool: &str, name: &str, at: Instant) -> Observation {
    observation(pool, name, at, Outcome::Pass)
}

pub(crate) fn fail(pool: &str, name: &str, at: Instant) -> Observation {
    let reason = Reason { failure: Failure::Refused, detail: "connect".into() };
    observation(pool, name, at, Outcome::Fail(reason))
}

fn observation(pool: &str, name: &str, at: Instant, outcome: Outcome) -> Observation {
    let latency = Duration::from_millis(1);
    let backend = key(pool, name);
    Observation { backend, layer: Layer::Network, check: 0, at, latency, outcome, agent: None }
}

/// What an order of this kind comes to for a backend.
pub(crate) fn ordered(admin: Admin) -> Ordered {
    let remains = if admin == Admin::Ready { 1.0 } else { 0.0 };
    Ordered { admin, remains, ..Ordered::default() }
}

pub(crate) fn order(scope: Scope, action: Action, since: Instant) -> Input {
    let (actor, why) = ("operator".into(), "a test".into());
    Input::Ordered(Order { scope, action, actor, why, since, until: None })
}
