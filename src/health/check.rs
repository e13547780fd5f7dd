//! One question asked again and again: its detector, its last results, its last failure.

use std::time::{Duration, Instant};

use super::detector::{RiseFall, Thresholds, Verdict};
use super::evidence::{CheckEvidence, Detector};
use super::history::{History, Sample};
use super::kept::KeptCheck;
use super::phi::Rhythm;
use crate::config::Phi;
use crate::model::{Failure, Observation, Outcome, ProbeKind, Reason};

/// How a layer's results are judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rules {
    pub(super) thresholds: Thresholds,
    pub(super) interval: Duration,
    pub(super) phi: Option<Phi>,
}

impl Rules {
    /// The longest silence, once it is in doubt.
    fn bound(&self) -> Duration {
        self.interval.saturating_mul(self.thresholds.fall)
    }
}

/// A verdict from before a restart.
#[derive(Clone, Copy, Debug)]
struct Belief {
    /// When it is too old, unless there was a result since.
    until: Instant,
    /// The verdict then.
    otherwise: Verdict,
}

/// One check of one layer.
#[derive(Clone, Debug)]
pub(super) struct Check {
    /// A check whose question a reload does not change keeps its state.
    question: ProbeKind,
    detector: RiseFall,
    rhythm: Rhythm,
    /// Its verdict rests on what a process before has seen.
    belief: Option<Belief>,
    /// What made it down, if it is.
    decided_by: Option<Detector>,
    since: Instant,
    /// The first failure since the last pass.
    failing_since: Option<Instant>,
    last_failure: Option<Reason>,
    history: History,
}

impl Check {
    /// A check without a verdict: `start` is [`Verdict::Unknown`] or [`Verdict::Presumed`].
    pub(super) fn new(question: ProbeKind, start: Verdict, now: Instant) -> Self {
        Self {
            question,
            detector: RiseFall::new(start),
            rhythm: Rhythm::default(),
            belief: None,
            decided_by: None,
            since: now,
            failing_since: None,
            last_failure: None,
            history: History::default(),
        }
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
    pub(super) fn record(&mut self, seen: &Observation, rules: &Rules) {
        if !matches!(seen.outcome, Outcome::Void(_)) {
            self.belief = None;
        }
        match &seen.outcome {
            Outcome::Pass => self.passed(seen.at, rules),
            Outcome::Fail(reason) => {
                self.last_failure = Some(reason.clone());
                self.failing_since.get_or_insert(seen.at);
                if self.detector.fail(rules.thresholds) {
                    self.fell(Detector::Fall, seen.at);
                }
                self.judge(seen.at, rules);
            }
            Outcome::Void(_) => self.rhythm.lose(),
        }
        let Observation { at, latency, .. } = *seen;
        self.history.push(Sample { at, latency, outcome: seen.outcome.clone() });
    }

    /// Since when nothing but failures was seen.
    pub(super) fn failing_since(&self) -> Option<Instant> {
        self.failing_since
    }

    /// How the newest result failed (`Some(None)` = it passed); `None` before the first.
    pub(super) fn newest(&self) -> Option<Option<Failure>> {
        match (self.detector.fails(), self.detector.passes()) {
            (0, 0) => None,
            (0, _) => Some(None),
            _ => Some(self.last_failure.as_ref().map(|reason| reason.failure)),
        }
    }

    fn passed(&mut self, at: Instant, rules: &Rules) {
        self.failing_since = None;
        if let Some(phi) = &rules.phi {
            self.rhythm.pass(at, self.verdict() != Verdict::Down, phi);
        }
        if self.detector.pass(rules.thresholds) {
            (self.since, self.decided_by) = (at, None);
        }
    }

    fn fell(&mut self, by: Detector, at: Instant) {
        (self.since, self.decided_by) = (at, Some(by));
    }

    /// When the silence will be a verdict, if it is in doubt now, and by what.
    pub(super) fn due(&self, rules: &Rules) -> Option<(Instant, Detector)> {
        let phi = rules.phi.as_ref()?;
        let in_doubt = self.detector.in_doubt(rules.thresholds);
        in_doubt.then(|| self.rhythm.verdict_at(rules.bound(), phi)).flatten()
    }

    /// When its verdict is too old, if it is from before a restart.
    pub(super) fn believed_until(&self) -> Option<Instant> {
        self.belief.map(|belief| belief.until)
    }

    /// Judges the silence because time has passed. A look that is itself late by a whole interval
    /// decides nothing: whoever slept may have slept through a pass.
    pub(super) fn elapse(&mut self, now: Instant, rules: &Rules) {
        if let Some(belief) = self.belief.filter(|belief| belief.until <= now) {
            self.forget(belief.otherwise, now);
        }
        match self.due(rules) {
            Some((due, _)) if now > due + rules.interval => self.rhythm.lose(),
            Some(_) => self.judge(now, rules),
            None => {}
        }
    }

    fn judge(&mut self, now: Instant, rules: &Rules) {
        if let Some((due, by)) = self.due(rules)
            && due <= now
            && self.detector.overdue()
        {
            self.fell(by, now);
        }
    }

    /// Probes will come at another pace: what is known of the old one is of no use.
    pub(super) fn unlearn(&mut self) {
        self.rhythm = Rhythm::default();
    }

    /// Forgets the verdict but keeps the results: the backend is elsewhere now.
    pub(super) fn forget(&mut self, start: Verdict, now: Instant) {
        self.detector = RiseFall::new(start);
        self.rhythm = Rhythm::default();
        self.belief = None;
        self.decided_by = None;
        self.since = now;
        self.failing_since = None;
        self.last_failure = None;
    }

    pub(super) fn keep(&self) -> KeptCheck {
        KeptCheck {
            name: self.question.to_string(),
            verdict: self.verdict(),
            since: self.since,
            passes: self.detector.passes(),
            fails: self.detector.fails(),
            decided_by: self.decided_by,
            failing_since: self.failing_since,
            last_failure: self.last_failure.clone(),
            results: self.history.samples().iter().cloned().collect(),
        }
    }

    /// Takes over what a process before has seen; its verdict, as far as that is young enough.
    pub(super) fn resume(&mut self, kept: &KeptCheck, rules: &Rules, now: Instant) {
        self.history = History::of(&kept.results);
        let judged = |sample: &&Sample| !matches!(sample.outcome, Outcome::Void(_));
        let newest = kept.results.iter().rfind(judged);
        let until = newest.and_then(|sample| sample.at.checked_add(rules.bound()));
        let Some(until) = until.filter(|until| *until > now) else { return };
        self.belief = Some(Belief { until, otherwise: self.verdict() });
        self.detector = RiseFall::resumed(kept.verdict, kept.passes, kept.fails);
        (self.since, self.decided_by) = (kept.since, kept.decided_by);
        (self.failing_since, self.last_failure) = (kept.failing_since, kept.last_failure.clone());
    }

    pub(super) fn evidence(&self, now: Instant, rules: &Rules) -> CheckEvidence<'_> {
        let phi = rules.phi.as_ref().and_then(|phi| self.rhythm.phi(now, phi));
        let suspect = |level: f64| rules.phi.is_some_and(|settings| level >= settings.suspect);
        CheckEvidence {
            question: &self.question,
            verdict: self.verdict(),
            since: self.since,
            passes: self.detector.passes(),
            fails: self.detector.fails(),
            phi,
            suspect: self.verdict() != Verdict::Down && phi.is_some_and(suspect),
            decided_by: self.decided_by,
            last_failure: self.last_failure.as_ref(),
            results: self.history.samples(),
        }
    }
}
