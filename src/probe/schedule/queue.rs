//! Due times: which job is next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::time::Instant;

/// A job's number; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct JobId(pub(super) u64);

/// A heap of due times. A job that is due at another time now is simply pushed again: its older
/// entry no longer matches it and is skipped by whoever pops it.
#[derive(Debug, Default)]
pub(super) struct Queue(BinaryHeap<Reverse<(Instant, JobId)>>);

impl Queue {
    pub(super) fn push(&mut self, due: Instant, job: JobId) {
        self.0.push(Reverse((due, job)));
    }

    /// The earliest entry's due time.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// The earliest entry, if it is due at `now`.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Instant, JobId)> {
        let due = self.next().filter(|due| *due <= now)?;
        self.0.pop().map(|Reverse((_, job))| (due, job))
    }
}
