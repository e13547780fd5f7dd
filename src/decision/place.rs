//! A zone's or region's way out and back: the phases of [`Standing`], and what holds each of them.
//!
//! Flapping is worse than being out: each turn moves traffic, empties caches and fails requests. So
//! there are two thresholds, the least time in each phase is `dwell`, and a place that failed stays
//! out for a *hold-down* that doubles each time it fails again before its last failure is forgotten
//! (`decay`). Only a rollback (worse evidence while traffic is being given back) waits for nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::trial::Trial;
use crate::config::{Failover, Pool, Restoration, Stage, Thresholds};
use crate::model::{Action, Order, Phase, Standing};

/// Failures remembered over a restart: with more, the hold-down has long reached its cap.
const FLAPS_KEPT: u32 = 32;

/// What a place's own config says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'a> {
    pub(super) failover: &'a Failover,
    pub(super) restoration: &'a Restoration,
    pub(super) limits: Thresholds,
}

/// What is seen of a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// 0..=1; `None` = there is no verdict.
    pub(super) health: Option<f64>,
    /// Automation is paused there.
    pub(super) paused: bool,
    /// Something around it is on its way back in stages, so it needs none of its own.
    pub(super) guarded: bool,
}

/// What automation is about to do next, and what it waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wait {
    /// In words; empty = for nothing.
    pub(super) what: String,
    /// When it is over by itself.
    pub(super) until: Option<Instant>,
}

/// A zone or region on its way.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) standing: Standing,
    /// How it stood when that was last told: an order may change it between two decisions.
    told: Standing,
    /// How it goes on when the order it stands under ends.
    after_order: Option<Phase>,
    /// Well enough since then, while it proves itself.
    well_since: Option<Instant>,
    failed_at: Option<Instant>,
    pub(super) trial: Trial,
}

impl Place {
    /// A place as it stood before a restart. What its traffic had shown is not known any more, so
    /// what it was to show in its phase begins anew; and if it is `stale`, it goes back to its proof.
    /// Times that only a broken clock can have written are brought back to what is possible.
    pub(super) fn resumed(before: &Standing, stale: bool, pool: &Pool, now: Instant) -> Self {
        let hold = pool.failover.hold_down;
        let since = before.since.map(|since| since.min(now));
        let flaps = before.flaps.min(FLAPS_KEPT);
        let (phase, since) = match fitting(before.phase, &pool.restoration) {
            // Orders are kept by themselves.
            Phase::Draining => (Phase::Active, None),
            phase @ (Phase::Active | Phase::Out) => (phase, since),
            Phase::Restoring { .. } | Phase::Watching if stale => (Phase::Proving, Some(now)),
            phase => (phase, Some(now)),
        };
        let held_until = before.held_until.zip(now.checked_add(hold.max));
        let held_until = held_until.map(|(until, most)| until.min(most));
        let cause = Arc::clone(&before.cause);
        let escalated = before.escalated && waits(phase);
        let standing = Standing { phase, since, cause, held_until, flaps, escalated };
        // It failed then at the latest.
        let failed_at = (flaps > 0).then(|| since.unwrap_or(now));
        // `told` stays as for a new place: what resumed is told by the first decision.
        Self { standing, failed_at, ..Self::default() }
    }

    /// How it stood before, if that was in another phase; asked once per change.
    pub(super) fn turned(&mut self) -> Option<Standing> {
        let turned = self.told.phase != self.standing.phase;
        let before = std::mem::replace(&mut self.told, self.standing.clone());
        turned.then_some(before)
    }

    /// Keeps it in a stage there is.
    pub(super) fn fit(&mut self, restoration: &Restoration) {
        self.standing.phase = fitting(self.standing.phase, restoration);
    }

    /// Takes its part, whatever part that is.
    pub(super) fn takes_part(&self) -> bool {
        matches!(
            self.standing.phase,
            Phase::Active | Phase::Draining | Phase::Watching | Phase::Restoring { .. }
        )
    }

    /// Automation holds it back, wholly or in part.
    pub(super) fn held_back(&self) -> bool {
        let phase = self.standing.phase;
        self.after_order.is_none()
            && matches!(phase, Phase::Out | Phase::Proving | Phase::Restoring { .. })
    }

    /// Its traffic is being judged.
    pub(super) fn on_trial(&self) -> bool {
        matches!(self.standing.phase, Phase::Restoring { .. } | Phase::Watching)
    }

    /// It stands as an order has it.
    pub(super) fn is_ordered(&self) -> bool {
        self.after_order.is_some()
    }

    /// Out or back as an order has it. An order that is over leaves it to the evidence.
    pub(super) fn obey(&mut self, order: Option<&Order>, now: Instant) {
        let Some(order) = order else {
            if let Some(phase) = self.after_order.take() {
                self.enter(phase, "the order is over".into(), now);
            }
            return;
        };
        let (phase, after) = match order.action {
            Action::Drain { .. } => (Phase::Draining, Phase::Active),
            Action::Fail { .. } => (Phase::Out, Phase::Proving),
            _ => (Phase::Out, Phase::Active),
        };
        let cause: Arc<str> = order.to_string().into();
        if self.after_order != Some(after) || self.standing.cause != cause {
            self.enter(phase, cause, now);
            self.after_order = Some(after);
        }
    }

    /// Brings it back by an order: by proof and in stages, or one stage on.
    pub(super) fn restore(&mut self, order: &Order, restoration: &Restoration, now: Instant) {
        let cause: Arc<str> = order.to_string().into();
        let advance = matches!(order.action, Action::Restore { advance: true });
        let phase = self.standing.phase;
        self.after_order = None;
        match phase {
            Phase::Out | Phase::Draining if !advance => self.enter(Phase::Proving, cause, now),
            Phase::Out | Phase::Draining | Phase::Proving if advance => {
                self.enter(first_stage(restoration), cause, now);
            }
            Phase::Restoring { stage } if advance => {
                self.enter(next_stage(restoration, stage), cause, now);
            }
            Phase::Watching if advance => self.enter(Phase::Active, cause, now),
            _ => {}
        }
    }

    /// Why it should go out now, if it should; `Err` = it should, but must wait.
    pub(super) fn failing(
        &self,
        sight: &Sight,
        rules: &Rules<'_>,
        now: Instant,
    ) -> Option<Result<String, Wait>> {
        if self.after_order.is_some() {
            return None;
        }
        let phase = self.standing.phase;
        if self.on_trial()
            && let Some(worse) = self.trial.worse()
        {
            return Some(Ok(worse.to_owned()));
        }
        let health = sight.health.filter(|health| *health < rules.limits.min_health)?;
        let why = format!(
            "its health is {:.0} %, below {:.0} %",
            health * 100.0,
            rules.limits.min_health * 100.0
        );
        match phase {
            Phase::Active if sight.paused => {
                Some(Err(Wait { what: "automation to be resumed".into(), until: None }))
            }
            Phase::Active => match self.dwells_until(rules).filter(|until| *until > now) {
                Some(until) => Some(Err(Wait { what: "its dwell".into(), until: Some(until) })),
                None => Some(Ok(why)),
            },
            _ if self.on_trial() => Some(Ok(why)),
            _ => None,
        }
    }

    /// Takes it out, for as long as its past asks for.
    pub(super) fn fail(&mut self, cause: String, rules: &Rules<'_>, now: Instant) {
        let hold = rules.failover.hold_down;
        let flaps = self.standing.flaps.saturating_sub(self.forgotten(hold.decay, now));
        let doubled = 2_u32.checked_pow(flaps).and_then(|times| hold.first.checked_mul(times));
        let held = doubled.map_or(hold.max, |held| held.min(hold.max));
        self.enter(Phase::Out, cause.into(), now);
        self.standing.held_until = now.checked_add(held);
        self.standing.flaps = flaps.saturating_add(1);
        self.failed_at = Some(now);
    }

    /// Goes on on its way back, as far as time and evidence allow; says what it waits for then.
    pub(super) fn advance(&mut self, sight: &Sight, rules: &Rules<'_>, now: Instant) -> Wait {
        if self.after_order.is_some() {
            return Wait::default();
        }
        let wait = self.next(sight, rules, now);
        if sight.paused && !matches!(self.standing.phase, Phase::Active | Phase::Draining) {
            return Wait { what: "automation to be resumed".to_owned(), until: None };
        }
        match wait {
            Ok((phase, cause)) => {
                self.enter(phase, cause.into(), now);
                self.next(sight, rules, now).err().unwrap_or_default()
            }
            Err(wait) => wait,
        }
    }

    /// The phase that is due, or what it waits for.
    fn next(
        &mut self,
        sight: &Sight,
        rules: &Rules<'_>,
        now: Instant,
    ) -> Result<(Phase, String), Wait> {
        let well = sight.health.is_some_and(|health| health >= rules.limits.restore_health);
        let dwells = self.dwells_until(rules).filter(|until| *until > now);
        match self.standing.phase {
            Phase::Active | Phase::Draining => Err(Wait::default()),
            Phase::Out => {
                let held = self.standing.held_until.filter(|until| *until > now);
                if let Some(until) = held.max(dwells) {
                    return Err(wait("its hold-down", until));
                }
                if !well {
                    let what = format!("health of {:.0} %", rules.limits.restore_health * 100.0);
                    return Err(Wait { what, until: None });
                }
                Ok((Phase::Proving, "it is well again".to_owned()))
            }
            Phase::Proving => self.prove(sight, rules, well, dwells, now),
            Phase::Restoring { stage } => {
                let hold = rules.restoration.stages.get(stage).map_or(Duration::ZERO, |s| s.hold);
                self.may_go_on(dwells.max(self.after(hold, now)), rules, stage)?;
                Ok((next_stage(rules.restoration, stage), format!("stage {} held", stage + 1)))
            }
            Phase::Watching => match dwells.max(self.after(rules.restoration.watch, now)) {
                Some(until) => Err(wait("the end of its watch", until)),
                None => Ok((Phase::Active, "its watch is over".to_owned())),
            },
        }
    }

    fn prove(
        &mut self,
        sight: &Sight,
        rules: &Rules<'_>,
        well: bool,
        dwells: Option<Instant>,
        now: Instant,
    ) -> Result<(Phase, String), Wait> {
        if !well {
            self.well_since = None;
            let bad = sight.health.is_none_or(|health| health < rules.limits.min_health);
            return match dwells {
                None if bad => Ok((Phase::Out, "it did not stay well".to_owned())),
                Some(until) if bad => Err(wait("its proof", until)),
                _ => Err(Wait { what: "its proof".to_owned(), until: None }),
            };
        }
        let proven = *self.well_since.get_or_insert(now) + rules.restoration.proving;
        match dwells.max(Some(proven).filter(|proven| *proven > now)) {
            Some(until) => Err(wait("its proof", until)),
            None if sight.guarded => Ok((Phase::Active, "proven".to_owned())),
            None => Ok((first_stage(rules.restoration), "proven".to_owned())),
        }
    }

    /// Whether a stage has shown enough.
    fn may_go_on(
        &self,
        holds: Option<Instant>,
        rules: &Rules<'_>,
        stage: usize,
    ) -> Result<(), Wait> {
        if let Some(until) = holds {
            return Err(wait(&format!("stage {} to be held", stage + 1), until));
        }
        match self.trial.missing(&rules.restoration.gate) {
            Some(what) => Err(Wait { what, until: None }),
            None => Ok(()),
        }
    }

    /// The part of what it is entitled to that it may have.
    pub(super) fn stage(&self, stages: &[Stage]) -> f64 {
        match self.standing.phase {
            Phase::Restoring { stage } => stages.get(stage).map_or(1.0, |stage| stage.share),
            _ => 1.0,
        }
    }

    /// Whether it has just turned out that it does not recover by itself.
    pub(super) fn escalates(&mut self, rules: &Rules<'_>, now: Instant) -> bool {
        let due = self.escalation(rules).is_some_and(|at| at <= now);
        due && !std::mem::replace(&mut self.standing.escalated, true)
    }

    /// When it counts as not recovering.
    pub(super) fn escalation(&self, rules: &Rules<'_>) -> Option<Instant> {
        let out = waits(self.standing.phase) && self.after_order.is_none();
        let since = self.failed_at.filter(|_| out)?;
        (!self.standing.escalated).then(|| since.checked_add(rules.failover.escalate_after))?
    }

    fn enter(&mut self, phase: Phase, cause: Arc<str>, now: Instant) {
        let Standing { flaps, escalated, .. } = self.standing;
        let (since, escalated) = (Some(now), escalated && waits(phase));
        self.standing = Standing { phase, since, cause, held_until: None, flaps, escalated };
        self.well_since = None;
        self.trial = Trial::default();
    }

    fn dwells_until(&self, rules: &Rules<'_>) -> Option<Instant> {
        self.standing.since?.checked_add(rules.failover.dwell)
    }

    /// When it has been in its phase for so long, if that is still to come.
    fn after(&self, time: Duration, now: Instant) -> Option<Instant> {
        self.standing.since?.checked_add(time).filter(|at| *at > now)
    }

    /// How many of its failures are forgotten by now.
    fn forgotten(&self, decay: Duration, now: Instant) -> u32 {
        let Some(failed_at) = self.failed_at else { return 0 };
        if decay.is_zero() {
            return u32::MAX;
        }
        let passed = now.saturating_duration_since(failed_at);
        u32::try_from(passed.as_millis() / decay.as_millis().max(1)).unwrap_or(u32::MAX)
    }
}

/// It gets nothing until it is proven.
fn waits(phase: Phase) -> bool {
    matches!(phase, Phase::Out | Phase::Proving)
}

fn wait(what: &str, until: Instant) -> Wait {
    Wait { what: what.to_owned(), until: Some(until) }
}

fn first_stage(restoration: &Restoration) -> Phase {
    match restoration.stages.first() {
        Some(stage) if !stage.is_whole_at_once() => Phase::Restoring { stage: 0 },
        Some(_) => Phase::Watching,
        None => Phase::Active,
    }
}

/// The phase itself, but for a stage that is not configured any more: then the last one before all.
fn fitting(phase: Phase, restoration: &Restoration) -> Phase {
    let Phase::Restoring { stage } = phase else { return phase };
    let partial = restoration.stages.iter().take_while(|stage| !stage.is_whole_at_once()).count();
    match partial.checked_sub(1) {
        Some(last) => Phase::Restoring { stage: stage.min(last) },
        None => first_stage(restoration),
    }
}

fn next_stage(restoration: &Restoration, stage: usize) -> Phase {
    match restoration.stages.get(stage + 1) {
        Some(next) if !next.is_whole_at_once() => Phase::Restoring { stage: stage + 1 },
        _ => Phase::Watching,
    }
}
