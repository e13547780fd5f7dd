//! A single backend's way back: the mechanism of zones with one stage, a curve.
//!
//! A cold process that is sent its whole part at once fails what a warm one serves. So its weight
//! rises evenly over `slow_start`, as HAProxy's and Envoy's slow starts do. Time alone proves nothing,
//! though: a backend whose probes pass while it is slow or fails requests would get more of them
//! each second. So while it rises its traffic is compared with that of the backends of its zone
//! that are well, at the same time and by the same tests as a zone's on its way back ([`Trial`]). If it turns out to
//! be worse it begins again, at the foot of its curve, and takes twice as long.
//!
//! Evidence only ever sets back: with too little traffic to tell, the curve goes on by time alone, or a
//! backend that is asked once a minute would stay at its foot for ever. And whom its pool cannot
//! spare is not set back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::gate::Errors;
use super::trial::{Flow, Trial};
use crate::config::{Gate, Pool};
use crate::model::Traffic;

/// The part of its weight that a backend starts with.
const FOOT: f64 = 0.1;
/// Steps from there to its whole weight.
const STEPS: u32 = 20;
/// Doublings of its time: with more, it is far beyond what any config allows.
const DOUBLINGS: u32 = 16;

/// A backend on its way back.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) since: Instant,
    /// How often it turned out to be worse on this way.
    pub(super) setbacks: u32,
    trial: Trial,
}

impl Start {
    /// It begins now; `before` = it had not come to the end when it went down.
    pub(super) fn new(before: Option<&Self>, now: Instant) -> Self {
        let setbacks = before.map_or(0, |before| before.setbacks);
        Self { since: now, setbacks, trial: Trial::default() }
    }

    /// It began then, in a process before. What its traffic had shown is not known any more.
    pub(super) fn resumed(since: Instant, setbacks: u32) -> Self {
        Self { since, setbacks, trial: Trial::default() }
    }

    /// The part of its weight that it takes now, 0..=1; `None` = its way is over.
    pub(super) fn part(&self, pool: &Pool, now: Instant) -> Option<f64> {
        let lasts = self.lasts(pool)?;
        let passed = now.saturating_duration_since(self.since);
        let part = passed.as_secs_f64() / lasts.as_secs_f64();
        (passed < lasts).then(|| part.max(FOOT))
    }

    /// How long a step of its way takes.
    pub(super) fn step(&self, pool: &Pool) -> Duration {
        self.lasts(pool).unwrap_or_default() / STEPS
    }

    fn lasts(&self, pool: &Pool) -> Option<Duration> {
        let once = pool.slow_start?;
        let doubled = once.saturating_mul(2_u32.saturating_pow(self.setbacks.min(DOUBLINGS)));
        Some(doubled.min(pool.failover.hold_down.max.max(once)))
    }

    /// Why it is worse than the others, once that is certain enough.
    pub(super) fn worse(&self) -> Option<&str> {
        self.trial.worse()
    }

    /// It begins again and takes longer.
    pub(super) fn set_back(&mut self, now: Instant) {
        let setbacks = self.setbacks.saturating_add(1);
        *self = Self { since: now, setbacks, trial: Trial::default() };
    }

    /// Takes in what was seen of it and of those that are well beside it since the last call.
    pub(super) fn judge(&mut self, own: &Flow, others: &Flow, gate: &Gate) {
        // Alone there is nobody to be worse than.
        if others.requests.all > 0 {
            // Two questions, one stage.
            let errors = Errors { alpha: gate.alpha / 2.0, beta: gate.beta / 2.0 };
            self.trial.take(own, others, gate, errors);
        }
    }
}

/// What was seen, since it was last judged, of the traffic of zones in which somebody starts; by the
/// pool's and the zone's place.
#[derive(Clone, Debug, Default)]
pub(super) struct Starts(BTreeMap<(usize, usize), Beside>);

/// Those who start, and who is well beside them.
#[derive(Clone, Debug, Default)]
struct Beside {
    starting: BTreeMap<usize, Flow>,
    others: Flow,
}

impl Starts {
    /// Follows the backend at this place of a zone from now on.
    pub(super) fn follow(&mut self, zone: (usize, usize), place: usize) {
        self.0.entry(zone).or_default().starting.entry(place).or_default();
    }

    /// Forgets a backend whose way is over.
    pub(super) fn leave(&mut self, zone: (usize, usize), place: usize) {
        if let Some(beside) = self.0.get_mut(&zone) {
            beside.starting.remove(&place);
            if beside.starting.is_empty() {
                self.0.remove(&zone);
            }
        }
    }

    /// Counts what was seen of a backend; `well` = it is one to be compared with.
    pub(super) fn count(&mut self, zone: (usize, usize), place: usize, well: bool, seen: &Traffic) {
        let Some(beside) = self.0.get_mut(&zone) else { return };
        match beside.starting.get_mut(&place) {
            Some(own) => own.add(seen),
            None if well => beside.others.add(seen),
            None => {}
        }
    }

    /// Tells of each backend that starts, by its pool's place and its own, what was seen of it and of
    /// those beside it since the last call.
    pub(super) fn tell(&mut self, mut told: impl FnMut((usize, usize), &Flow, &Flow)) {
        for ((pool, _), beside) in &mut self.0 {
            let others = std::mem::take(&mut beside.others);
            for (place, own) in &mut beside.starting {
                told((*pool, *place), &std::mem::take(own), &others);
            }
        }
    }
}
