//! The configuration: from a file as typed to values that cannot be wrong.
//!
//! `raw` holds the file as a person typed it, with the line of every node; `check` crosses once
//! from there to [`Config`], reporting every problem it finds instead of the first. What comes out
//! needs no further validation: references are resolved to indices, durations are `Duration`s,
//! regular expressions are compiled, and defaults are filled in.

mod admin;
mod breaker;
mod certificate;
mod check;
mod clients;
mod compression;
pub mod defaults;
mod degradation;
mod expand;
mod failover;
mod health;
mod listener;
mod load;
mod own_health;
mod pem;
mod pool;
mod print;
mod probing;
mod problem;
mod proxy_protocol;
mod rate_limit;
mod raw;
mod read;
mod renewal;
mod retries;
mod route;
pub mod scenario;
mod schema;
mod shape;
mod shed;
mod state;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod udp;
mod value;
mod webhook;

pub use admin::{AdminApi, AlertAction, AlertPlace, AlertRule, Role, SecretSource, Token};
pub use breaker::Breaker;
pub use certificate::{Certificate, CertificateFiles, Part, Unusable};
pub use clients::{ClientList, Clients, ListSource, Networks};
pub use compression::Compression;
pub use degradation::{DegradationLevel, RouteName};
pub use expand::{ResolvedBackend, expand};
pub use failover::{
    Capacity, Drain, Failover, Gate, HeadroomLimit, HoldDown, Restoration, Stage, Thresholds,
    WhenAllDown,
};
pub use health::{
    ApplicationCheck, BusinessAsk, BusinessCheck, Cadence, Endpoint, HealthChecks, NetworkAsk,
    NetworkCheck, Phi, ProcessAsk, ProcessCheck, Slow, Step, TrafficCheck,
};
pub use listener::{
    AccessLog, EscapedSlash, Http2, Listener, ListenerLimits, ListenerTimeouts, LogPath,
    PathOptions, Protocol,
};
pub use load::Loaded;
pub use own_health::{OwnHealth, ProbePlace};
pub use pool::{
    Algorithm, Backend, BackendHttp2, BackendLimits, HashKey, OnDown, Pool, PoolTimeouts, Queue,
    Region, Target, Zone,
};
pub use print::{Setting, print, settings};
pub use probing::{ProbeLoad, probe_loads};
pub use problem::{Problem, Problems, nearest};
pub use proxy_protocol::ProxyHeaders;
pub use rate_limit::{LimitKey, Per, RateLimit};
pub use renewal::{CertificateStamps, Renewal};
pub use retries::{Backoff, GrpcCodes, Retries, RetryBudget, RetryOn, StatusRange, Statuses};
pub use route::{
    Action, Concurrent, FixedResponse, HeaderCondition, HeaderEdits, HeaderMatch, HostMatch, Match,
    MinRate, PathMatch, Priority, Redirect, RedirectTo, Route, RouteTimeouts,
};
pub use schema::schema;
pub use shed::{Adaptive, Shed};
pub use state::EventLog;
pub use tcp::{Forward, HelloMatch, HelloTerms, Otherwise, Tcp, TcpTimeouts};
pub use tls::{
    BackendTls, CIPHER_SUITES, ClientAuth, GROUPS, IdentityHeaders, Shown, Source, TlsTermination,
    TlsVersion, Trust, system_roots,
};
pub use udp::Udp;

pub use crate::model::Secret;
pub use webhook::{News, Webhook, WebhookTls};

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

/// A whole, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from; `None` for the embedded demo.
    pub path: Option<PathBuf>,
    /// Reload when the file changes on disk (opt-in: `reload: { watch: true }`).
    pub watch: bool,
    /// In file order.
    pub listeners: Vec<Listener>,
    /// In file order.
    pub pools: Vec<Pool>,
    /// Levels of degraded service that may be ordered, in file order.
    pub degradation: Vec<Arc<DegradationLevel>>,
    /// The admin API.
    pub admin: AdminApi,
    /// Who is told what happens.
    pub webhooks: Vec<Webhook>,
    /// Where state is kept across restarts (directory mode 0700, files 0600); `None` = nowhere.
    pub state_dir: Option<PathBuf>,
    /// How much of what decisions are made from is kept there at most; `None` = nothing.
    pub record_bytes: Option<u64>,
    /// How much of the event log is kept there.
    pub event_log: EventLog,
    /// Bytes of buffers that may be in use, all workers together; `None` = as many as it takes.
    pub buffer_bytes: Option<u64>,
    /// Data-plane workers; the default is one per core.
    pub workers: NonZeroUsize,
}
