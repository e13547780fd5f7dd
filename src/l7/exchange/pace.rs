//! How long a client may keep an exchange waiting while it sends or takes a body.
//!
//! A client that sends a byte now and then lets no idle deadline pass, and a few thousand of such keep
//! as many requests open at backends. So waiting for a client draws on a credit, and each byte that
//! moves refills it by the time that byte may take at the slowest allowed rate. Whoever has used it
//! up is too slow. Only the time in which the client is waited for counts, so a slow backend is
//! not its fault, and the credit never exceeds the grace: what once moved fast pays for no dribble
//! later.
//!
//! Time is read off the timer wheel, which is free. A wait shorter than its turn counts as a whole
//! one or as none, each as often as makes it right on average.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::model::SlowClient;

use super::inbound::Shared;

/// How fast a client must be in one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Bytes per second; `None` = as few as it likes.
    pub(super) bytes: Option<NonZeroU32>,
    /// How long it may take none at all.
    pub(super) grace: Duration,
}

/// What a client has used up of its credit, in one direction and in microseconds. Every exchange has two of
/// these, so they are kept small: the rate is told each time.
#[derive(Debug, Default)]
pub(super) struct Pace(Cell<u64>);

impl Pace {
    fn left_us(&self, rate: Rate) -> u64 {
        grace_us(rate).saturating_sub(self.0.get())
    }

    /// The deadline of a wait for it that may last `idle` at most.
    pub(super) fn limit(&self, rate: Rate, idle: Duration) -> Duration {
        let left = Duration::from_micros(self.left_us(rate));
        if rate.bytes.is_some() { idle.min(left) } else { idle }
    }

    /// Would it be this rate, and not `idle`, that ends a wait?
    pub(super) fn decides(&self, rate: Rate, idle: Duration) -> bool {
        self.limit(rate, idle) < idle
    }

    /// It was waited for, and so many bytes have moved; `false` = it took too long.
    pub(super) fn moved(&self, rate: Rate, waited_ms: u64, bytes: usize) -> bool {
        let Some(per_second) = rate.bytes.filter(|_| waited_ms > 0 || self.0.get() > 0) else {
            return true;
        };
        let used = self.0.get().saturating_add(waited_ms.saturating_mul(1000));
        if used > grace_us(rate) {
            self.0.set(u64::MAX);
            return false;
        }
        let worth = (bytes as u64).saturating_mul(1_000_000) / u64::from(per_second.get());
        self.0.set(used.saturating_sub(worth));
        true
    }
}

fn grace_us(rate: Rate) -> u64 {
    u64::try_from(rate.grace.as_micros()).unwrap_or(u64::MAX)
}

/// What a client has taken of one write.
pub(super) struct Taken<'r, 'a> {
    shared: &'r Shared<'a>,
    /// When it was last waited for.
    since_ms: Cell<u64>,
    bytes: Cell<usize>,
}

impl<'r, 'a> Taken<'r, 'a> {
    /// It is waited for from now on; the deadline is set already, unless its rate makes it an earlier one.
    pub(super) fn begin(shared: &'r Shared<'a>) -> Self {
        let since_ms = Cell::new(shared.deadline.timer.now_ms());
        let taken = Self { shared, since_ms, bytes: Cell::new(0) };
        if shared.taking.decides(shared.taking_rate(), taken.idle()) {
            taken.wait();
        } else {
            shared.on_client.set(Some(SlowClient::Response));
        }
        taken
    }

    fn idle(&self) -> Duration {
        self.shared.terms.route.policy.timeouts.body_idle
    }

    fn wait(&self) {
        let (pace, idle) = (&self.shared.taking, self.idle());
        let rate = self.shared.taking_rate();
        let by_rate = pace.decides(rate, idle);
        let slow = if by_rate { SlowClient::ResponseRate } else { SlowClient::Response };
        self.shared.on_client.set(Some(slow));
        self.shared.deadline.set(pace.limit(rate, idle));
    }

    /// It took so many bytes, and is waited for again.
    pub(super) fn some(&self, bytes: usize) {
        self.moved(bytes);
        self.bytes.set(self.bytes.get() + bytes);
        self.wait();
    }

    /// It took the rest of so many.
    pub(super) fn rest(self, all: usize) {
        self.moved(all.saturating_sub(self.bytes.get()));
        self.shared.on_client.set(None);
    }

    /// Whoever was too slow for it has no time left for the next piece.
    fn moved(&self, bytes: usize) {
        let now_ms = self.shared.deadline.timer.now_ms();
        let waited_ms = now_ms - self.since_ms.replace(now_ms);
        self.shared.taking.moved(self.shared.taking_rate(), waited_ms, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(30);
    const RATE: Rate = Rate { bytes: NonZeroU32::new(100), grace: Duration::from_secs(10) };

    #[test]
    fn who_keeps_the_rate_goes_on_for_ever_and_who_does_not_is_caught() {
        for (bytes, lasts) in [(101, 1_000), (100, 1_000), (50, 19), (1, 10), (0, 10)] {
            let pace = Pace::default();
            let steps = (0..1_000).take_while(|_| pace.moved(RATE, 1_000, bytes));
            assert_eq!(steps.count(), lasts, "{bytes} bytes per second");
        }
    }

    #[test]
    fn what_moved_fast_pays_for_the_grace_and_no_more() {
        let pace = Pace::default();
        assert!(pace.moved(RATE, 5_000, 1 << 30));
        assert_eq!(pace.limit(RATE, IDLE), RATE.grace);
        assert!(!pace.moved(RATE, 10_001, 1 << 30));
        assert_eq!(pace.limit(RATE, IDLE), Duration::ZERO, "it is over");
    }

    #[test]
    fn without_a_rate_only_the_idle_deadline_counts() {
        let (pace, free) = (Pace::default(), Rate { bytes: None, ..RATE });
        assert!(pace.moved(free, 30_000, 0));
        assert_eq!((pace.limit(free, IDLE), pace.decides(free, IDLE)), (IDLE, false));
    }
}
