//! Out by live traffic, until probes prove the backend well again.

use std::time::Instant;

use super::detector::Thresholds;
use crate::model::{Observation, Outcome, Reason};

/// An ejection and how far the proof against it has come.
#[derive(Clone, Debug)]
pub(super) struct Ejection {
    since: Instant,
    last: Instant,
    reason: Reason,
    /// Passes in a row of each check of the proving layer, by probes begun after `last`.
    proof: Vec<u32>,
}

impl Ejection {
    /// Ejects now; `checks` is how many checks must prove the backend well.
    pub(super) fn new(reason: Reason, checks: usize, now: Instant) -> Self {
        Self { since: now, last: now, reason, proof: vec![0; checks] }
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    pub(super) fn reason(&self) -> &Reason {
        &self.reason
    }

    /// Traffic failed again: what was proved so far is void.
    pub(super) fn renew(&mut self, reason: Reason, now: Instant) {
        self.last = now;
        self.reason = reason;
        self.proof.fill(0);
    }

    /// The proving layer is another one now, or asks other questions: the proof starts again.
    pub(super) fn restart(&mut self, checks: usize) {
        self.proof = vec![0; checks];
    }

    /// Takes over one result of the proving layer; true once every check has passed often enough.
    pub(super) fn proven(&mut self, seen: &Observation, thresholds: Thresholds) -> bool {
        let begun = seen.at.checked_sub(seen.latency);
        let fresh = begun.is_none_or(|begun| begun >= self.last);
        if let Some(passes) = self.proof.get_mut(seen.check) {
            match seen.outcome {
                Outcome::Pass if fresh => *passes = passes.saturating_add(1),
                Outcome::Fail(_) => *passes = 0,
                Outcome::Pass | Outcome::Void(_) => {}
            }
        }
        self.proof.iter().all(|passes| *passes >= thresholds.rise.max(1))
    }
}
