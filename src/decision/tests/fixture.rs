//! Small configurations and facts, made in one line each.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::config::{
    AdminApi, Algorithm, Backend, BackendLimits, Cadence, Config, Drain, EventLog, Failover,
    HealthChecks, NetworkCheck, OnDown, Pool, PoolTimeouts, Queue, Region, ResolvedBackend,
    Restoration, Target, Zone, expand,
};
use crate::decision::load::{Amount, Load};
use crate::decision::pool::{Inputs, PoolCore};
use crate::decision::{Candidate, Input, Moved, Ordered, Orders};
use crate::model::{
    Action, Addresses, Admin, BackendKey, Failure, Health, Layer, Observation, Order, Outcome,
    Reason, Scope, ZonePlan,
};

/// A config with these pools and no listeners.
pub(crate) fn config(pools: Vec<Pool>) -> Config {
    Config {
        path: None,
        watch: false,
        listeners: Vec::new(),
        pools,
        degradation: Vec::new(),
        admin: AdminApi::default(),
        webhooks: Vec::new(),
        state_dir: None,
        record_bytes: None,
        event_log: EventLog::DEFAULT,
        buffer_bytes: None,
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
        failover: Failover::default(),
        restoration: Restoration::default(),
        slow_start: None,
        drain: Drain::default(),
        timeouts: PoolTimeouts { connect: Duration::from_secs(1), idle: Duration::from_secs(30) },
        abort_on_close: false,
        unsafe_reuse_age: Duration::from_secs(1),
        idle_connections: 1,
        on_down: OnDown::Keep,
        retries: crate::config::RetryBudget::DEFAULT,
        concurrent: None,
        queue: Queue { length: 0, timeout: Duration::ZERO },
        proxy_protocol: None,
        breaker: None,
        shed: None,
        tls: None,
        http2: None,
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
    Zone { name: name.into(), weight, priority: 0, capacity: None, backends }
}

/// A backend of weight 1 at `10.0.0.<host>:80`.
pub(crate) fn backend(name: &str, host: u8) -> Backend {
    let target = Target::Inet(([10, 0, 0, host], 80).into());
    Backend {
        name: name.into(),
        target,
        weight: 1,
        backup: false,
        limits: BackendLimits::default(),
        own_health: None,
    }
}

/// A backend of weight 1 that is configured by hostname, port 80.
pub(crate) fn named(name: &str, host: &str) -> Backend {
    let target = Target::Host { name: host.into(), port: 80 };
    Backend {
        name: name.into(),
        target,
        weight: 1,
        backup: false,
        limits: BackendLimits::default(),
        own_health: None,
    }
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

/// A backend and how it is.
pub(crate) type Exception<'a> = (&'a str, (Health, Admin));

/// One pool, decided step by step.
pub(crate) struct World {
    pub(crate) pool: Pool,
    pub(crate) backends: Vec<ResolvedBackend>,
    pub(in crate::decision) core: PoolCore,
    pub(crate) orders: Orders,
    pub(crate) now: Instant,
}

impl World {
    pub(crate) fn new(pool: Pool) -> Self {
        let zones = pool.regions.iter().flat_map(|region| &region.zones);
        let core = PoolCore::new(&pool, zones.map(|zone| zone.backends.len()));
        let backends = expand(&pool, &Addresses::default());
        let now = tokio::time::Instant::now().into_std();
        Self { pool, backends, core, orders: Orders::default(), now }
    }

    /// A pool `site` in the short form.
    pub(crate) fn flat(backends: Vec<Backend>) -> Self {
        Self::new(flat("site", backends))
    }

    /// Decides with all backends up but these; returns the report.
    pub(crate) fn decide(&mut self, exceptions: &[Exception<'_>]) -> String {
        self.moved(exceptions);
        self.core.report.to_string()
    }

    /// Decides with all backends up but these; returns the places that stand otherwise than before.
    pub(crate) fn moved(&mut self, exceptions: &[Exception<'_>]) -> Vec<Moved> {
        let (backends, orders, now) = (&self.backends, &self.orders, self.now);
        let candidate = |place: usize| {
            let backend: &ResolvedBackend = &backends[place];
            let found = exceptions.iter().find(|(name, _)| *name == &*backend.key.name);
            let (health, admin) = found.map_or((Health::Up, Admin::Ready), |(_, it)| *it);
            let reason = Reason { failure: Failure::Timeout, detail: "50 ms".into() };
            let reason = matches!(health, Health::Down).then_some(reason);
            let ordered = match admin {
                Admin::Ready => orders.of_backend(backend, now),
                Admin::Drain | Admin::Maint => ordered(admin),
            };
            Candidate {
                backend,
                health,
                reason,
                last_resort: false,
                ordered,
                ramp: 1.0,
                setbacks: 0,
            }
        };
        self.core.zones.iter_mut().for_each(|zone| zone.changed = true);
        let inputs = Inputs { pool: &self.pool, candidate, orders, now };
        self.core.decide(&inputs)
    }

    /// Takes an order in.
    pub(crate) fn order(&mut self, order: Input) {
        let Input::Ordered(order) = order else { return };
        self.core.restore(&self.pool, &order, self.now);
        self.orders.give(order);
    }

    /// So many requests per second are planned with.
    pub(crate) fn load(&mut self, rps: u64) {
        self.plan_with(Amount { rps: rps as f64, concurrent: 0.0 });
    }

    /// So many requests in flight are planned with.
    pub(crate) fn in_flight(&mut self, concurrent: u64) {
        self.plan_with(Amount { rps: 0.0, concurrent: concurrent as f64 });
    }

    fn plan_with(&mut self, amount: Amount) {
        self.core.load = Load::planned_with(amount);
    }

    /// Every zone with its share.
    pub(crate) fn shares(&self) -> String {
        let zones = self.core.plan.zones.iter();
        zones.map(|zone| format!("{}={:.3}", zone.zone, zone.share)).collect::<Vec<_>>().join(" ")
    }

    /// Every zone with its part of a load, and what is shed of it.
    pub(crate) fn shares_of(&self, load: f64) -> String {
        let plan = &self.core.plan;
        let part = |zone: &ZonePlan| format!("{}={:.0} ", zone.zone, zone.share * load);
        plan.zones.iter().map(part).collect::<String>() + &format!("shed={:.0}", plan.shed * load)
    }

    /// The weight of each backend.
    pub(crate) fn weights(&self) -> Vec<f64> {
        let backends = self.core.plan.zones.iter().flat_map(|zone| &*zone.backends);
        backends.map(|backend| backend.effective_weight).collect()
    }
}
