//! What the traffic of a zone that comes back shows, compared with the healthy zones' at the same
//! time.
//!
//! Two questions are asked in each stage: does more of it fail, and does more of it take longer than
//! the healthy zones' 99th percentile? Each is a sequential test of its own ([`Test`]), and both must
//! be answered. Too little traffic answers nothing: the stage is held.

use super::gate::{Counts, Errors, Test};
use crate::config::{Gate, Restoration};
use crate::model::{LATENCY_BUCKETS, Traffic};

/// The part of the healthy zones' answers that is slow, by definition.
const SLOW: f64 = 0.01;
/// A part of them that is too small for a comparison ever to acquit anybody.
const RARE: f64 = SLOW / 10.0;
/// Answers of the healthy zones that must be known before it is said what is slow.
const KNOWN: u64 = 100;

/// Traffic of one zone, or of several together.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    pub(super) requests: Counts,
    /// Answers by latency bucket.
    latency: [u64; LATENCY_BUCKETS],
}

impl Flow {
    pub(super) fn add(&mut self, sample: &Traffic) {
        self.requests.all += sample.ended();
        self.requests.bad += sample.failed();
        self.add_latency(&sample.latency);
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        self.requests.all += other.requests.all;
        self.requests.bad += other.requests.bad;
        self.add_latency(&other.latency);
    }

    fn add_latency(&mut self, latency: &[u64; LATENCY_BUCKETS]) {
        for (sum, count) in self.latency.iter_mut().zip(latency) {
            *sum += count;
        }
    }

    /// Answers in a bucket from this one on.
    fn slower(&self, bucket: usize) -> Counts {
        let sum = |buckets: &[u64]| buckets.iter().sum();
        Counts { bad: sum(&self.latency[bucket..]), all: sum(&self.latency) }
    }

    /// The part of the answers that is in a bucket from this one on.
    fn part_from(&self, bucket: usize) -> f64 {
        let Counts { bad, all } = self.slower(bucket);
        if all > 0 { bad as f64 / all as f64 } else { 0.0 }
    }

    /// The bucket from which on about one answer in a hundred lies; `None` = too few are known.
    fn slow_from(&self) -> Option<usize> {
        let known = self.slower(0).all;
        if known < KNOWN {
            return None;
        }
        // In ratio, not in difference: half as many and twice as many are equally far. Where all are
        // alike, what is slower than any of them is slow, and not what is as fast as they are.
        let distance = |bucket: &usize| (self.part_from(*bucket).max(RARE) / SLOW).ln().abs();
        (1..LATENCY_BUCKETS).min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }
}

/// A zone's or region's evidence in its present phase.
#[derive(Clone, Debug, Default)]
pub(super) struct Trial {
    /// Of its own requests.
    seen: u64,
    /// Of the others, all in this phase before now: what is slow must not depend on what is judged.
    others: Flow,
    failing: Test,
    /// By itself, for where nothing fails elsewhere.
    failing_alone: Test,
    slow: Test,
    /// By itself, for where next to nothing is slow elsewhere.
    slow_alone: Test,
    /// There were others to compare it with.
    compared: bool,
    worse: Option<String>,
}

impl Trial {
    /// Takes in what was seen of it and of the healthy others since the last call; true if a
    /// question has just been answered.
    pub(super) fn take(&mut self, own: &Flow, others: &Flow, gate: &Gate, errors: Errors) -> bool {
        let before = (self.worse.is_some(), self.missing(gate).is_none());
        let worse_by = f64::from(gate.worse_by);
        self.seen += own.requests.all;
        self.compared |= others.requests.all > 0;
        self.failing.compare(own.requests, others.requests, worse_by, errors);
        self.failing_alone.measure(own.requests, gate.errors_below, errors);
        if let Some(bucket) = self.others.slow_from() {
            self.slow.compare(own.slower(bucket), others.slower(bucket), worse_by, errors);
            if self.others.part_from(bucket) < RARE {
                self.slow_alone.measure(own.slower(bucket), (worse_by * SLOW).min(0.5), errors);
            }
        }
        self.others.add_all(others);
        if self.worse.is_none() {
            self.worse = self.verdict();
        }
        before != (self.worse.is_some(), self.missing(gate).is_none())
    }

    /// Why it is worse than the others, once that is certain enough.
    pub(super) fn worse(&self) -> Option<&str> {
        self.worse.as_deref()
    }

    /// What it has not shown yet.
    pub(super) fn missing(&self, gate: &Gate) -> Option<String> {
        if self.seen < gate.min_requests {
            return Some(format!("{} requests, {} so far", gate.min_requests, self.seen));
        }
        if !self.failing.accepted() && !self.failing_alone.accepted() {
            return Some("proof that no more of its requests fail than elsewhere".to_owned());
        }
        if self.compared && !self.slow.accepted() && !self.slow_alone.accepted() {
            return Some("proof that no more of its requests are slow than elsewhere".to_owned());
        }
        None
    }

    fn verdict(&self) -> Option<String> {
        // Alone there is no comparison, so what would be too much in itself counts.
        let failing = self.failing.worse() || (!self.compared && self.failing_alone.worse());
        match (failing, self.slow.worse()) {
            (true, _) => Some("more of its requests fail than elsewhere".to_owned()),
            (_, true) => Some("more of its requests are slow than elsewhere".to_owned()),
            _ => None,
        }
    }
}

/// What each test may err. A whole restoration may be rolled back by any test of any stage or of
/// the watch, so they share `alpha`; and there are two ways to be found free of errors, and two to
/// be found fast, which share `beta`.
pub(super) fn errors(restoration: &Restoration) -> Errors {
    let tests = 2.0 * (restoration.stages.len() as f64 + 1.0);
    Errors { alpha: restoration.gate.alpha / tests, beta: restoration.gate.beta / 2.0 }
}
