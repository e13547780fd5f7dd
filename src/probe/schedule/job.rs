//! One check: what is sent, who is told, when it is due next. Pure: time and chance are arguments.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;
use twox_hash::xxhash3_64::Hasher as XxHash3_64;

use crate::model::{BackendKey, Layer, ProbeKind, ProbeSpec};
use crate::probe::connect::Target;

/// The latest a new check is first asked, unless very many are new at once.
const FIRST_WITHIN: Duration = Duration::from_millis(100);
/// Time that each of many new checks adds to the span in which all are first asked: no more than
/// ten thousand a second.
const FIRST_EACH: Duration = Duration::from_micros(100);
/// Failures in a row after which a check is asked less often.
const LONG_DOWN: u32 = 30;
/// The longest interval that being long down may bring about.
const LONG_DOWN_INTERVAL: Duration = Duration::from_secs(2);
/// How many times longer the interval of a check becomes at most.
const LONG_DOWN_TIMES: u32 = 5;
/// How long a connect may take while no round trip is known, and the most it may ever take beyond
/// its configured timeout.
const PATIENCE_MAX: Duration = Duration::from_secs(1);
/// Round trips a connect may take.
const ROUND_TRIPS: u32 = 4;
/// The weight of a new round trip is one of this many.
const SMOOTHING: u32 = 8;

/// What is sent, and how often: equal checks are sent once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::probe) struct Check {
    pub(in crate::probe) target: Target,
    pub(in crate::probe) kind: ProbeKind,
    interval: Duration,
    timeout: Duration,
    jitter: Duration,
}

impl Check {
    /// Which lane it goes in: the first only reaches a backend, the second waits for its answer.
    pub(super) fn lane(&self) -> usize {
        usize::from(!matches!(self.kind, ProbeKind::Connect | ProbeKind::Ping))
    }

    /// Its own place within `span`, the same in every run.
    fn place(&self, span: Duration) -> Duration {
        let mut hasher = XxHash3_64::with_seed(0);
        self.hash(&mut hasher);
        let nanos = (span.as_nanos() * u128::from(hasher.finish())) >> 64;
        Duration::from_nanos(nanos as u64)
    }

    /// When it is first asked, of so many that are new.
    fn first_delay(&self, new: usize) -> Duration {
        let span = FIRST_EACH.saturating_mul(u32::try_from(new).unwrap_or(u32::MAX));
        self.place(self.interval.min(span.max(FIRST_WITHIN)))
    }

    /// Regular times from one attempt to the next while it is long down.
    fn stride(&self) -> u32 {
        let times = LONG_DOWN_INTERVAL.as_nanos() / self.interval.as_nanos().max(1);
        u32::try_from(times).unwrap_or(u32::MAX).clamp(1, LONG_DOWN_TIMES)
    }
}

/// Who is told the result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Recipient {
    pub(super) backend: BackendKey,
    pub(super) layer: Layer,
    pub(super) check: usize,
}

/// Takes a spec apart into what is sent and who is told.
pub(super) fn split(spec: &ProbeSpec) -> (Check, Recipient) {
    let ProbeSpec { backend, address, introduced, layer, check, kind, interval, timeout, jitter } =
        spec.clone();
    let target = Target { address, introduced };
    let interval = interval.max(Duration::from_millis(1));
    (Check { target, kind, interval, timeout, jitter }, Recipient { backend, layer, check })
}

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Running {
    /// Ends it when its job is removed.
    pub(super) abort: AbortHandle,
    /// When it was begun.
    pub(super) begun: Instant,
    /// How late the turn was in which it was begun.
    pub(super) stalled: Duration,
    /// How long the attempt may take.
    pub(super) limit: Duration,
}

/// The schedule of one check.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) recipients: Vec<Recipient>,
    pub(super) running: Option<Running>,
    /// When it is due next; meaningless while it runs.
    pub(super) due: Instant,
    /// Its place within the interval.
    phase: Duration,
    /// The last of its regular due times, before jitter.
    slot: Instant,
    /// Failures in a row.
    fails: u32,
    /// Smoothed, from connects that passed.
    round_trip: Option<Duration>,
}

impl Job {
    /// A new job, one of so many.
    pub(super) fn new(check: &Check, recipients: Vec<Recipient>, new: usize, now: Instant) -> Self {
        let due = now + check.first_delay(new);
        let phase = check.place(check.interval);
        // So that the first regular time is not just after the first attempt.
        let slot = due + check.interval / 2;
        Self { recipients, running: None, due, phase, slot, fails: 0, round_trip: None }
    }

    /// Ends the attempt under way, if there is one.
    pub(super) fn stop(&self) {
        if let Some(running) = &self.running {
            running.abort.abort();
        }
    }

    /// Brings the next attempt forward for a new recipient; true if that changed when it is due.
    pub(super) fn hasten(&mut self, check: &Check, now: Instant) -> bool {
        let soon = now + check.first_delay(1);
        let sooner = self.running.is_none() && soon < self.due;
        if sooner {
            self.due = soon;
        }
        sooner
    }

    /// How long an attempt may take: a connect at least [`ROUND_TRIPS`] learnt round trips, so that
    /// a remote region is not down by its distance, and long while none is known.
    pub(super) fn limit(&self, check: &Check) -> Duration {
        match (&check.kind, self.round_trip) {
            (ProbeKind::Connect | ProbeKind::Ping, Some(learnt)) => {
                check.timeout.max((learnt * ROUND_TRIPS).min(PATIENCE_MAX))
            }
            (ProbeKind::Connect | ProbeKind::Ping, None) => check.timeout.max(PATIENCE_MAX),
            _ => check.timeout,
        }
    }

    /// An attempt passed.
    pub(super) fn passed(&mut self, latency: Duration) {
        self.fails = 0;
        let learnt = self.round_trip.unwrap_or(latency);
        self.round_trip = Some((learnt * (SMOOTHING - 1) + latency) / SMOOTHING);
    }

    /// An attempt failed; true if it is the first failure after a pass, or the first of all.
    pub(super) fn failed(&mut self) -> bool {
        self.fails = self.fails.saturating_add(1);
        self.fails == 1
    }

    /// Sets when the job is due after an attempt that ended at `now`: its next regular time, moved
    /// by `chance` (0..1) within the jitter, or `now` if that has just passed. What is long down is
    /// asked at fewer of its regular times.
    pub(super) fn reschedule(&mut self, check: &Check, epoch: Instant, now: Instant, chance: f64) {
        let after_slot = self.slot + Duration::from_nanos(1);
        let missed = now.checked_sub(check.interval / 2).unwrap_or(now);
        self.slot = on_grid(epoch + self.phase, check.interval, after_slot.max(missed));
        if self.fails >= LONG_DOWN {
            self.slot += check.interval * (check.stride() - 1);
        }
        let jittered = self.slot + check.jitter.mul_f64(2.0 * chance);
        self.due = jittered.checked_sub(check.jitter).unwrap_or(jittered).max(now);
    }
}

/// The first of `origin`, `origin + interval`, … that is not before `from`.
fn on_grid(origin: Instant, interval: Duration, from: Instant) -> Instant {
    let beyond = from.saturating_duration_since(origin).as_nanos();
    let steps = beyond.div_ceil(interval.as_nanos().max(1));
    origin + Duration::from_nanos((steps * interval.as_nanos()) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Address;

    proptest! {
        #[test]
        fn regular_times_are_one_interval_apart_whatever_the_attempts_do(
            interval in 1..5_000u64,
            jitter in 0..=50u64,
            attempts in proptest::collection::vec((0..8_000u64, 0.0..1.0), 1..50),
        ) {
            let ms = Duration::from_millis;
            let check = Check {
                target: Address::Inet(([127, 0, 0, 1], 80).into()).into(),
                kind: ProbeKind::Connect,
                interval: ms(interval),
                timeout: ms(interval),
                jitter: ms(interval) * jitter as u32 / 100,
            };
            let epoch = Instant::now();
            let mut job = Job::new(&check, Vec::new(), 1, epoch);
            for (took, chance) in attempts {
                let slot = job.slot;
                let ended = job.due + ms(took);
                job.reschedule(&check, epoch, ended, chance);
                let places = (job.slot - epoch - job.phase).as_nanos();
                prop_assert_eq!(places % check.interval.as_nanos(), 0, "off its place");
                prop_assert!(job.slot > slot && job.due >= ended);
                prop_assert!(job.slot <= ended.max(slot) + check.interval);
                prop_assert!(job.due + check.jitter >= job.slot);
                prop_assert!(job.due <= job.slot + (check.interval / 2).max(check.jitter));
            }
        }
    }
}
