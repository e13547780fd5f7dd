//! One question asked again and again: its detector, its last results, its last failure.

use std::time::Instant;

use super::detector::{RiseFall, Thresholds, Verdict};
use super::evidence::CheckEvidence;
use super::history::{History, Sample};
use crate::model::{Observation, Outcome, ProbeKind, Reason};

/// One check of one layer.
#[derive(Clone, Debug)]
pub(super) struct Check {
    /// A check whose question a reload does not change keeps its state.
    question: ProbeKind,
    detector: RiseFall,
    since: Instant,
    last_failure: Option<Reason>,
    history: History,
}

impl Check {
    /// A check without a verdict: `start` is [`Verdict::Unknown`] or [`Verdict::Presumed`].
    pub(super) fn new(question: ProbeKind, start: Verdict, now: Instant) -> Self {
        let detector = RiseFall::new(start);
        Self { question, detector, since: now, last_failure: None, history: History::default() }
    }

    pub(super) fn question(&self) -> &ProbeKind {
        &self.question
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.detector.verdict()
    }

    /// The failure the verdict rests on: the last one, unless a pass has settled the matter since.
    pub(super) fn reason(&self) -> Option<&Reason> {
        self.last_failure.as_ref().filter(|_| self.verdict() != Verdict::Up)
    }

    /// Takes over one result.
    pub(super) fn record(&mut self, seen: &Observation, thresholds: Thresholds) {
        let turned = match &seen.outcome {
            Outcome::Pass => self.detector.pass(thresholds),
            Outcome::Fail(reason) => {
                self.last_failure = Some(reason.clone());
                self.detector.fail(thresholds)
            }
            Outcome::Void(_) => false,
        };
        if turned {
            self.since = seen.at;
        }
        let Observation { at, latency, .. } = *seen;
        self.history.push(Sample { at, latency, outcome: seen.outcome.clone() });
    }

    /// Forgets the verdict but keeps the results: the backend is elsewhere now.
    pub(super) fn forget(&mut self, start: Verdict, now: Instant) {
        self.detector = RiseFall::new(start);
        self.since = now;
        self.last_failure = None;
    }

    pub(super) fn evidence(&self) -> CheckEvidence {
        CheckEvidence {
            name: self.question.to_string().into(),
            verdict: self.verdict(),
            since: self.since,
            passes: self.detector.passes(),
            fails: self.detector.fails(),
            last_failure: self.last_failure.clone(),
            results: self.history.to_vec(),
        }
    }
}
