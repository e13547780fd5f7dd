//! The connection's one timer, moved from phase to phase but never beyond the route's total.

use std::time::Duration;

use tokio::time::Instant;

use crate::net::Timer;

/// The deadline of an exchange's current phase.
#[derive(Clone, Copy)]
pub(super) struct Deadline<'t> {
    pub(super) timer: &'t Timer,
    total: Option<Instant>,
}

impl<'t> Deadline<'t> {
    pub(super) fn new(timer: &'t Timer, total: Option<Instant>) -> Self {
        Self { timer, total }
    }

    /// The current phase may take this long.
    pub(super) fn set(&self, phase: Duration) {
        let left = self.total.map(|total| total.saturating_duration_since(Instant::now()));
        self.timer.set(left.map_or(phase, |left| left.min(phase)));
    }

    /// Has the total deadline passed?
    pub(super) fn is_over(&self) -> bool {
        self.total.is_some_and(|total| Instant::now() >= total)
    }
}
