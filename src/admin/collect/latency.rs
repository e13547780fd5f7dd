//! A pool's latency histogram, which must not shrink when a backend leaves the pool.
//!
//! Each backend has a histogram of its own; one series per backend and bucket would be too many
//! for a large pool, so they are summed. But the sum over the backends of the moment falls when
//! one leaves, and a counter that falls reads as a restart: a rate over it would count everything
//! before again. So what a backend had counted when it was last seen stays in its pool's sum.

use std::array;
use std::collections::BTreeMap;

use crate::live::Histogram;
use crate::model::{LATENCY_BOUNDS_US, LATENCY_BUCKETS, PoolName};

/// Upper bounds of the buckets, in seconds.
pub(super) const BOUNDS_S: [f64; LATENCY_BOUNDS_US.len()] = {
    let mut bounds = [0.0; LATENCY_BOUNDS_US.len()];
    let mut index = 0;
    while index < bounds.len() {
        bounds[index] = LATENCY_BOUNDS_US[index] as f64 / 1e6;
        index += 1;
    }
    bounds
};

/// Counts per bucket (not cumulative), and the sum of all values in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Distribution {
    pub(super) counts: [u64; LATENCY_BUCKETS],
    pub(super) sum_us: u64,
}

impl Distribution {
    /// Adds what one worker recorded.
    pub(super) fn add_live(&mut self, histogram: &Histogram) {
        let mut counts = histogram.counts();
        let counts = array::from_fn(|_| counts.next().unwrap_or(0));
        self.add(&Self { counts, sum_us: histogram.sum_us() });
    }

    fn add(&mut self, other: &Self) {
        for (sum, count) in self.counts.iter_mut().zip(other.counts) {
            *sum += count;
        }
        self.sum_us += other.sum_us;
    }
}

/// Every pool's histogram, over scrapes.
#[derive(Debug, Default)]
pub(in crate::admin) struct PoolLatencies {
    pools: BTreeMap<PoolName, PoolLatency>,
}

#[derive(Debug, Default)]
struct PoolLatency {
    /// By the backend's number, as of the newest scrape.
    present: BTreeMap<u64, Distribution>,
    /// What backends had counted that are not present any more.
    gone: Distribution,
}

impl PoolLatencies {
    /// Takes in one scrape's readings: each backend's pool, number and distribution. A pool
    /// without any backend is forgotten.
    pub(super) fn update<'a>(
        &mut self,
        readings: impl Iterator<Item = (&'a PoolName, u64, Distribution)>,
    ) {
        let mut present: BTreeMap<PoolName, BTreeMap<u64, Distribution>> = BTreeMap::new();
        for (pool, backend, distribution) in readings {
            present.entry(pool.clone()).or_default().insert(backend, distribution);
        }
        self.pools.retain(|pool, _| present.contains_key(pool));
        for (pool, backends) in present {
            let latency = self.pools.entry(pool).or_default();
            for (backend, last) in &latency.present {
                if !backends.contains_key(backend) {
                    latency.gone.add(last);
                }
            }
            latency.present = backends;
        }
    }

    /// Each pool's sum, by name.
    pub(super) fn totals(&self) -> impl Iterator<Item = (&str, Distribution)> {
        self.pools.iter().map(|(pool, latency)| {
            let mut total = latency.gone;
            latency.present.values().for_each(|distribution| total.add(distribution));
            (&**pool, total)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(us: &[u64]) -> Distribution {
        let histogram = Histogram::default();
        us.iter().for_each(|us| histogram.record_us(*us));
        let mut distribution = Distribution::default();
        distribution.add_live(&histogram);
        distribution
    }

    #[test]
    fn a_backend_that_leaves_takes_nothing_with_it() {
        let pool: PoolName = "api".into();
        let mut latencies = PoolLatencies::default();
        let first = distribution(&[50, 200]);
        let second = distribution(&[1_000_000]);
        latencies.update([(&pool, 1, first), (&pool, 2, second)].into_iter());
        let both = distribution(&[50, 200, 1_000_000]);
        assert_eq!(latencies.totals().collect::<Vec<_>>(), [("api", both)]);

        latencies.update([(&pool, 2, second)].into_iter());
        assert_eq!(latencies.totals().collect::<Vec<_>>(), [("api", both)]);

        let third = distribution(&[50]);
        latencies.update([(&pool, 2, second), (&pool, 3, third)].into_iter());
        let all = distribution(&[50, 200, 1_000_000, 50]);
        assert_eq!(latencies.totals().collect::<Vec<_>>(), [("api", all)]);
    }

    #[test]
    fn a_pool_that_is_gone_is_forgotten() {
        let pool: PoolName = "api".into();
        let mut latencies = PoolLatencies::default();
        latencies.update([(&pool, 1, distribution(&[1]))].into_iter());
        latencies.update(std::iter::empty());
        assert_eq!(latencies.totals().count(), 0);
    }
}
