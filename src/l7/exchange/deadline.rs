//! The connection's one timer, moved from phase to phase but never beyond the route's total, nor,
//! until a response begins, beyond what one try may take.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use crate::net::Timer;

/// The deadline of an exchange's current phase.
pub(super) struct Deadline<'t> {
    pub(super) timer: &'t Timer,
    total: Option<Instant>,
    /// When the current try is over unless its response has begun.
    of_try: Cell<Option<Instant>>,
}

impl<'t> Deadline<'t> {
    pub(super) fn new(timer: &'t Timer, total: Option<Instant>) -> Self {
        Self { timer, total, of_try: Cell::new(None) }
    }

    /// A try begins, which may take this long until its response begins.
    pub(super) fn begin_try(&self, within: Option<Duration>) {
        self.of_try.set(within.map(|within| Instant::now() + within));
    }

    /// The try has ended, or its response has begun.
    pub(super) fn end_try(&self) {
        self.of_try.set(None);
    }

    /// The current phase may take this long.
    pub(super) fn set(&self, phase: Duration) {
        let end = match (self.total, self.of_try.get()) {
            (Some(total), Some(of_try)) => Some(total.min(of_try)),
            (total, of_try) => total.or(of_try),
        };
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        self.timer.set(left.map_or(phase, |left| left.min(phase)));
    }

    /// How much time is left in all; `None` = as much as it takes.
    pub(super) fn left(&self) -> Option<Duration> {
        self.total.map(|total| total.saturating_duration_since(Instant::now()))
    }

    /// Is there as much time left as this?
    pub(super) fn leaves(&self, time: Duration) -> bool {
        self.left().is_none_or(|left| left > time)
    }

    /// Has the total deadline passed?
    pub(super) fn is_over(&self) -> bool {
        self.total.is_some_and(|total| Instant::now() >= total)
    }
}
