//! The last results of a check: the evidence for its verdict.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::Outcome;

/// Results kept per check.
pub const HISTORY: usize = 32;

/// One result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was established.
    pub at: Instant,
    /// How long the probe took.
    pub latency: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// The last [`HISTORY`] results, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct History(VecDeque<Sample>);

impl History {
    pub(super) fn push(&mut self, sample: Sample) {
        if self.0.len() == HISTORY {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    pub(super) fn of(samples: &[Sample]) -> Self {
        let mut history = Self::default();
        samples.iter().cloned().for_each(|sample| history.push(sample));
        history
    }

    pub(super) fn samples(&self) -> &VecDeque<Sample> {
        &self.0
    }
}
