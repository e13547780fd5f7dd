//! One backend's health: takes facts in, says when the verdict changes.

use std::sync::Arc;
use std::time::Instant;

use super::combine::{Cause, Said, combine};
use super::common_cause::{Patience, Symptom};
use super::detector::Verdict;
use super::ejection::{Ejections, Standing, is_bad};
use super::evidence::Evidence;
use super::kept::Kept;
use super::layer::LayerState;
use super::plan::asked;
use super::returns::Returns;
use super::window::Tally;
use crate::config::{HealthChecks, TrafficCheck};
use crate::model::{
    AgentReport, AgentState, Failure, Health, Layer, Observation, ProbeKind, Reason, Traffic,
};

/// The verdict changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The verdict before.
    pub from: Health,
    /// The verdict now.
    pub to: Health,
    /// Who decided, when it is not up now; who had decided, when it is.
    pub cause: Option<Cause>,
    /// What was seen, by the same rule.
    pub reason: Option<Reason>,
    /// When.
    pub at: Instant,
}

/// The state of one backend's health. See the module's documentation for the rules.
#[derive(Clone, Debug)]
pub struct BackendHealth {
    /// The layers asked, lowest first.
    layers: Vec<LayerState>,
    ejections: Ejections,
    /// What traffic is judged by.
    traffic: Option<TrafficCheck>,
    /// What its agent last asked for, if it has one.
    agent: Option<AgentReport>,
    /// When a failing business layer counts.
    business: Patience,
    returns: Returns,
    max_returns: Option<u32>,
    health: Health,
    cause: Option<Cause>,
    reason: Option<Reason>,
    since: Instant,
    flips: u64,
}

impl BackendHealth {
    /// A backend nothing is known about yet; up at once where no layer is asked.
    #[must_use]
    pub fn new(checks: &HealthChecks, now: Instant) -> Self {
        let mut fresh = Self {
            layers: Vec::new(),
            ejections: Ejections::new(now),
            traffic: None,
            agent: None,
            business: Patience::default(),
            returns: Returns::default(),
            max_returns: None,
            health: Health::Unknown,
            cause: None,
            reason: None,
            since: now,
            flips: 0,
        };
        let start = if checks.presumed_up { Verdict::Presumed } else { Verdict::Unknown };
        fresh.ask(checks, start, now);
        fresh.settle(now);
        fresh
    }

    /// The verdict, and why it is not up when it is not.
    ///
    /// While Unknown, the reason is the last failure seen, if there was one.
    #[must_use]
    pub fn health(&self) -> (Health, Option<Reason>) {
        (self.health, self.reason.clone())
    }

    /// Whether it is out for nothing but how it answers: better than nobody, for a request that nobody
    /// else could take.
    #[must_use]
    pub fn is_last_resort(&self) -> bool {
        self.cause == Some(Cause::Traffic) && self.ejections.answers()
    }

    /// Since when the verdict holds.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Takes over one probe's result. A result of a check that is no longer asked is dropped.
    pub fn observe(&mut self, seen: &Observation) -> Option<Change> {
        let index = self.layers.iter().position(|state| state.layer() == seen.layer)?;
        let state = &mut self.layers[index];
        if !state.record(seen) {
            return None;
        }
        // An agent that says `down` has failed its check, and asks for no part.
        if let Some(report) = seen.agent.as_ref().filter(|it| it.state != AgentState::Down) {
            self.agent = Some(report.clone());
        }
        let thresholds = state.thresholds();
        if index == 0 {
            self.ejections.observe(seen, thresholds);
        }
        self.settle(seen.at)
    }

    /// When [`elapse`](Self::elapse) is due although nothing was seen.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.layers
            .iter()
            .filter_map(LayerState::due)
            .chain(self.business.due())
            .chain(self.ejections.due())
            .chain(self.returns.held_until())
            .min()
    }

    /// Takes over that time has passed: a silence may have become a verdict, or a business failure
    /// that is not a common cause may count from now on, or an ejection's proof may begin.
    pub fn elapse(&mut self, now: Instant) -> Option<Change> {
        self.business.confirm(now);
        self.ejections.elapse(now);
        self.layers.iter_mut().for_each(|state| state.elapse(now));
        self.settle(now)
    }

    /// The pool has several zones, or not: only then may a business failure have a common cause.
    pub fn watch(&mut self, several_zones: bool) {
        self.business.watched = several_zones;
    }

    /// A business failure is about to count: whoever watches the pool judges before
    /// [`elapse`](Self::elapse).
    #[must_use]
    pub fn business_due(&self, now: Instant) -> bool {
        self.business.due().is_some_and(|due| due <= now)
    }

    /// What the business layer showed last of a backend that serves (`Some(None)` = it is well).
    #[must_use]
    pub fn symptom(&self) -> Option<Option<Symptom>> {
        let serves = matches!(self.health, Health::Up | Health::Degraded(_));
        let business = self.layers.last().filter(|state| state.layer() == Layer::Business);
        business.filter(|_| serves)?.symptom()
    }

    /// The business layer's failure has a common cause, or no longer has.
    pub fn excuse(&mut self, excused: bool, now: Instant) -> Option<Change> {
        self.business.excuse(excused);
        self.settle(now)
    }

    /// Takes over what live traffic showed in one sample. Connections that failed while none
    /// succeeded eject the backend at once, if there is a layer that can readmit it.
    pub fn traffic(&mut self, sample: &Traffic, now: Instant) -> Option<Change> {
        let checks = self.layers.first()?.len();
        self.ejections.sample(sample, checks, self.traffic.as_ref(), now);
        self.settle(now)
    }

    /// What ended lately, if the backend is in and its answers are judged.
    pub(super) fn tally(&mut self, now: Instant) -> Option<Tally> {
        let settings = self.traffic.as_ref().filter(|_| !self.layers.is_empty())?;
        self.ejections.tally(settings, now)
    }

    /// Whether it answers so badly, by itself, that its pool should have a look.
    #[must_use]
    pub fn answers_badly(&mut self, now: Instant) -> bool {
        let own = self.tally(now);
        let judged = own.zip(self.traffic.as_ref());
        judged.is_some_and(|(own, settings)| is_bad(own, Tally::default(), settings))
    }

    /// What its answers are judged by, if they are.
    pub(super) fn traffic_check(&self) -> Option<&TrafficCheck> {
        self.traffic.as_ref()
    }

    /// Ejects it for how it answers.
    pub(super) fn eject(&mut self, now: Instant) -> Option<Change> {
        let own = self.tally(now)?;
        self.ejections.eject_for(own, self.traffic.as_ref()?, now);
        self.settle(now)
    }

    /// Whether it waits for nothing but its time: what was to be proven is, or a trial may prove it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.ejections.due().is_some() || self.returns.held_until().is_some()
    }

    /// The pool needs it, `alone` or beside few: it is in as soon as nothing but time is against it.
    pub(super) fn hasten(&mut self, alone: bool, now: Instant) -> Option<Change> {
        self.ejections.hasten(alone, now);
        self.settle_within(None, now)
    }

    /// Out by traffic, or on trial.
    pub(super) fn is_ejected(&self) -> bool {
        self.ejections.charge().is_some()
    }

    /// Takes over what shall be asked from now on, and keeps the state of all that is unchanged.
    ///
    /// New thresholds count from the next result on. A new check is presumed up if the backend is
    /// up, so that a reload alone never takes it out; a check that is no longer asked no longer
    /// counts, which may bring the backend in.
    pub fn reconfigure(&mut self, checks: &HealthChecks, now: Instant) -> Option<Change> {
        let proved_by = self.layers.first().map(LayerState::questions);
        let process = self.questions(Layer::Process);
        self.ask(checks, self.start(), now);
        if self.questions(Layer::Process) != process {
            self.agent = None;
        }
        match self.layers.first() {
            None => self.ejections = Ejections::new(now),
            Some(proving) if proved_by != Some(proving.questions()) => {
                self.ejections.restart(proving.len());
            }
            Some(_) => {}
        }
        self.settle(now)
    }

    /// The backend listens at another address now: what was seen at the old one no longer counts.
    ///
    /// If it was up it stays so, on trial: every check is presumed up, and live traffic that
    /// cannot connect ejects it at once. A hostname whose address changes at every look-up would
    /// otherwise be out at every look-up.
    pub fn moved(&mut self, now: Instant) -> Option<Change> {
        let start = self.start();
        self.layers.iter_mut().for_each(|state| state.forget(start, now));
        self.ejections = Ejections::new(now);
        self.agent = None;
        self.settle(now)
    }

    /// What the next process should know.
    #[must_use]
    pub fn keep(&self) -> Kept {
        Kept {
            health: self.health,
            since: self.since,
            flips: self.flips,
            ejections: self.ejections.keep(),
            agent: self.agent.clone(),
            layers: self.layers.iter().map(LayerState::keep).collect(),
        }
    }

    /// Takes over what a process before has seen, where nothing was seen yet. How long it is
    /// believed is told where it is kept.
    pub fn resume(&mut self, kept: &Kept, now: Instant) -> Option<Change> {
        for layer in &mut self.layers {
            let found = kept.layers.iter().find(|kept| kept.layer == layer.layer());
            let believed = found.is_some_and(|kept| layer.resume(kept, now));
            if believed && layer.layer() == Layer::Process {
                self.agent.clone_from(&kept.agent);
            }
        }
        if let Some(proving) = self.layers.first() {
            self.ejections.resume(&kept.ejections, proving.len(), self.traffic.as_ref(), now);
        }
        let change = self.settle(now);
        self.flips = kept.flips;
        if self.health.name() == kept.health.name() {
            self.since = kept.since;
        }
        change
    }

    /// Everything known, for views.
    #[must_use]
    pub fn evidence(&self, now: Instant) -> Evidence<'_> {
        Evidence {
            health: self.health,
            cause: self.cause,
            reason: self.reason.clone(),
            since: self.since,
            flips: self.flips,
            held_until: self.returns.held_until(),
            ejected: self.ejections.charge().map(|(since, reason)| (since, reason.clone())),
            ejections: self.ejections.count(),
            layers: self.layers.iter().map(|state| state.evidence(now)).collect(),
        }
    }

    /// What a check without any result counts as.
    fn start(&self) -> Verdict {
        match self.health {
            Health::Up | Health::Degraded(_) => Verdict::Presumed,
            Health::Unknown | Health::Down => Verdict::Unknown,
        }
    }

    fn ask(&mut self, checks: &HealthChecks, start: Verdict, now: Instant) {
        (self.traffic, self.max_returns) = (checks.traffic, checks.max_returns);
        let mut old = std::mem::take(&mut self.layers);
        // What the backend is called where no host is configured is the same before and after.
        let asked = asked(checks, &Arc::default());
        self.layers.reserve_exact(asked.len());
        for asked in asked {
            let found = old.iter().position(|state| state.layer() == asked.layer);
            let before = found.map(|index| old.swap_remove(index));
            self.layers.push(LayerState::new(asked, checks.phi, before, start, now));
        }
    }

    /// Combines all evidence anew.
    fn settle(&mut self, now: Instant) -> Option<Change> {
        self.settle_within(self.max_returns, now)
    }

    /// Settles with so many returns a minute; `None` = any number.
    fn settle_within(&mut self, max_returns: Option<u32>, now: Instant) -> Option<Change> {
        let said = self.said();
        let (to, cause) = combine(&said, self.agent_part(), self.standing());
        if !self.returns.allow(self.health, to, max_returns, now) {
            return None;
        }
        let reason = cause.and_then(|cause| self.reason_of(cause));
        let from = std::mem::replace(&mut self.health, to);
        let was = (self.cause, self.reason.take());
        (self.cause, self.reason) = (cause, reason.clone());
        if from == to {
            return None;
        }
        self.since = now;
        self.flips += u64::from(from != Health::Unknown);
        if from == Health::Down {
            self.ejections.begin_anew(now);
        }
        let (cause, reason) = if cause.is_some() { (cause, reason) } else { was };
        Some(Change { from, to, cause, reason, at: now })
    }

    /// What is asked on a layer.
    fn questions(&self, layer: Layer) -> Option<Vec<ProbeKind>> {
        let state = self.layers.iter().find(|state| state.layer() == layer)?;
        Some(state.questions())
    }

    /// The part of the weight that the agent asks for.
    fn agent_part(&self) -> f64 {
        match &self.agent {
            Some(report) if report.state == AgentState::Drain => 0.0,
            Some(report) => report.weight.unwrap_or(1.0),
            None => 1.0,
        }
    }

    /// What traffic says, if there is a layer that can readmit.
    fn standing(&self) -> Standing {
        self.ejections.standing(self.traffic.as_ref())
    }

    /// What each layer says that counts.
    fn said(&mut self) -> Vec<Said> {
        let mut said: Vec<Said> = self.layers.iter().map(LayerState::said).collect();
        let business = self.layers.last().filter(|state| state.layer() == Layer::Business);
        if let (Some(state), Some(last)) = (business, said.last_mut())
            && !self.business.counts(state.others_asked())
            && last.verdict == Verdict::Down
        {
            last.verdict = Verdict::Up;
        }
        said
    }

    fn reason_of(&self, cause: Cause) -> Option<Reason> {
        match cause {
            Cause::Agent => self.agent.as_ref().map(asked_for),
            Cause::Traffic => self.ejections.charge().map(|(_, reason)| reason.clone()),
            Cause::Layer(layer) => {
                let state = self.layers.iter().find(|state| state.layer() == layer)?;
                state.reason().cloned()
            }
        }
    }
}

/// An agent's wish, as a reason.
fn asked_for(report: &AgentReport) -> Reason {
    let AgentReport { state, weight, reason } = report;
    let wish = match (state, weight) {
        (AgentState::Drain, _) => "the agent drains".to_owned(),
        (_, weight) => format!("the agent asks for {:.0} %", weight.unwrap_or(1.0) * 100.0),
    };
    let whole = if reason.is_empty() { wish } else { format!("{wish}: {reason}") };
    let detail: String = whole.chars().take(200).collect();
    Reason { failure: Failure::Rejected, detail: detail.into() }
}
