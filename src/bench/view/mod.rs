//! A run's result as JSON: a contract with scripts, and what text, pictures and comparisons are
//! made from.
//!
//! Keys may be added; none changes its name or meaning. Latencies are milliseconds (`_ms`), the
//! generator's lateness microseconds (`_us`), ratios 0..=1, times RFC 3339 in UTC. All texts are
//! free of control characters.

mod build;

pub use build::{Setting, report};

use serde::{Deserialize, Serialize};

/// A whole result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was asked, of whom.
    pub run: Run,
    /// How many requests came to what.
    pub requests: Requests,
    /// Failed requests by kind; only kinds that occurred.
    pub errors: Vec<Kind>,
    /// From the moment a request was due: the latency that counts.
    pub latency: Latency,
    /// From the moment it was sent: what a closed loop would have seen.
    pub latency_from_send: Latency,
    /// How late the generator itself was.
    pub generator: Generator,
    /// Both latencies by percentile, for a curve.
    pub curve: Vec<Point>,
    /// What happened over time.
    pub timeline: Timeline,
    /// What happened meanwhile, as the balancer's own event log has it.
    #[serde(default)]
    pub marks: Vec<Mark>,
    /// Each target, judged.
    pub targets: Vec<Target>,
    /// `void`, `missed` or `met`; without targets a run that is not void is `met`.
    pub verdict: Verdict,
}

/// What was asked, of whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: String,
    /// Requests at once on one connection.
    pub streams: usize,
    /// Connections opened at the start.
    pub connections: usize,
    /// Connections that had to be opened again.
    pub reopened: u64,
    /// When the first request was due.
    pub started: String,
    /// The same in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// How long it was to take.
    pub planned_ms: f64,
    /// How long it took, the last answer included.
    pub elapsed_ms: f64,
    /// It was ended early.
    pub interrupted: bool,
    /// `constant` or `poisson`.
    pub arrivals: String,
    /// What the Poisson arrivals were drawn from.
    pub seed: Option<u64>,
    /// The rates, one after the other.
    pub steps: Vec<Step>,
}

/// One rate for some time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Requests per second.
    pub rate: f64,
    /// For how long.
    pub length_ms: f64,
}

/// How many requests came to what.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Requests {
    /// Handed out.
    pub due: u64,
    /// With a good answer: whole, and a status below 400.
    pub answered: u64,
    /// Without.
    pub failed: u64,
    /// Neither, because the run was ended early.
    pub unfinished: u64,
    /// Handed out while all connections were busy.
    pub waited: u64,
    /// Good answers per second.
    pub answered_per_s: f64,
}

/// Failed requests of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// Its name.
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// A latency of the good answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The arithmetic mean.
    pub mean_ms: f64,
    /// The median.
    pub p50_ms: f64,
    /// The 90th percentile.
    pub p90_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The 99.9th percentile.
    pub p99_9_ms: f64,
    /// The 99.99th percentile.
    pub p99_99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// How late the generator handed requests out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// The median.
    pub late_p50_us: f64,
    /// The 99th percentile.
    pub late_p99_us: f64,
    /// The 99.9th percentile.
    pub late_p99_9_us: f64,
    /// The longest.
    pub late_max_us: f64,
    /// The run is void if the 99th percentile exceeds this.
    pub limit_us: f64,
}

/// One point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// 0..=100.
    pub percentile: f64,
    /// From due.
    pub latency_ms: f64,
    /// From send.
    pub latency_from_send_ms: f64,
}

/// What happened over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// How long each window is.
    pub window_ms: f64,
    /// From the run's start, none left out.
    pub windows: Vec<Window>,
}

/// The requests that were due in one window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// How many.
    pub due: u64,
    /// How many have a good answer.
    pub answered: u64,
    /// How many failed.
    pub failed: u64,
    /// The median of their latency from due; `null` without a good answer. So are the others.
    pub p50_ms: Option<f64>,
    /// The 99th percentile.
    pub p99_ms: Option<f64>,
    /// The longest.
    pub max_ms: Option<f64>,
}

/// Something that happened during the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// When, from the run's start.
    pub at_ms: f64,
    /// What.
    pub text: String,
}

/// A target, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// As it was written.
    pub target: String,
    /// What the run shows, failed requests counted as slower than any answer.
    pub measured: String,
    /// Within the limit?
    pub met: bool,
}

/// What a run is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The generator was late: nothing can be said.
    Void,
    /// A target is missed.
    Missed,
    /// Every target is met.
    Met,
}
