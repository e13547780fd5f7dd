//! What a restart must not make forgotten.
//!
//! Evidence is worth keeping for as long as somebody may ask what happened; a verdict is not. Who
//! was up before the process stopped may be gone, and nobody has looked since. So what was seen
//! comes back whole, and a verdict only until `fall` × interval after the result it rests on: as
//! long as a running process could at most have gone without noticing. Then the check knows
//! nothing again, unless it has a result of its own by then. An ejection by live traffic comes back
//! too, for it never ends by itself: its proof begins anew.
//!
//! Not kept: what φ knows of a check's rhythm (it has learnt it anew after 32 passes), and how often
//! the backend came back within the last minute.

use std::time::Instant;

use super::{Detector, Sample, Verdict};
use crate::model::{AgentReport, Health, Layer, Reason};

/// One backend's health, as one process leaves it to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The verdict.
    pub health: Health,
    /// Since when it holds.
    pub since: Instant,
    /// How often it has changed.
    pub flips: u64,
    /// What live traffic holds against it.
    pub ejections: KeptEjections,
    /// What its agent last asked for.
    pub agent: Option<AgentReport>,
    /// The layers asked.
    pub layers: Vec<KeptLayer>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptLayer {
    /// Which.
    pub layer: Layer,
    /// Its verdict.
    pub verdict: Verdict,
    /// Since when that holds.
    pub since: Instant,
    /// Its checks.
    pub checks: Vec<KeptCheck>,
}

/// One check.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptCheck {
    /// What it asks, in words: it is found again by them.
    pub name: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Since when that holds.
    pub since: Instant,
    /// Passes in a row.
    pub passes: u32,
    /// Failures in a row.
    pub fails: u32,
    /// What made it down, if it is.
    pub decided_by: Option<Detector>,
    /// The first failure since the last pass.
    pub failing_since: Option<Instant>,
    /// The last failure.
    pub last_failure: Option<Reason>,
    /// The last results, oldest first.
    pub results: Vec<Sample>,
}

impl KeptCheck {
    /// What was seen, and nothing that follows from it.
    #[must_use]
    pub fn without_verdict(self) -> Self {
        Self {
            verdict: Verdict::Unknown,
            passes: 0,
            fails: 0,
            decided_by: None,
            failing_since: None,
            last_failure: None,
            ..self
        }
    }
}

/// The ejections by live traffic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptEjections {
    /// How many there were.
    pub count: u64,
    /// How many of them followed each other.
    pub row: u32,
    /// When the last one ended.
    pub returned: Option<Instant>,
    /// The one that holds.
    pub charge: Option<Charge>,
}

/// Why a backend is out, or on trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Charge {
    /// Since when.
    pub since: Instant,
    /// Until when proof may not begin.
    pub until: Instant,
    /// What was seen.
    pub reason: Reason,
    /// A trial must prove that it is well; else that it can be connected to is enough.
    pub by_trial: bool,
}
