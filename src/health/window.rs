//! How tries ended lately: counts over a sliding window, in ten slots.
//!
//! A rate over the last sample jumps with every request; one over all time forgets nothing. Ten
//! slots slide in steps of a tenth of the window and cost a few words, however much traffic there
//! is.

use std::time::{Duration, Instant};

use crate::config::Slow;
use crate::model::{LATENCY_BOUNDS_US, Traffic};

const SLOTS: u64 = 10;

/// Tries that ended, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) ended: u64,
    pub(super) failed: u64,
    /// Answered, but late.
    pub(super) slow: u64,
}

impl Tally {
    /// What one sample shows. A response counts as slow if it fell into a bucket that begins at
    /// the limit or above.
    pub(super) fn of(sample: &Traffic, slow: Option<Slow>) -> Self {
        let ended = sample.ended();
        let slow = slow.map_or(0, |slow| {
            let above = slow.above.as_micros();
            let buckets = LATENCY_BOUNDS_US.iter().zip(&sample.latency[1..]);
            buckets.filter(|(begins, _)| u128::from(**begins) >= above).map(|(_, n)| n).sum()
        });
        Self { ended, failed: sample.failed().min(ended), slow }
    }

    /// The parts that failed and that were slow, 0..=1.
    pub(super) fn parts(self) -> (f64, f64) {
        let part = |n: u64| if self.ended == 0 { 0.0 } else { n as f64 / self.ended as f64 };
        (part(self.failed), part(self.slow))
    }

    pub(super) fn add(&mut self, other: Self) {
        self.ended += other.ended;
        self.failed += other.failed;
        self.slow += other.slow;
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self {
            ended: self.ended.saturating_sub(other.ended),
            failed: self.failed.saturating_sub(other.failed),
            slow: self.slow.saturating_sub(other.slow),
        }
    }
}

/// The tallies of the last while.
#[derive(Clone, Debug)]
pub(super) struct Window {
    slots: [Tally; SLOTS as usize],
    zero: Instant,
    /// The number of the newest slot, counted from `zero`.
    newest: u64,
}

impl Window {
    pub(super) fn new(now: Instant) -> Self {
        Self { slots: [Tally::default(); SLOTS as usize], zero: now, newest: 0 }
    }

    /// Counts a tally in.
    pub(super) fn add(&mut self, tally: Tally, length: Duration, now: Instant) {
        self.slide(length, now);
        self.slots[(self.newest % SLOTS) as usize].add(tally);
    }

    /// All that ended within the window.
    pub(super) fn total(&mut self, length: Duration, now: Instant) -> Tally {
        self.slide(length, now);
        let mut total = Tally::default();
        self.slots.iter().for_each(|slot| total.add(*slot));
        total
    }

    fn slide(&mut self, length: Duration, now: Instant) {
        let slot_us = (length.as_micros() / u128::from(SLOTS)).max(1);
        let passed = now.saturating_duration_since(self.zero).as_micros() / slot_us;
        let newest = u64::try_from(passed).unwrap_or(u64::MAX).max(self.newest);
        let stale = (newest - self.newest).min(SLOTS);
        for number in 1..=stale {
            self.slots[((self.newest + number) % SLOTS) as usize] = Tally::default();
        }
        if stale == SLOTS {
            self.slots = [Tally::default(); SLOTS as usize];
        }
        self.newest = newest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BackendKey;

    const SECOND: Duration = Duration::from_secs(1);

    fn tally(ended: u64) -> Tally {
        Tally { ended, failed: ended / 2, slow: 0 }
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let zero = tokio::time::Instant::now().into_std();
        let mut window = Window::new(zero);
        for second in 0..10 {
            window.add(tally(2), 10 * SECOND, zero + second * SECOND);
        }
        assert_eq!(window.total(10 * SECOND, zero + 9 * SECOND), tally(20));
        assert_eq!(window.total(10 * SECOND, zero + 12 * SECOND), tally(14));
        assert_eq!(window.total(10 * SECOND, zero + 60 * SECOND), Tally::default());
        window.add(tally(4), 10 * SECOND, zero + 1_000_000 * SECOND);
        assert_eq!(window.total(10 * SECOND, zero + 1_000_009 * SECOND), tally(4));
        assert_eq!(window.total(10 * SECOND, zero + 1_000_010 * SECOND), Tally::default());
    }

    #[test]
    fn slow_is_what_certainly_took_longer() {
        let key = BackendKey { pool: "p".into(), name: "a".into() };
        let mut sample = Traffic { answered: 18, ..Traffic::none(key) };
        sample.latency = [1; 18];
        let slow = |ms| {
            let above = Duration::from_millis(ms);
            Tally::of(&sample, Some(Slow { above, max: 0.5 })).slow
        };
        // Beyond 10 s: the bucket to 30 s, and the unbounded one.
        assert_eq!((slow(10_000), slow(10_001), slow(30_001)), (2, 1, 0));
        assert_eq!(Tally::of(&sample, None).slow, 0);
    }
}
