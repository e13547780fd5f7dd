//! One layer of one backend: its checks, and the one verdict they add up to.

use std::time::{Duration, Instant};

use super::check::{Check, Rules};
use super::combine::Said;
use super::common_cause::Symptom;
use super::detector::{Thresholds, Verdict};
use super::evidence::LayerEvidence;
use super::kept::KeptLayer;
use super::plan::{Asked, Consequence};
use crate::config::Phi;
use crate::model::{Failure, Layer, Observation, ProbeKind, Reason};

/// The state of one layer.
#[derive(Clone, Debug)]
pub(super) struct LayerState {
    layer: Layer,
    consequence: Consequence,
    /// How long it takes until every backend was asked once more.
    round: Duration,
    rules: Rules,
    checks: Vec<Check>,
    since: Instant,
}

impl LayerState {
    /// A layer as asked; a question that `before` asked too keeps its check.
    pub(super) fn new(
        asked: Asked,
        phi: Option<Phi>,
        before: Option<Self>,
        start: Verdict,
        now: Instant,
    ) -> Self {
        let Asked { layer, cadence, questions, consequence } = asked;
        let round = cadence.interval.mul_f64(1.0 + cadence.jitter.clamp(0.0, 1.0));
        let thresholds = Thresholds { rise: cadence.rise, fall: cadence.fall };
        let rules = Rules { thresholds, interval: cadence.interval, phi };
        let same_pace = before.as_ref().is_some_and(|state| state.rules.interval == rules.interval);
        let since = before.as_ref().map_or(now, |state| state.since);
        let verdict = before.as_ref().map(Self::verdict);
        let mut old = before.map(|state| state.checks).unwrap_or_default();
        let checks = questions
            .into_iter()
            .map(|question| match old.iter().position(|check| *check.question() == question) {
                Some(found) => {
                    let mut check = old.swap_remove(found);
                    if !same_pace {
                        check.unlearn();
                    }
                    check
                }
                None => Check::new(question, start, now),
            })
            .collect();
        let mut state = Self { layer, consequence, round, rules, checks, since };
        if verdict != Some(state.verdict()) {
            state.since = now;
        }
        state
    }

    pub(super) fn layer(&self) -> Layer {
        self.layer
    }

    pub(super) fn thresholds(&self) -> Thresholds {
        self.rules.thresholds
    }

    /// What its checks ask, in their order.
    pub(super) fn questions(&self) -> Vec<ProbeKind> {
        self.checks.iter().map(|check| check.question().clone()).collect()
    }

    /// Number of checks.
    pub(super) fn len(&self) -> usize {
        self.checks.len()
    }

    /// The worst of the checks' verdicts.
    pub(super) fn verdict(&self) -> Verdict {
        let any = |verdict| self.checks.iter().any(|check| check.verdict() == verdict);
        [Verdict::Down, Verdict::Unknown, Verdict::Presumed]
            .into_iter()
            .find(|verdict| any(*verdict))
            .unwrap_or(Verdict::Up)
    }

    /// What it says, and what would follow.
    pub(super) fn said(&self) -> Said {
        let keeps = match self.consequence {
            Consequence::Remove => None,
            Consequence::Degrade(factor) => Some(factor),
            Consequence::Lower(floor) => Some(self.passing().max(floor)),
        };
        Said { layer: self.layer, verdict: self.verdict(), keeps }
    }

    /// When every other backend was asked since the failure was first seen by which this layer is
    /// down; `None` if it is not.
    pub(super) fn others_asked(&self) -> Option<Instant> {
        let down = self.checks.iter().filter(|check| check.verdict() == Verdict::Down);
        let first = down.map(|check| check.failing_since().unwrap_or(self.since)).min();
        first.map(|first| first + self.round)
    }

    /// How the newest results look: `Some(None)` = well; `None` before the first.
    pub(super) fn symptom(&self) -> Option<Option<Symptom>> {
        let newest = self.checks.iter().enumerate();
        let mut newest = newest.filter_map(|(index, check)| Some((index, check.newest()?)));
        let first = newest.next()?;
        let failing = |(index, failure): (usize, Option<Failure>)| Some((index, failure?));
        Some(failing(first).or_else(|| newest.find_map(failing)))
    }

    /// The part of the checks that is not down.
    fn passing(&self) -> f64 {
        let down = self.checks.iter().filter(|check| check.verdict() == Verdict::Down).count();
        1.0 - down as f64 / self.checks.len().max(1) as f64
    }

    /// The failure behind the verdict, if it is not up and one was seen.
    pub(super) fn reason(&self) -> Option<&Reason> {
        let verdict = self.verdict();
        self.checks.iter().filter(|check| check.verdict() == verdict).find_map(Check::reason)
    }

    /// Takes over one result; false if the layer has no such check (it was removed meanwhile).
    pub(super) fn record(&mut self, seen: &Observation) -> bool {
        let before = self.verdict();
        let Some(check) = self.checks.get_mut(seen.check) else { return false };
        check.record(seen, &self.rules);
        if self.verdict() != before {
            self.since = seen.at;
        }
        true
    }

    /// When one of its checks needs a look although nothing was seen.
    pub(super) fn due(&self) -> Option<Instant> {
        let dues = self.checks.iter().filter_map(|check| check.due(&self.rules));
        let beliefs = self.checks.iter().filter_map(Check::believed_until);
        dues.map(|(due, _)| due).chain(beliefs).min()
    }

    /// Judges silences as of now.
    pub(super) fn elapse(&mut self, now: Instant) {
        let before = self.verdict();
        self.checks.iter_mut().for_each(|check| check.elapse(now, &self.rules));
        if self.verdict() != before {
            self.since = now;
        }
    }

    /// Forgets all verdicts but keeps the results: the backend is elsewhere now.
    pub(super) fn forget(&mut self, start: Verdict, now: Instant) {
        self.checks.iter_mut().for_each(|check| check.forget(start, now));
        self.since = now;
    }

    pub(super) fn keep(&self) -> KeptLayer {
        KeptLayer {
            layer: self.layer,
            verdict: self.verdict(),
            since: self.since,
            checks: self.checks.iter().map(Check::keep).collect(),
        }
    }

    /// Takes over what a process before has seen; true if a verdict of it is believed.
    pub(super) fn resume(&mut self, kept: &KeptLayer, now: Instant) -> bool {
        let mut kept_checks: Vec<_> = kept.checks.iter().collect();
        for check in &mut self.checks {
            let name = check.question().to_string();
            if let Some(found) = kept_checks.iter().position(|kept| kept.name == name) {
                check.resume(kept_checks.swap_remove(found), &self.rules, now);
            }
        }
        let believed = self.checks.iter().any(|check| check.believed_until().is_some());
        if believed && self.verdict() == kept.verdict {
            self.since = kept.since;
        }
        believed
    }

    pub(super) fn evidence(&self, now: Instant) -> LayerEvidence<'_> {
        LayerEvidence {
            layer: self.layer,
            verdict: self.verdict(),
            since: self.since,
            reason: self.reason().cloned(),
            checks: self.checks.iter().map(|check| check.evidence(now, &self.rules)).collect(),
        }
    }
}
