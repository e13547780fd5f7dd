//! How long an answer takes: a median, and a tail as services have it.
//!
//! Latencies are log-logistic: their tail is longer than a normal one's and they have a closed form
//! both ways, so that a draw costs one power and a histogram none. With the shape used here the 99th
//! percentile is 2.15 times the median.

use std::time::Duration;

use crate::model::{LATENCY_BOUNDS_US, LATENCY_BUCKETS};

/// The shape: higher = a shorter tail.
const SHAPE: f64 = 6.0;

/// A latency as a factor on the median; at most 4.7.
pub(super) fn draw(rng: &mut fastrand::Rng) -> f64 {
    let below = rng.f64().clamp(0.0001, 0.9999);
    (below / (1.0 - below)).powf(1.0 / SHAPE)
}

/// Which part of the answers ends in which bucket or a lower one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spread {
    median: Duration,
    up_to: [f64; LATENCY_BUCKETS],
}

impl Spread {
    pub(super) fn new(median: Duration) -> Self {
        let median_us = median.as_secs_f64() * 1e6;
        let mut up_to = [1.0; LATENCY_BUCKETS];
        for (part, bound_us) in up_to.iter_mut().zip(LATENCY_BOUNDS_US) {
            *part = 1.0 / (1.0 + (median_us / bound_us as f64).powf(SHAPE));
        }
        Self { median, up_to }
    }

    /// Whether it is for this median, to within what a bucket can tell.
    pub(super) fn fits(&self, median: Duration) -> bool {
        self.median.abs_diff(median) * 50 <= median
    }

    /// The bucket one answer ends in.
    pub(super) fn bucket(&self, rng: &mut fastrand::Rng) -> usize {
        let part = rng.f64();
        self.up_to.iter().position(|up_to| part < *up_to).unwrap_or(LATENCY_BUCKETS - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_and_buckets_agree_on_median_and_tail() {
        let mut rng = fastrand::Rng::with_seed(1);
        let spread = Spread::new(Duration::from_millis(100));
        let (mut slow, mut very) = (0, 0);
        for _ in 0..100_000 {
            slow += u32::from(spread.bucket(&mut rng) > 9);
            very += u32::from(spread.bucket(&mut rng) > 10);
        }
        assert!(slow.abs_diff(50_000) < 1_000, "half is slower than the median: {slow}");
        assert!(very.abs_diff(1_538) < 200, "1 in 65 takes twice as long: {very}");
        let drawn = (0..100_000).filter(|_| draw(&mut rng) > 2.0).count();
        assert!(drawn.abs_diff(1_538) < 200, "{drawn}");
    }
}
