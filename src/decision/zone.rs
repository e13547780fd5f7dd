//! Steps 1 and 2: which backends of a zone count, and with how much weight.
//!
//! A zone whose backends are as they were is not looked at again: what it came to, what there was
//! to tell and what the table is built from are kept, and shared with the plan.

use std::ops::Range;
use std::sync::Arc;

use super::Candidate;
use super::report::{Entry, Stage, Why};
use crate::model::{Admin, BackendPlan, Health};

/// What a zone's backends come to, in weights.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Of all that no order has removed, as far as a drain leaves it; backups count only in a zone of
    /// backups.
    pub(super) ready: f64,
    /// The same, backups and all.
    pub(super) anybody: f64,
    /// Of those among them that there is a verdict on; backups count only in a zone of backups.
    pub(super) known: f64,
    /// Of the known, times their health.
    pub(super) well: f64,
    /// What may take traffic, without backups.
    pub(super) primaries: f64,
    /// What may take traffic of the backups.
    pub(super) backups: f64,
    /// Of all whatever is ordered or observed; backups count only in a zone of backups.
    pub(super) total: f64,
    /// There is one without a verdict.
    pub(super) waits: bool,
}

impl Tally {
    /// How well it is, 0..=1; `None` before the first verdict, or with nobody left by order.
    pub(super) fn health(&self) -> Option<f64> {
        (self.known > 0.0).then(|| self.well / self.known)
    }

    /// The part of all its weight that drains leave it, 0..=1.
    pub(super) fn kept(&self) -> f64 {
        if self.total > 0.0 { (self.ready / self.total).min(1.0) } else { 1.0 }
    }

    /// The part of all its weight that may take traffic, 0..=1.
    pub(super) fn part(&self, mode: Mode) -> f64 {
        match mode {
            Mode::Primaries if self.total > 0.0 => (self.primaries / self.total).min(1.0),
            _ => f64::from(u8::from(self.eligible(mode) > 0.0)),
        }
    }

    /// The weight that may take traffic.
    pub(super) fn eligible(&self, mode: Mode) -> f64 {
        match mode {
            Mode::Primaries => self.primaries,
            Mode::Backups => self.backups,
            Mode::All => self.anybody,
        }
    }
}

/// Who takes traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// Eligible backends that are no backups.
    #[default]
    Primaries,
    /// Eligible backups, because nobody else of the pool is.
    Backups,
    /// Everybody whom no order has removed, because nobody at all is eligible.
    All,
}

/// A zone's backends, as they were when they were last looked at.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    /// The places of its backends in the pool's list.
    pub(super) members: Range<usize>,
    pub(super) tally: Tally,
    /// What there is to tell about its backends.
    pub(super) entries: Vec<Entry>,
    /// As planned.
    pub(super) backends: Arc<[BackendPlan]>,
    mode: Mode,
    /// Something about its backends has changed.
    pub(super) changed: bool,
}

impl Zone {
    pub(super) fn new(members: Range<usize>) -> Self {
        let (tally, entries, backends) = (Tally::default(), Vec::new(), Arc::default());
        Self { members, tally, entries, backends, mode: Mode::default(), changed: true }
    }

    /// Sums up its backends, if anything about them has changed.
    pub(super) fn sum_up<'a>(&mut self, candidate: impl Fn(usize) -> Candidate<'a>) {
        if !self.changed {
            return;
        }
        self.tally = Tally::default();
        self.entries.clear();
        let candidates = || self.members.clone().map(&candidate);
        let only_backups = candidates().all(|one| one.backend.backup);
        for one in candidates() {
            let weight = f64::from(one.weight());
            let left_out = left_out(&one);
            let own = if left_out.is_some() { 0.0 } else { own(&one) };
            self.tally.add(&one, weight, own, only_backups);
            if let Some(why) = left_out {
                let did = format!("left out {}", one.backend.key.name);
                self.entries.push(Entry { stage: Stage::Eligibility, did, why });
            } else if own < weight {
                let percent = own / weight * 100.0;
                let did = format!("{} counts {percent:.0} %", one.backend.key.name);
                let why = Why::Because(lessened(&one));
                self.entries.push(Entry { stage: Stage::Eligibility, did, why });
            }
        }
    }

    /// Plans its backends, if they or who takes traffic have changed.
    pub(super) fn plan<'a>(&mut self, mode: Mode, candidate: impl Fn(usize) -> Candidate<'a>) {
        if !self.changed && self.mode == mode {
            return;
        }
        let planned = self.members.clone().map(|place| planned(&candidate(place), mode));
        let backends: Arc<[BackendPlan]> = planned.collect();
        if *backends != *self.backends {
            self.backends = backends;
        }
        (self.mode, self.changed) = (mode, false);
    }
}

impl Tally {
    fn add(&mut self, one: &Candidate<'_>, weight: f64, own: f64, only_backups: bool) {
        let remains = weight * one.ordered.remains;
        self.anybody += remains;
        if !one.backend.backup || only_backups {
            self.total += weight;
            self.ready += remains;
        }
        match one.backend.backup {
            true => self.backups += own,
            false => self.primaries += own,
        }
        if one.ordered.remains <= 0.0 || (one.backend.backup && !only_backups) {
            return;
        }
        match one.health {
            Health::Unknown => self.waits = true,
            health => {
                self.known += weight;
                self.well += weight * factor(health);
            }
        }
    }
}

fn planned(one: &Candidate<'_>, mode: Mode) -> BackendPlan {
    let effective_weight = match mode {
        Mode::All => f64::from(one.weight()) * one.ordered.remains,
        Mode::Backups if one.backend.backup => own(one),
        Mode::Primaries if !one.backend.backup => own(one),
        Mode::Backups | Mode::Primaries => 0.0,
    };
    BackendPlan {
        name: one.backend.key.name.clone(),
        address: one.backend.address.clone(),
        weight: one.weight(),
        effective_weight,
        health: one.health,
        admin: one.ordered.admin,
        reason: one.reason.clone(),
        last_resort: one.last_resort && one.weight() > 0 && one.ordered.remains > 0.0,
    }
}

/// What a backend weighs by itself.
fn own(one: &Candidate<'_>) -> f64 {
    f64::from(one.weight()) * factor(one.health) * one.ordered.remains * one.ramp
}

/// Why a backend gets nothing at all, if that is so. What was ordered comes first: it holds
/// whatever is observed.
fn left_out(one: &Candidate<'_>) -> Option<Why> {
    let because = |text: &str| Some(Why::Because(text.to_owned()));
    match (one.ordered.admin, one.health) {
        (Admin::Drain, _) if one.ordered.remains <= 0.0 => because("drain was ordered"),
        (Admin::Maint, _) => because("maintenance was ordered"),
        _ if one.weight() == 0 => because("its weight is 0"),
        (_, Health::Unknown) => Some(Why::WaitsFor(seen(one, "its first passing check"))),
        (_, Health::Down) => Some(Why::Because(seen(one, "it is down"))),
        (_, health) if factor(health) <= 0.0 => because("its health factor is 0"),
        (_, Health::Up | Health::Degraded(_)) => None,
    }
}

/// Why a backend that takes part weighs less than it might.
fn lessened(one: &Candidate<'_>) -> String {
    if one.ordered.remains < 1.0 {
        "it is being drained".to_owned()
    } else if factor(one.health) < 1.0 {
        seen(one, "degraded")
    } else {
        match one.setbacks {
            0 => "it starts slowly".to_owned(),
            1 => "it starts slowly again, being worse than the others".to_owned(),
            n => format!("it starts slowly again, being worse than the others {n} times"),
        }
    }
}

fn seen(one: &Candidate<'_>, what: &str) -> String {
    match &one.reason {
        Some(reason) => format!("{what} ({reason})"),
        None => what.to_owned(),
    }
}

/// The health factor, forced into 0..=1 whatever its maker computed.
fn factor(health: Health) -> f64 {
    let factor = health.factor();
    if factor.is_nan() { 0.0 } else { factor.clamp(0.0, 1.0) }
}
