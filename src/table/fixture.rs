//! Configs, plans and tables for this module's tests and benchmarks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{
    Action, AdminApi, Algorithm, Config, Drain, EscapedSlash, EventLog, Failover, HashKey,
    HeaderEdits, HealthChecks, Listener, ListenerLimits, ListenerTimeouts, Match, MinRate, OnDown,
    PathOptions, Pool, PoolTimeouts, Priority, Protocol, Queue, Restoration, Retries, RetryBudget,
    Route, RouteTimeouts,
};
use crate::live::Live;
use crate::model::{
    Address, Admin, Admission, BackendPlan, Circuit, Health, Plan, PoolPlan, Standing, ZonePlan,
};
use crate::table::{Headers, Inputs, Table, build};

/// Ip-hash by the client's address.
pub(crate) const IP_HASH: Algorithm = Algorithm::IpHash(HashKey::Client);

/// Header fields, as name and value.
pub(crate) struct Fields<'a>(pub(crate) &'a [(&'a str, &'a str)]);

impl Headers for Fields<'_> {
    fn any(&self, name: &str, mut test: impl FnMut(&[u8]) -> bool) -> bool {
        self.0.iter().filter(|(field, _)| *field == name).any(|(_, value)| test(value.as_bytes()))
    }
}

/// A world in which tables follow each other.
pub(crate) struct World {
    pub(crate) live: Live,
    pub(crate) config: Arc<Config>,
    generation: u64,
}

impl World {
    /// One pool `p` with this algorithm, and one listener `l` with these routes.
    pub(crate) fn new(algorithm: Algorithm, routes: Vec<Route>) -> Self {
        let config = config(vec![pool("p", algorithm)], vec![listener("l", routes)]);
        Self { live: Live::new(1), config: Arc::new(config), generation: 0 }
    }

    /// The next table, in which pool `p` has these zones.
    pub(crate) fn table(&mut self, zones: Vec<ZonePlan>, previous: Option<&Table>) -> Table {
        self.generation += 1;
        let plan = Arc::new(Plan { pools: vec![Arc::new(pool_plan(zones))], ..Plan::default() });
        build(&Inputs {
            config: &self.config,
            plan: &plan,
            live: &self.live,
            listeners: &[],
            previous,
            generation: self.generation,
        })
    }
}

/// Pool `p` with these zones.
pub(crate) fn pool_plan(zones: Vec<ZonePlan>) -> PoolPlan {
    let (admission, circuit) = (Admission::ALL, Circuit::Closed);
    PoolPlan { pool: Arc::from("p"), zones, regions: vec![], shed: 0.0, admission, circuit }
}

/// A config of these pools and listeners.
pub(crate) fn config(pools: Vec<Pool>, listeners: Vec<Listener>) -> Config {
    Config {
        path: Some(PathBuf::from("pulsegate.yaml")),
        watch: false,
        listeners,
        pools,
        degradation: Vec::new(),
        admin: AdminApi::default(),
        webhooks: Vec::new(),
        state_dir: None,
        record_bytes: None,
        event_log: EventLog::DEFAULT,
        buffer_bytes: None,
        workers: std::num::NonZeroUsize::MIN,
    }
}

/// A pool; a table takes its members from the plan.
pub(crate) fn pool(name: &str, algorithm: Algorithm) -> Pool {
    Pool {
        name: Arc::from(name),
        algorithm,
        regions: vec![],
        health: HealthChecks::default(),
        failover: Failover::default(),
        restoration: Restoration::default(),
        slow_start: None,
        drain: Drain::default(),
        timeouts: PoolTimeouts { connect: Duration::from_secs(1), idle: Duration::from_secs(30) },
        abort_on_close: false,
        unsafe_reuse_age: Duration::from_secs(1),
        idle_connections: 256,
        on_down: OnDown::Keep,
        retries: RetryBudget::DEFAULT,
        concurrent: None,
        queue: Queue { length: 0, timeout: Duration::ZERO },
        proxy_protocol: None,
        breaker: None,
        shed: None,
        tls: None,
        http2: None,
    }
}

/// A zone of region `r`.
pub(crate) fn zone(name: &str, share: f64, backends: Vec<BackendPlan>) -> ZonePlan {
    let standing = Standing::default();
    ZonePlan {
        region: Arc::from("r"),
        zone: Arc::from(name),
        standing,
        share,
        backends: backends.into(),
    }
}

/// Backends of these weights, named after their zone.
pub(crate) fn backends(zone: &str, weights: &[u32]) -> Vec<BackendPlan> {
    let backend = |(n, weight): (usize, &u32)| BackendPlan {
        name: Arc::from(format!("{zone}-{n}")),
        address: Address::Inet(([10, 0, (n >> 8) as u8, n as u8], 80).into()),
        weight: *weight,
        effective_weight: f64::from(*weight),
        health: Health::Up,
        admin: Admin::Ready,
        reason: None,
        last_resort: false,
    };
    weights.iter().enumerate().map(backend).collect()
}

/// A listener of these routes.
pub(crate) fn listener(name: &str, routes: Vec<Route>) -> Listener {
    let second = Duration::from_secs(1);
    Listener {
        name: Arc::from(name),
        bind: vec![([127, 0, 0, 1], 0).into()],
        protocol: Protocol::Http,
        tls: None,
        passthrough: None,
        http2: None,
        proxy_protocol: None,
        trusted_proxies: vec![],
        access_log: None,
        timeouts: ListenerTimeouts { head: second, idle: second },
        limits: ListenerLimits {
            head_bytes: 16_384,
            headers: 100,
            connections: 100,
            per_client: None,
            handshakes: None,
        },
        clients: None,
        rate_limits: Vec::new(),
        paths: PathOptions {
            escaped_slash: EscapedSlash::Keep,
            merge_slashes: false,
            reject_backslash: true,
        },
        reserved_headers: Arc::default(),
        routes,
    }
}

/// A route.
pub(crate) fn route(name: &str, matches: Match, action: Action) -> Route {
    Route {
        name: Arc::from(name),
        matches,
        action,
        rewrite_prefix: None,
        raw_path: false,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        timeouts: RouteTimeouts {
            first_byte: Duration::from_secs(1),
            body_idle: Duration::from_secs(1),
            total: None,
        },
        body_bytes: None,
        min_rate: MinRate { request: None, response: None, grace: Duration::from_secs(1) },
        budget_header: None,
        rate_limits: vec![],
        concurrent: None,
        retries: Retries::DEFAULT,
        priority: Priority::default(),
        compression: None,
        upgrades: vec![],
    }
}
