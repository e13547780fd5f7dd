//! The messages between control and the parts that do I/O for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{
    Address, AgentReport, BackendKey, Layer, Outcome, PRIORITY_CLASSES, PoolName, ProbeKind,
    ProxyVersion,
};

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
    /// What the backend's agent said, if one was asked and understood.
    pub agent: Option<AgentReport>,
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
    /// The PROXY header that whoever talks there begins with.
    pub introduced: Option<ProxyVersion>,
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

/// What live traffic showed about a backend since the last sample.
///
/// A try counts where it ended: `answered`, `resets`, `timeouts`, `bad_responses` and
/// `connect_failures` are disjoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The backend.
    pub backend: BackendKey,
    /// Connections that could not be opened.
    pub connect_failures: u64,
    /// Connections opened.
    pub connects: u64,
    /// Tries sent; some of them may still be under way.
    pub requests: u64,
    /// Final responses of any status.
    pub answered: u64,
    /// Those of them with a status of 5xx.
    pub server_errors: u64,
    /// Connections that closed or reset before a response.
    pub resets: u64,
    /// Responses that did not begin in time.
    pub timeouts: u64,
    /// Responses refused as malformed or truncated.
    pub bad_responses: u64,
    /// From the request sent to the response head, of those answered: counts per bucket of
    /// [`LATENCY_BOUNDS_US`], the unbounded one last.
    pub latency: [u64; LATENCY_BUCKETS],
    /// Tries under way at this moment.
    pub in_flight: u64,
}

impl Traffic {
    /// No traffic.
    #[must_use]
    pub fn none(backend: BackendKey) -> Self {
        Self {
            backend,
            connect_failures: 0,
            connects: 0,
            requests: 0,
            answered: 0,
            server_errors: 0,
            resets: 0,
            timeouts: 0,
            bad_responses: 0,
            latency: [0; LATENCY_BUCKETS],
            in_flight: 0,
        }
    }

    /// Tries that ended, one way or the other.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.answered + self.resets + self.timeouts + self.bad_responses + self.connect_failures
    }

    /// Tries that ended badly: no valid response, or one with a status of 5xx.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.ended() - self.answered + self.server_errors
    }
}

/// What arrived at a pool since the last sample, over all workers; what was shed included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrivals {
    /// The pool.
    pub pool: PoolName,
    /// Requests, connections and flows, indexed by [`PriorityClass`](super::PriorityClass).
    pub by_class: [u64; PRIORITY_CLASSES],
}

/// Upper bounds of the latency buckets, in microseconds; a last bucket has no bound.
pub const LATENCY_BOUNDS_US: [u64; 17] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000,
];

/// The number of latency buckets, the unbounded one included.
pub const LATENCY_BUCKETS: usize = LATENCY_BOUNDS_US.len() + 1;

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
