//! How many requests a pool may be sent again, so that retries never become the load that keeps it
//! down.
//!
//! A pool in trouble fails requests, and each that is sent again is more load on it: with three
//! tries each, a brown-out triples what is asked. So what is sent again may only be a part of what
//! was sent lately, whatever worker it is sent by ("retry budget": Google, *Site Reliability
//! Engineering*, chapter 21). A request without a failure costs nothing here: how many arrive is
//! read from the counters of the pool's [door](super::Arrivals) when one is to be sent again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use tokio::time::Instant;

use super::Counter;

/// How long "lately" is: what is older than this counts e times less.
const LATELY: Duration = Duration::from_secs(10);

/// What one worker counts about tries after the first.
#[derive(Debug, Default)]
pub struct RetryCounters {
    /// Requests that were sent again.
    pub sent: Counter,
    /// Requests that were not, because the budget was spent.
    pub refused: Counter,
}

/// What is tried again of a pool, as it lives across tables.
#[derive(Debug)]
pub struct Retries {
    workers: Box<[CachePadded<RetryCounters>]>,
    budget: Mutex<Budget>,
}

impl Retries {
    pub(super) fn new(workers: usize) -> Self {
        let workers = (0..workers).map(|_| CachePadded::default()).collect();
        Self { workers, budget: Mutex::new(Budget::new(Instant::now())) }
    }

    /// The counters that worker `index` writes.
    #[must_use]
    pub fn worker(&self, index: usize) -> &RetryCounters {
        &self.workers[index]
    }

    /// How many were sent again so far, and how many were not for want of budget.
    #[must_use]
    pub fn counted(&self) -> (u64, u64) {
        let sum = |counter: fn(&RetryCounters) -> &Counter| {
            self.workers.iter().map(|worker| counter(worker).get()).sum()
        };
        (sum(|worker| &worker.sent), sum(|worker| &worker.refused))
    }

    /// Whether one more may be sent again, at worker `index`; counts it. `arrived` so many came to
    /// the pool so far; `part` and `min_per_second` are the budget.
    pub fn spend(
        &self,
        index: usize,
        arrived: u64,
        part: f64,
        min_per_second: u32,
        now: Instant,
    ) -> bool {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let granted = budget.spend(arrived, part, min_per_second, now);
        drop(budget);
        let counters = self.worker(index);
        if granted { &counters.sent } else { &counters.refused }.add(1);
        granted
    }
}

/// What came and what was sent again lately.
///
/// Both are sums that fade alike, so that at every moment, and over any span that begins at rest,
/// what was sent again is at most the budget's part of what came.
#[derive(Debug)]
struct Budget {
    came: f64,
    sent: f64,
    /// When this was true.
    as_of: Instant,
    /// How many had arrived then.
    arrived: u64,
}

impl Budget {
    /// Of a pool to which nothing has come yet.
    fn new(now: Instant) -> Self {
        Self { came: 0.0, sent: 0.0, as_of: now, arrived: 0 }
    }

    /// Whether one more may be sent again at `now`, when `arrived` requests came so far. What came
    /// since it was last asked is taken to have come evenly.
    fn spend(&mut self, arrived: u64, part: f64, min_per_second: u32, now: Instant) -> bool {
        self.fade(arrived, now);
        let least = f64::from(min_per_second) * LATELY.as_secs_f64();
        let granted = self.sent + 1.0 <= (part * self.came).max(least);
        if granted {
            self.sent += 1.0;
        }
        granted
    }

    fn fade(&mut self, arrived: u64, now: Instant) {
        let spans = now.saturating_duration_since(self.as_of).as_secs_f64() / LATELY.as_secs_f64();
        let left = (-spans).exp();
        let new = arrived.wrapping_sub(self.arrived) as f64;
        // The mean weight of what came evenly over the time.
        let weight = if spans > 1e-6 { (1.0 - left) / spans } else { 1.0 };
        self.came = self.came * left + new * weight;
        self.sent *= left;
        (self.as_of, self.arrived) = (now.max(self.as_of), arrived);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `asked` are granted when so many requests come in each of 60 seconds.
    fn granted(per_second: u64, wanted: u64, part: f64, min: u32) -> u64 {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let mut granted = 0;
        for step in 0..60 * wanted {
            let now = start + Duration::from_secs(1).mul_f64(step as f64 / wanted as f64);
            let arrived = step * per_second / wanted;
            granted += u64::from(budget.spend(arrived, part, min, now));
        }
        granted
    }

    #[test]
    fn what_is_sent_again_is_a_part_of_what_came() {
        let most = granted(1000, 500, 0.2, 3);
        assert!((11_500..=12_000).contains(&most), "{most} of 60000");
        assert_eq!(granted(1000, 100, 0.2, 3), 6000, "who wants less gets all");
    }

    #[test]
    fn with_few_requests_so_many_per_second_are_granted() {
        let most = granted(1, 50, 0.2, 3);
        // What has not faded may be spent at once: ten seconds' worth.
        assert!((170..=210).contains(&most), "{most} in 60 s");
        assert_eq!(granted(1000, 50, 0.0, 0), 0);
    }

    #[test]
    fn a_long_silence_leaves_nothing_of_the_past() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        for _ in 0..30 {
            assert!(budget.spend(0, 0.2, 3, start));
        }
        assert!(!budget.spend(0, 0.2, 3, start));
        let later = start + Duration::from_secs(600);
        assert!(budget.spend(1_000_000, 0.2, 0, later), "of a million in ten minutes some are new");
        assert!(!budget.spend(1_000_000, 0.0, 0, later + Duration::from_secs(600)));
    }

    #[test]
    fn workers_share_one_budget_and_count_for_themselves() {
        let (retries, now) = (Retries::new(2), Instant::now());
        let asked = (0..80).filter(|n| retries.spend(n % 2, 0, 0.2, 3, now)).count();
        assert_eq!((asked, retries.counted()), (30, (30, 50)));
        assert_eq!(retries.worker(0).refused.get(), 25);
    }
}
