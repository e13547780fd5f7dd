//! Everything counted in a run.
//!
//! Three histograms with three digits each, in nanoseconds: latency from the moment a request was
//! due (the one that counts), latency from the moment it was sent (what a closed loop would have
//! seen), and how late the generator itself handed requests out (whether the other two can be
//! believed).

use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};

use super::{Fault, Timeline};

/// The longest latency told apart from longer ones: an hour.
pub(super) const LATENCY_MAX_NS: u64 = 3_600_000_000_000;
/// Digits of a run's histograms.
const DIGITS: u8 = 3;

/// The three moments of an answered request, as nanoseconds from the run's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// When it was to be sent.
    pub due_ns: u64,
    /// When a connection took it.
    pub sent_ns: u64,
    /// When the last byte of its answer was there.
    pub done_ns: u64,
}

/// What a run has seen so far.
#[derive(Clone, Debug)]
pub struct Tally {
    /// From due to answered, one per good answer.
    pub from_due: Histogram<u64>,
    /// From sent to answered, one per good answer.
    pub from_send: Histogram<u64>,
    /// From due to handed out, one per request: the generator's own lateness.
    pub late: Histogram<u64>,
    /// Over time.
    pub timeline: Timeline,
    /// Requests handed out while every connection was busy.
    pub waited: u64,
    failures: [u64; Fault::ALL.len()],
}

impl Tally {
    /// Nothing seen, for a run of this length.
    ///
    /// # Errors
    /// Never with the bounds used here; the histogram checks them all the same.
    pub fn new(length: Duration) -> Result<Self, CreationError> {
        let histogram = || Histogram::new_with_bounds(1, LATENCY_MAX_NS, DIGITS);
        Ok(Self {
            from_due: histogram()?,
            from_send: histogram()?,
            late: histogram()?,
            timeline: Timeline::new(length),
            waited: 0,
            failures: Default::default(),
        })
    }

    /// A request due at `due_ns` was handed out at `now_ns`; `waits` if no connection was free.
    pub fn due(&mut self, due_ns: u64, now_ns: u64, waits: bool) {
        self.late.saturating_record(now_ns.saturating_sub(due_ns));
        self.timeline.due(due_ns);
        self.waited += u64::from(waits);
    }

    /// A good answer.
    pub fn answered(&mut self, exchange: Exchange) {
        let Exchange { due_ns, sent_ns, done_ns } = exchange;
        let latency_ns = done_ns.saturating_sub(due_ns);
        self.from_due.saturating_record(latency_ns);
        self.from_send.saturating_record(done_ns.saturating_sub(sent_ns));
        self.timeline.answered(due_ns, latency_ns);
    }

    /// No good answer to the request due at `due_ns`.
    pub fn failed(&mut self, due_ns: u64, fault: Fault) {
        self.failures[fault as usize] += 1;
        self.timeline.failed(due_ns);
    }

    /// Requests handed out.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.late.len()
    }

    /// Good answers.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.from_due.len()
    }

    /// Failed requests of all kinds.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// The kinds of failure that occurred, with their counts.
    pub fn faults(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        Fault::ALL.into_iter().zip(self.failures).filter(|(_, count)| *count > 0)
    }

    /// Failed requests as a part of those that ended, 0..=1.
    #[must_use]
    pub fn failure_ratio(&self) -> f64 {
        self.failures() as f64 / ((self.answers() + self.failures()) as f64).max(1.0)
    }

    /// Latency from due at this quantile (0..=1), where a failed request counts as slower than
    /// every answer: a server that refuses quickly is not fast. `None` if the quantile falls among
    /// the failed, or nothing has ended.
    #[must_use]
    pub fn latency_of_all_ns(&self, quantile: f64) -> Option<u64> {
        let ended = self.answers() + self.failures();
        let rank = ((quantile * ended as f64).ceil() as u64).clamp(1, ended.max(1));
        let found = rank <= self.answers();
        found.then(|| self.from_due.value_at_quantile(rank as f64 / self.answers() as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        Tally::new(Duration::from_secs(10)).unwrap()
    }

    fn answer(due_ns: u64, sent_ns: u64, done_ns: u64) -> Exchange {
        Exchange { due_ns, sent_ns, done_ns }
    }

    /// A server that stalls from 2 s to 3 s and answers within 1 ms otherwise, one connection,
    /// 1,000 requests a second: the textbook case, computed by hand.
    #[test]
    fn a_stall_is_seen_whole_from_due_and_hardly_from_send() {
        let mut tally = tally();
        for ms in 0..10_000_u64 {
            let due = ms * 1_000_000;
            let stalled = (2000..3000).contains(&ms);
            let done = if stalled { 3_000_000_000 } else { due } + 1_000_000;
            // The one request that was under way when the stall began; the others could not be sent.
            let sent = if stalled && ms > 2000 { 3_000_000_000 } else { due };
            tally.due(due, due, stalled && ms > 2000);
            tally.answered(answer(due, sent, done));
        }
        // A tenth of all requests waited, evenly spread over 1 s to nothing.
        for (quantile, expected_ms) in [(0.5, 1.0), (0.9, 1.0), (0.95, 501.0), (0.99, 901.0)] {
            let seen = tally.from_due.value_at_quantile(quantile) as f64 / 1e6;
            assert!((seen / expected_ms - 1.0).abs() < 0.002, "p{quantile}: {seen} ms");
        }
        assert_eq!(tally.waited, 999);
        let closed = tally.from_send.value_at_quantile(0.999) as f64 / 1e6;
        assert!((closed - 1.0).abs() < 0.002, "a closed loop would claim {closed} ms");
    }

    #[test]
    fn a_failed_request_counts_as_slower_than_any_answer() {
        let mut tally = tally();
        for i in 0..98 {
            tally.answered(answer(0, 0, 1_000_000 + i));
        }
        tally.failed(0, Fault::ServerError);
        tally.failed(0, Fault::Timeout);
        assert!((tally.failure_ratio() - 0.02).abs() < 1e-9);
        assert!(tally.latency_of_all_ns(0.98).is_some());
        assert_eq!(tally.latency_of_all_ns(0.99), None);
        let kinds: Vec<_> = tally.faults().map(|(fault, n)| (fault.name(), n)).collect();
        assert_eq!(kinds, [("timeout", 1), ("status-5xx", 1)]);
    }

    #[test]
    fn an_empty_tally_has_no_percentile() {
        assert_eq!(tally().latency_of_all_ns(0.5), None);
        assert!(tally().failure_ratio().abs() < f64::EPSILON);
    }
}
