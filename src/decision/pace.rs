//! When a burst of facts is worth a decision. Pure.
//!
//! When a rack comes back, hundreds of backends turn up within milliseconds; one table for each
//! would be hundreds of tables. So news is collected for a moment, and one decision follows. News
//! that takes traffic away from something does not wait: each millisecond of it costs requests.

use std::time::{Duration, Instant};

/// How long news is collected before a decision follows.
pub(super) const COLLECT: Duration = Duration::from_millis(10);

/// Whether a decision is due, and when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    due: Option<Instant>,
}

impl Pace {
    /// Something changed that may wait.
    pub(super) fn soon(&mut self, now: Instant) {
        self.due.get_or_insert(now + COLLECT);
    }

    /// Something changed that may not wait.
    pub(super) fn at_once(&mut self, now: Instant) {
        self.due = Some(self.due.map_or(now, |due| due.min(now)));
    }

    /// When a decision is due; `None` = nothing changed.
    pub(super) fn due(self) -> Option<Instant> {
        self.due
    }

    /// Whether a decision is due now; it counts as taken then.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }
}
