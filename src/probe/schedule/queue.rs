//! Due times: which job is next, and whether it may begin.

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
    fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// The earliest entry, if it is due at `now`.
    fn pop(&mut self, now: Instant) -> Option<(Instant, JobId)> {
        let due = self.next().filter(|due| *due <= now)?;
        self.0.pop().map(|Reverse((_, job))| (due, job))
    }
}

/// What is due of one class, and how many of it are under way.
///
/// A class that waits for answers has a lane of its own: when a thousand hung backends take all its
/// places for as long as its timeout, those that only connect go on at their pace.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) queue: Queue,
    under_way: usize,
    most: usize,
}

impl Lane {
    /// An empty one, for so many attempts at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { queue: Queue::default(), under_way: 0, most }
    }

    fn is_full(&self) -> bool {
        self.under_way >= self.most
    }

    /// The earliest job if it is due at `now` and has a place.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Instant, JobId)> {
        if self.is_full() { None } else { self.queue.pop(now) }
    }

    /// An attempt has begun.
    pub(super) fn begun(&mut self) {
        self.under_way += 1;
    }

    /// One has ended.
    pub(super) fn ended(&mut self) {
        self.under_way -= 1;
    }

    /// When the next may begin, if that does not depend on one that ends.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.is_full() { None } else { self.queue.next() }
    }
}
