//! Everything known about a backend's health, as plain data for views and logs.

use std::collections::VecDeque;
use std::time::Instant;

use super::combine::Cause;
use super::detector::Verdict;
use super::history::Sample;
use crate::model::{Health, Layer, ProbeKind, Reason};

/// One backend's verdict and all that led to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence<'a> {
    /// The verdict.
    pub health: Health,
    /// Who decided, when it is not up.
    pub cause: Option<Cause>,
    /// What was seen, when it is not up and something was.
    pub reason: Option<Reason>,
    /// Since when the verdict holds.
    pub since: Instant,
    /// How often it has changed, the first one from Unknown not counted.
    pub flips: u64,
    /// Until when it may not come back, because it has done so too often.
    pub held_until: Option<Instant>,
    /// Since when live traffic keeps the backend out or on trial, and why.
    pub ejected: Option<(Instant, Reason)>,
    /// How often live traffic has ejected it.
    pub ejections: u64,
    /// The layers asked, lowest first.
    pub layers: Vec<LayerEvidence<'a>>,
}

/// One layer's verdict and its checks.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerEvidence<'a> {
    /// Which layer.
    pub layer: Layer,
    /// The worst of its checks' verdicts.
    pub verdict: Verdict,
    /// Since when the verdict holds.
    pub since: Instant,
    /// What was seen, when it is not up and something was.
    pub reason: Option<Reason>,
    /// Its checks, in config order.
    pub checks: Vec<CheckEvidence<'a>>,
}

/// What made a check down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detector {
    /// `fall` failures in a row.
    Fall,
    /// φ: a silence too unlikely by the rhythm so far.
    Phi,
    /// A silence of `fall` × interval.
    Bound,
}

impl Detector {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fall, Self::Phi, Self::Bound];

    /// The closed set of names used in logs and views.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fall => "fall",
            Self::Phi => "phi",
            Self::Bound => "bound",
        }
    }
}

/// One check's verdict and its last results.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckEvidence<'a> {
    /// What it asks.
    pub question: &'a ProbeKind,
    /// What it says.
    pub verdict: Verdict,
    /// Since when the verdict holds.
    pub since: Instant,
    /// Passes in a row, up to now.
    pub passes: u32,
    /// Failures in a row, up to now.
    pub fails: u32,
    /// How surprising its silence is: −ln P(later); `None` while its rhythm is not known.
    pub phi: Option<f64>,
    /// The silence is suspect: φ has reached the level set for that, and no verdict yet. This is told
    /// and changes nothing; the module's documentation says why.
    pub suspect: bool,
    /// What made it down, if it is.
    pub decided_by: Option<Detector>,
    /// The last failure seen, however long ago.
    pub last_failure: Option<&'a Reason>,
    /// The last [`HISTORY`](super::HISTORY) results, oldest first.
    pub results: &'a VecDeque<Sample>,
}
