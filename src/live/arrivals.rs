//! What arrives at a pool, and what of it is shed, by priority class.

use crossbeam_utils::CachePadded;

use super::Counter;
use crate::model::PRIORITY_CLASSES;

/// What one worker counts at a pool's door; indexed by [`PriorityClass`](crate::model::PriorityClass).
#[derive(Debug, Default)]
pub struct ArrivalCounters {
    /// Requests, connections and flows that came to the pool.
    pub arrived: [Counter; PRIORITY_CLASSES],
    /// Those of them that were refused because not all can be served.
    pub shed: [Counter; PRIORITY_CLASSES],
    /// Those of them that were refused because the pool's circuit was not closed.
    pub kept_out: Counter,
}

/// A pool's door, as it lives across tables.
#[derive(Debug)]
pub struct Arrivals {
    workers: Box<[CachePadded<ArrivalCounters>]>,
}

impl Arrivals {
    pub(super) fn new(workers: usize) -> Self {
        Self { workers: (0..workers).map(|_| CachePadded::default()).collect() }
    }

    /// The counters that worker `index` writes.
    #[must_use]
    pub fn worker(&self, index: usize) -> &ArrivalCounters {
        &self.workers[index]
    }

    /// What arrived so far, over all workers.
    #[must_use]
    pub fn arrived(&self) -> [u64; PRIORITY_CLASSES] {
        self.sum(|worker| &worker.arrived)
    }

    /// What was shed so far, over all workers.
    #[must_use]
    pub fn shed(&self) -> [u64; PRIORITY_CLASSES] {
        self.sum(|worker| &worker.shed)
    }

    /// What was refused so far because the pool's circuit was not closed.
    #[must_use]
    pub fn kept_out(&self) -> u64 {
        self.workers.iter().fold(0, |sum, worker| sum.wrapping_add(worker.kept_out.get()))
    }

    fn sum(
        &self,
        counters: fn(&ArrivalCounters) -> &[Counter; PRIORITY_CLASSES],
    ) -> [u64; PRIORITY_CLASSES] {
        let mut total = [0_u64; PRIORITY_CLASSES];
        for worker in &self.workers {
            for (sum, counter) in total.iter_mut().zip(counters(worker)) {
                *sum = sum.wrapping_add(counter.get());
            }
        }
        total
    }
}
