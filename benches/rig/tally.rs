//! What a load saw: latencies, failures by kind, closed connections.

use std::fmt;

use hdrhistogram::Histogram;

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection to the proxy.
    Connect,
    /// The connection ended after the request was sent and before any byte of the answer.
    Unanswered,
    /// The connection ended within the answer.
    Truncated,
    /// A status other than 200.
    Status,
    /// Not HTTP.
    Malformed,
    /// A length other than the page's.
    Length,
    /// More bytes than the answer has.
    Surplus,
    /// No whole answer within the load's patience, or before it was stopped.
    Timeout,
}

impl Failure {
    /// Every kind, in declaration order.
    pub(crate) const ALL: [Self; 8] = [
        Self::Connect,
        Self::Unanswered,
        Self::Truncated,
        Self::Status,
        Self::Malformed,
        Self::Length,
        Self::Surplus,
        Self::Timeout,
    ];
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Unanswered => "unanswered",
            Self::Truncated => "truncated",
            Self::Status => "status",
            Self::Malformed => "malformed",
            Self::Length => "length",
            Self::Surplus => "surplus",
            Self::Timeout => "timeout",
        })
    }
}

/// What was seen since the last reset.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Nanoseconds from the first byte sent to the last byte of a good answer, one per request.
    pub(crate) latency: Histogram<u64>,
    /// Failed requests, indexed by [`Failure`].
    pub(crate) failures: [u64; Failure::ALL.len()],
    /// Kept-alive connections the proxy closed: announced in a good answer, or found cut.
    pub(crate) closed: u64,
}

impl Tally {
    /// Nothing seen.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let latency = Histogram::new_with_bounds(1_000, 60_000_000_000, 3)?;
        Ok(Self { latency, failures: Default::default(), closed: 0 })
    }

    /// Forgets everything, and keeps the memory.
    pub(crate) fn reset(&mut self) {
        self.latency.reset();
        self.failures = Default::default();
        self.closed = 0;
    }

    /// Counts a good answer.
    pub(crate) fn answered(&mut self, nanoseconds: u64) {
        self.latency.saturating_record(nanoseconds);
    }

    /// Counts a failed request.
    pub(crate) fn failed(&mut self, failure: Failure) {
        self.failures[failure as usize] += 1;
        self.closed += u64::from(matches!(failure, Failure::Unanswered | Failure::Truncated));
    }

    /// Good answers.
    pub(crate) fn requests(&self) -> u64 {
        self.latency.len()
    }

    /// Failed requests of all kinds.
    pub(crate) fn failed_requests(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// Latency in µs at this quantile (0..=1).
    pub(crate) fn quantile_us(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }

    /// The failures that occurred, as `kind=count`, space-separated; `-` if there are none.
    pub(crate) fn failure_kinds(&self) -> String {
        let kinds: Vec<_> = Failure::ALL
            .iter()
            .zip(self.failures)
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{kind}={count}"))
            .collect();
        if kinds.is_empty() { "-".to_owned() } else { kinds.join(" ") }
    }
}
