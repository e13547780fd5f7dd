//! Pools: the backends a route leads to, by region and zone.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{
    BackendTls, Breaker, Capacity, Drain, Failover, HealthChecks, OwnHealth, Restoration,
    RetryBudget, Shed, defaults,
};
use crate::model::ProxyVersion;

/// A group of backends that serve the same thing.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Unique in the config.
    pub name: Arc<str>,
    /// How a backend is chosen within a zone.
    pub algorithm: Algorithm,
    /// At least one; the short form has one region `default` with one zone `default`.
    pub regions: Vec<Region>,
    /// What is probed.
    pub health: HealthChecks,
    /// When zones and regions go out.
    pub failover: Failover,
    /// How they come back.
    pub restoration: Restoration,
    /// How long a backend that comes back takes to get its whole part; `None` = no time.
    pub slow_start: Option<Duration>,
    /// How a drain ends.
    pub drain: Drain,
    /// Deadlines of upstream connections.
    pub timeouts: PoolTimeouts,
    /// A client that half-closes after its request was sent counts as gone.
    pub abort_on_close: bool,
    /// Idle upstream connections older than this are not used for unsafe requests.
    pub unsafe_reuse_age: Duration,
    /// Idle upstream connections kept per backend and worker.
    pub idle_connections: usize,
    /// What becomes of requests on a backend that goes down and may not be sent elsewhere.
    pub on_down: OnDown,
    /// How many requests may be sent again.
    pub retries: RetryBudget,
    /// Requests of `http` listeners it has at once at most, all workers together.
    pub concurrent: Option<u32>,
    /// Where connections and requests wait while there is no place for them.
    pub queue: Queue,
    /// When it refuses requests because it has enough to do; `None` = never.
    pub shed: Option<Shed>,
    /// When it is left alone for a while as a whole; `None` = never.
    pub breaker: Option<Breaker>,
    /// How TLS is spoken with its backends; `None` = in clear.
    pub tls: Option<BackendTls>,
    /// How HTTP/2 is spoken with its backends; `None` = HTTP/1.1 is.
    pub http2: Option<BackendHttp2>,
    /// In which form backends are told who the client is; `None` = they are not.
    pub proxy_protocol: Option<ProxyVersion>,
}

/// What becomes of requests on a backend that goes down, if they may not be sent elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDown {
    /// They keep their deadlines: what a probe saw is no proof about a connection that is open.
    #[default]
    Keep,
    /// They end at once, and so do responses under way and tunnels.
    Close,
}

impl OnDown {
    /// The name in config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Close => "close",
        }
    }
}

/// How HTTP/2 is spoken with a pool's backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendHttp2 {
    /// Requests under way at once on one connection; a backend may allow fewer.
    pub max_streams: u32,
    /// Connections to one backend, for each worker.
    pub max_connections: u32,
}

impl BackendHttp2 {
    /// Every default.
    pub const DEFAULT: Self = Self {
        max_streams: defaults::BACKEND_HTTP2_STREAMS,
        max_connections: defaults::BACKEND_HTTP2_CONNECTIONS,
    };
}

/// Where connections and requests wait while there is no place for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// How many may wait, all workers together; 0 = none.
    pub length: u32,
    /// How long one may wait.
    pub timeout: Duration,
}

/// How a backend is chosen within a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Weighted, smooth.
    RoundRobin,
    /// Weighted, over the counts of all workers.
    LeastConnections,
    /// Consistent by a key.
    IpHash(HashKey),
}

impl Algorithm {
    /// The name in config and views.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::LeastConnections => "least-connections",
            Self::IpHash(_) => "ip-hash",
        }
    }
}

/// What ip-hash hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// The client's address (behind trusted proxies, the one they name).
    Client,
    /// A header's value (lower-case name); the client's address where it is missing.
    Header(Arc<str>),
}

/// A region of a pool.
#[derive(Clone, Debug)]
pub struct Region {
    /// Unique in the pool.
    pub name: Arc<str>,
    /// Its weight among the regions; `None` in all regions of a pool = the sum of its zones'.
    pub weight: Option<u32>,
    /// At least one.
    pub zones: Vec<Zone>,
}

/// A zone of a region.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Unique in the region.
    pub name: Arc<str>,
    /// Its weight among the region's zones; `None` in all zones of a region = the sum of its
    /// backends'.
    pub weight: Option<u32>,
    /// Zones of a higher number take what those of the lower numbers cannot; 0 is first.
    pub priority: u32,
    /// What it can take at most, all its backends up; `None` = not declared.
    pub capacity: Option<Capacity>,
    /// May be empty only if another zone of the pool is not.
    pub backends: Vec<Backend>,
}

/// A backend as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// Unique in the pool; an unnamed backend is named by its address.
    pub name: Arc<str>,
    /// Where it listens.
    pub target: Target,
    /// 0 = gets nothing; at most 65,535.
    pub weight: u32,
    /// Takes traffic only while no other backend of the pool can.
    pub backup: bool,
    /// What it has at once at most, all workers together.
    pub limits: BackendLimits,
    /// How its health is judged, where that differs from its pool.
    pub own_health: Option<Arc<OwnHealth>>,
}

/// What a backend has at once at most, all workers together; `None` = no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackendLimits {
    /// Connections of `tcp` listeners.
    pub connections: Option<u32>,
    /// Requests of `http` listeners.
    pub requests: Option<u32>,
}

/// Where a backend listens, as configured.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An address and port.
    Inet(SocketAddr),
    /// A unix socket's path (`unix:/run/app.sock`).
    Unix(Arc<Path>),
    /// A hostname, resolved at load and by TTL.
    Host {
        /// The name, in lower case, without trailing dot.
        name: Arc<str>,
        /// The port.
        port: u16,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Host { name, port } => write!(f, "{name}:{port}"),
        }
    }
}

/// Deadlines of upstream connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolTimeouts {
    /// Opening a connection.
    pub connect: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
}
