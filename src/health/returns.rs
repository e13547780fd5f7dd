//! How often a backend may come back.
//!
//! Each change of a verdict is a new table and moved traffic, so a backend that flaps costs more
//! than one that is down. Thresholds make a change slow, not rare: with 100 ms probes, `fall` 3 and
//! `rise` 2 allow 240 changes a minute. So coming back is counted: once a backend has improved
//! `max_returns` times within a minute it stays as it is until the first of them is a minute old.
//! To get worse is never delayed, and whom its pool cannot spare is not held (`outliers`).
//!
//! The bound that follows, for facts of any kind and period: between two improvements there is at
//! most one change for the worse, or two by way of degraded. Hence in any minute at most
//! 2 × `max_returns` + 1 changes of the verdict, or 3 × `max_returns` + 2 where a layer, an agent or
//! a trial degrades.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::Health;

/// Over which the returns are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// The improvements of the last minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Returns {
    times: VecDeque<Instant>,
    held_until: Option<Instant>,
}

impl Returns {
    /// Whether the verdict may change like this now; if it may, that is counted.
    pub(super) fn allow(
        &mut self,
        from: Health,
        to: Health,
        max: Option<u32>,
        now: Instant,
    ) -> bool {
        self.held_until = None;
        if worth(to) <= worth(from) {
            return true;
        }
        while self.times.front().is_some_and(|time| now.saturating_duration_since(*time) >= MINUTE)
        {
            self.times.pop_front();
        }
        let Some(max) = max else { return true };
        if self.times.len() >= max as usize {
            self.held_until = self.times.front().map(|first| *first + MINUTE);
            return false;
        }
        self.times.push_back(now);
        true
    }

    /// Until when an improvement is held back, if one is.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.held_until
    }
}

/// What a verdict is worth, for telling better from worse: the factor on the weight; to be down is
/// worse than to be unknown.
fn worth(health: Health) -> f64 {
    if health == Health::Down { -1.0 } else { health.factor() }
}
