//! What each health layer asks, how often, and how many answers make a verdict.

use std::sync::Arc;
use std::time::Duration;

use super::BackendTls;
use super::{SecretSource, defaults};
use crate::model::{Expect, HttpRequest, PostgresAsk, RedisAsk, Secret, Source};

/// A pool's health checks. A layer that is `None` is not asked; with all `None` (`health: off`)
/// every backend counts as up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HealthChecks {
    /// L1: can the port be reached?
    pub network: Option<NetworkCheck>,
    /// L2: does the process answer?
    pub process: Option<ProcessCheck>,
    /// L3: does the application say it is well?
    pub application: Option<ApplicationCheck>,
    /// L4: does a synthetic transaction succeed?
    pub business: Option<BusinessCheck>,
    /// Learns each check's rhythm; `None` = only failures in a row decide.
    pub phi: Option<Phi>,
    /// Judges how live tries end; `None` = only that nothing connects is judged.
    pub traffic: Option<TrafficCheck>,
    /// How often within a minute a backend may come back; `None` = as often as it likes.
    pub max_returns: Option<u32>,
    /// A new backend counts as up until it has failed, instead of waiting for its first pass.
    pub presumed_up: bool,
}

impl HealthChecks {
    /// No layer is asked: a backend always counts as up.
    #[must_use]
    pub fn asks_nothing(&self) -> bool {
        self.network.is_none()
            && self.process.is_none()
            && self.application.is_none()
            && self.business.is_none()
    }
}

/// How often a layer is asked, and how many answers in a row make a verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cadence {
    /// From one probe's start to the next's.
    pub interval: Duration,
    /// How long one probe may take.
    pub timeout: Duration,
    /// Failures in a row until Down, ≥ 1.
    pub fall: u32,
    /// Passes in a row until Up again after Down, ≥ 1. From Unknown one pass is enough.
    pub rise: u32,
    /// How much of the interval a probe may be early or late, 0..=1.
    pub jitter: f64,
}

/// L1: the least the network can answer.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkCheck {
    /// How often.
    pub cadence: Cadence,
    /// What is asked.
    pub ask: NetworkAsk,
}

impl NetworkCheck {
    /// By TCP connect, which every backend can be asked.
    #[must_use]
    pub fn connect(cadence: Cadence) -> Self {
        Self { cadence, ask: NetworkAsk::Tcp }
    }
}

/// What the network is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkAsk {
    /// A connection to the backend's port.
    Tcp,
    /// An ICMP echo of the backend's host.
    Icmp,
}

/// L2: the least the process can answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessCheck {
    /// How often.
    pub cadence: Cadence,
    /// What it is asked.
    pub ask: ProcessAsk,
}

/// What a process is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum ProcessAsk {
    /// A minimal HTTP request: any valid status line is life.
    Http {
        /// The `Host` header; `None` = the backend's address.
        host: Option<Arc<str>>,
        /// Origin-form target; the default is `/`.
        path: Arc<str>,
        /// Over TLS, if so.
        tls: Option<BackendTls>,
    },
    /// What a server says first.
    Banner {
        /// How it must begin; empty = any byte is life.
        prefix: Arc<str>,
    },
    /// A TLS greeting: any valid TLS record is life.
    Tls {
        /// The name asked for; `None` = the backend's host.
        server_name: Option<Arc<str>>,
    },
    /// The gRPC health protocol.
    Grpc {
        /// The `:authority`; `None` = the backend's address.
        host: Option<Arc<str>>,
        /// The service asked for, at most 127 bytes; empty = the server as a whole.
        service: Arc<str>,
        /// Over TLS, if so.
        tls: Option<BackendTls>,
    },
    /// An agent beside the backend, which says how it is and how much it can take.
    Agent {
        /// Its port, at the backend's address.
        port: u16,
        /// A line it is sent first; empty = nothing.
        send: Arc<str>,
    },
}

/// L3: HTTP endpoints, all of which must answer as expected.
#[derive(Clone, Debug, PartialEq)]
pub struct ApplicationCheck {
    /// How often each endpoint is asked.
    pub cadence: Cadence,
    /// The `Host` header; `None` = the backend's address.
    pub host: Option<Arc<str>>,
    /// Over TLS, if so.
    pub tls: Option<BackendTls>,
    /// At least one.
    pub endpoints: Vec<Endpoint>,
    /// What is left of the weight while one of them fails; `None` = the backend is out.
    pub degrade: Option<f64>,
}

/// One HTTP endpoint to ask.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Origin-form target, as `/health`.
    pub path: Arc<str>,
    /// Which answer passes.
    pub expect: Expect,
}

/// L4: what a user would do.
#[derive(Clone, Debug, PartialEq)]
pub struct BusinessCheck {
    /// How often.
    pub cadence: Cadence,
    /// What is done.
    pub ask: BusinessAsk,
    /// What is left of the weight at the least while it fails, 0..=1.
    pub floor: f64,
}

/// What a business check does.
#[derive(Clone, Debug, PartialEq)]
pub enum BusinessAsk {
    /// HTTP requests in order.
    Transaction {
        /// The `Host` header; `None` = the backend's address.
        host: Option<Arc<str>>,
        /// Over TLS, if so.
        tls: Option<BackendTls>,
        /// Secrets that the steps send by name, and where each was read.
        values: Vec<(Arc<str>, Secret, SecretSource)>,
        /// At least one.
        steps: Vec<Step>,
    },
    /// A query of a PostgreSQL server.
    Postgres {
        /// What is asked.
        ask: PostgresAsk,
        /// Where the password was read.
        password: Option<SecretSource>,
    },
    /// A command to a Redis server.
    Redis {
        /// What is asked.
        ask: RedisAsk,
        /// Where the password was read.
        password: Option<SecretSource>,
    },
}

/// One request of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is sent.
    pub request: HttpRequest,
    /// Which answer passes.
    pub expect: Expect,
    /// Values taken from the answer, by name.
    pub save: Vec<(Arc<str>, Source)>,
}

/// The phi-accrual detector of every check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phi {
    /// φ from which a silence is a suspicion, > 0.
    pub suspect: f64,
    /// φ from which it is a verdict, ≥ `suspect`.
    pub failed: f64,
    /// How many gaps between passes are remembered, ≥ 2.
    pub window: usize,
    /// The least deviation of the gaps, as a part of their mean, 0..=1.
    pub jitter: f64,
}

/// What live traffic is judged by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrafficCheck {
    /// How far back tries are judged.
    pub window: Duration,
    /// Tries that must have ended within the window; fewer say nothing.
    pub min_requests: u32,
    /// The part of them that may fail, 0..=1.
    pub max_errors: f64,
    /// How many may be slow; `None` = any.
    pub slow: Option<Slow>,
    /// How long the first ejection lasts at the least; each that follows lasts twice as long.
    pub eject: Duration,
    /// The longest an ejection lasts before proof may begin.
    pub eject_max: Duration,
    /// The part of a pool's backends that may be out by their answers; one always may be.
    pub max_ejected: f64,
    /// Tries that must end well before a backend on trial is in again.
    pub trial_requests: u32,
    /// The part of its weight that a backend has on trial, 0..=1.
    pub trial_share: f64,
}

/// When answers are too slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slow {
    /// An answer is slow if its head took longer; in steps of the latency buckets.
    pub above: Duration,
    /// The part of the answers that may be slow, 0..=1.
    pub max: f64,
}

impl TrafficCheck {
    /// Every default.
    pub const DEFAULT: Self = Self {
        window: defaults::TRAFFIC_WINDOW,
        min_requests: defaults::TRAFFIC_MIN_REQUESTS,
        max_errors: defaults::TRAFFIC_MAX_ERRORS,
        slow: None,
        eject: defaults::EJECT,
        eject_max: defaults::EJECT_MAX,
        max_ejected: defaults::MAX_EJECTED,
        trial_requests: defaults::TRIAL_REQUESTS,
        trial_share: defaults::TRIAL_SHARE,
    };
}
