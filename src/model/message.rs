//! The messages between control and the parts that do I/O for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Address, BackendKey, Layer, Outcome, PoolName};

/// One fact about a backend, from one probe.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The backend probed.
    pub backend: BackendKey,
    /// The layer asked.
    pub layer: Layer,
    /// Which of the layer's checks (an endpoint's index; 0 where a layer has one).
    pub check: usize,
    /// When the answer, or its absence, was established.
    pub at: Instant,
    /// How long the probe took.
    pub latency: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// Everything that shall be probed from now on; replaces the plan before it.
///
/// Probes with an identical [`ProbeSpec`] in both plans go on undisturbed.
#[derive(Clone, Debug, Default)]
pub struct ProbePlan {
    /// One entry per backend, layer and check.
    pub probes: Vec<ProbeSpec>,
}

/// One probe to repeat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProbeSpec {
    /// The backend the result is reported for.
    pub backend: BackendKey,
    /// Where to connect.
    pub address: Address,
    /// The layer the result counts for.
    pub layer: Layer,
    /// Which of the layer's checks this is.
    pub check: usize,
    /// What to do.
    pub kind: ProbeKind,
    /// Time from one probe's start to the next's.
    pub interval: Duration,
    /// How long one probe may take.
    pub timeout: Duration,
    /// The most a probe may be early or late, at random; less than the interval.
    pub jitter: Duration,
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProbeKind {
    /// Open a connection, then close it by RST.
    Connect,
    /// `GET` a path over HTTP/1.1.
    Http {
        /// The `Host` header.
        host: Arc<str>,
        /// The origin-form target.
        path: Arc<str>,
        /// Expected status codes, as inclusive ranges.
        expect: Vec<(u16, u16)>,
    },
}

/// What live traffic showed about a backend since the last sample.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// The backend.
    pub backend: BackendKey,
    /// Connections that could not be opened.
    pub connect_failures: u64,
    /// Connections opened.
    pub connects: u64,
}

/// A hostname's addresses, newly resolved. Never empty: a failed or empty answer keeps the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The pool whose backend names the host.
    pub pool: PoolName,
    /// The backend's name in the config.
    pub backend: Arc<str>,
    /// Its addresses, sorted.
    pub addresses: Vec<SocketAddr>,
}
