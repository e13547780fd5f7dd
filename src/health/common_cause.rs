//! Is it this backend, or something all of them need?
//!
//! When a shared database is down, the synthetic transaction fails everywhere. Lowering everybody
//! helps nobody, and doing it zone by zone, in the order in which the probes happen to come round,
//! moves all traffic from one zone to the next and back. So a business failure has no consequence
//! before the other zones were asked too (one interval after it was first seen), and none at all
//! while most of what serves in *every* zone shows the same one: that is one alert, not a failover.
//!
//! The end is watched as patiently as the beginning: when the first zone is well again, the others
//! get as long as it takes to be up again before those that still fail are judged by themselves. A pool with
//! a single zone has nowhere to move traffic to, and is not watched.

use std::time::{Duration, Instant};

use crate::model::Failure;

/// What a business failure looks like: which of the layer's checks failed, and how.
pub type Symptom = (usize, Failure);

/// The watch over one pool.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommonCause {
    active: Option<Active>,
}

#[derive(Clone, Copy, Debug)]
struct Active {
    symptom: Symptom,
    since: Instant,
    /// When those that still fail are judged by themselves, if somebody is well again.
    ends: Option<Instant>,
}

/// What became of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Every zone shows this.
    Began(Symptom),
    /// Not any more.
    Ended,
}

impl CommonCause {
    /// What every zone shows, and since when.
    #[must_use]
    pub fn active(&self) -> Option<(Symptom, Instant)> {
        self.active.map(|active| (active.symptom, active.since))
    }

    /// When to judge again although nothing was seen.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.active?.ends
    }

    /// Judges by what each zone shows (`None` = it is well); `recovery` is how long it takes
    /// until a backend that is well again is up again.
    pub fn judge(
        &mut self,
        zones: impl Iterator<Item = Option<Symptom>>,
        recovery: Duration,
        now: Instant,
    ) -> Option<Turn> {
        let shown = shown_by_all(zones);
        match (&mut self.active, shown) {
            (None, None) => None,
            (None, Some(symptom)) => {
                self.active = Some(Active { symptom, since: now, ends: None });
                Some(Turn::Began(symptom))
            }
            (Some(active), Some(_)) => {
                active.ends = None;
                None
            }
            (Some(active), None) => {
                if *active.ends.get_or_insert(now + recovery) > now {
                    return None;
                }
                self.active = None;
                Some(Turn::Ended)
            }
        }
    }
}

/// What all of these zones show, if there are at least two.
fn shown_by_all(mut zones: impl Iterator<Item = Option<Symptom>>) -> Option<Symptom> {
    let first = zones.next()??;
    let mut others = 0;
    for zone in zones {
        if zone != Some(first) {
            return None;
        }
        others += 1;
    }
    (others > 0).then_some(first)
}

/// What most of a zone's backends show; `None` if none of them serves or was asked. Each backend
/// says nothing (`None`), that it is well, or how it fails.
pub fn zone_shows(
    backends: impl Iterator<Item = Option<Option<Symptom>>>,
) -> Option<Option<Symptom>> {
    let mut asked = 0;
    let mut failing: Vec<(Symptom, usize)> = Vec::new();
    for shown in backends.flatten() {
        asked += 1;
        let Some(symptom) = shown else { continue };
        match failing.iter_mut().find(|(other, _)| *other == symptom) {
            Some((_, count)) => *count += 1,
            None => failing.push((symptom, 1)),
        }
    }
    let most = failing.into_iter().find(|(_, count)| 2 * count > asked);
    (asked > 0).then(|| most.map(|(symptom, _)| symptom))
}

/// When one backend's business failure counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    /// The backend is in a pool of several zones.
    pub(super) watched: bool,
    /// Every zone shows the same.
    pub(super) excused: bool,
    /// The other zones were asked, and it was not a common cause.
    confirmed: bool,
    /// When that will be so.
    pending: Option<Instant>,
}

impl Patience {
    /// Whether a failure counts by which the layer is down, and which is old enough at `asked`.
    pub(super) fn counts(&mut self, asked: Option<Instant>) -> bool {
        let Some(asked) = asked else {
            (self.confirmed, self.pending) = (false, None);
            return false;
        };
        self.pending = (self.watched && !self.excused && !self.confirmed).then_some(asked);
        !self.excused && self.pending.is_none()
    }

    /// When [`confirm`](Self::confirm) is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.pending
    }

    /// The other zones were asked by now.
    pub(super) fn confirm(&mut self, now: Instant) {
        self.confirmed |= self.pending.is_some_and(|due| due <= now);
    }

    /// Every zone shows the same, or no longer does.
    pub(super) fn excuse(&mut self, excused: bool) {
        // Who fails when the excuse ends was asked long enough ago.
        self.confirmed |= self.excused && !excused;
        self.excused = excused;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Symptom = (0, Failure::Timeout);
    const CONTENT: Symptom = (0, Failure::Content);
    const RECOVERY: Duration = Duration::from_secs(7);

    #[test]
    fn a_zone_shows_what_most_of_those_asked_show() {
        let shows = |backends: &[Option<Option<Symptom>>]| zone_shows(backends.iter().copied());
        assert_eq!(shows(&[]), None);
        assert_eq!(shows(&[None, None]), None, "nobody serves");
        assert_eq!(shows(&[None, Some(Some(TIMEOUT))]), Some(Some(TIMEOUT)));
        let (well, bad) = (Some(None), Some(Some(TIMEOUT)));
        assert_eq!(shows(&[well, bad]), Some(None), "half is not most");
        assert_eq!(shows(&[well, bad, bad]), Some(Some(TIMEOUT)));
        assert_eq!(shows(&[bad, Some(Some(CONTENT))]), Some(None), "not the same");
    }

    #[test]
    fn only_the_same_failure_in_every_one_of_several_zones_is_a_common_cause() {
        let now = tokio::time::Instant::now().into_std();
        let judge = |zones: &[Option<Symptom>]| {
            CommonCause::default().judge(zones.iter().copied(), RECOVERY, now)
        };
        let bad = Some(TIMEOUT);
        assert_eq!(judge(&[bad, bad, bad]), Some(Turn::Began(TIMEOUT)));
        assert_eq!(judge(&[bad]), None, "one zone");
        assert_eq!(judge(&[bad, None]), None);
        assert_eq!(judge(&[None, bad]), None);
        assert_eq!(judge(&[bad, Some(CONTENT)]), None);
        assert_eq!(judge(&[]), None);
    }

    #[test]
    fn it_ends_once_those_that_may_follow_had_the_time() {
        let now = tokio::time::Instant::now().into_std();
        let mut watch = CommonCause::default();
        let (bad, second) = (Some(TIMEOUT), Duration::from_secs(1));
        watch.judge([bad, bad].into_iter(), RECOVERY, now);
        assert_eq!(watch.judge([None, bad].into_iter(), RECOVERY, now + second), None);
        assert_eq!(watch.due(), Some(now + second + RECOVERY));
        assert_eq!(watch.judge([bad, bad].into_iter(), RECOVERY, now + 2 * second), None);
        assert_eq!(watch.due(), None, "it was not over");
        assert_eq!(watch.judge([bad, None].into_iter(), RECOVERY, now + 3 * second), None);
        assert!(watch.active().is_some());
        let end = now + 3 * second + RECOVERY;
        assert_eq!(watch.judge([bad, None].into_iter(), RECOVERY, end), Some(Turn::Ended));
        assert_eq!((watch.active(), watch.due()), (None, None));
    }
}
