//! The retry budget of a pool: may one more request be sent again?

use std::sync::Arc;

use tokio::time::Instant;

use crate::config::RetryBudget;
use crate::live;

/// A pool's retry budget, and what is spent of it.
#[derive(Debug)]
pub struct Budget {
    /// What may be spent.
    pub terms: RetryBudget,
    spent: Arc<live::Retries>,
    arrivals: Arc<live::Arrivals>,
}

impl Budget {
    pub(super) fn new(
        terms: RetryBudget,
        spent: Arc<live::Retries>,
        arrivals: Arc<live::Arrivals>,
    ) -> Self {
        Self { terms, spent, arrivals }
    }

    /// How many requests were not sent again, so far, because it was spent.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.spent.counted().1
    }

    /// Whether one more request may be sent again; counts it. `worker` is the asking worker's index.
    #[must_use]
    pub fn grants(&self, worker: usize, now: Instant) -> bool {
        let arrived = self.arrivals.arrived().into_iter().fold(0, u64::wrapping_add);
        self.spent.spend(worker, arrived, self.terms.part, self.terms.min_per_second, now)
    }
}
