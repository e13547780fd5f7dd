//! The connections that hold a drain open, and when each is to end.
//!
//! Nobody can tell from its bytes whether a connection is about to end by itself. But one that is
//! already older than the whole drain may take is a session, as those of a database's clients
//! are, and will not: such are ended spread over the drain's time, because their clients all come
//! back at once otherwise. Whatever is younger has until the deadline.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::Instant;

use crate::live::{Drain, HOLDERS, Holder};
use crate::worker::{DrainKey, Drains};

/// A worker's connections that hold a drain open.
#[derive(Debug, Default)]
pub(super) struct Stays(RefCell<Places>);

#[derive(Debug, Default)]
struct Places {
    next: u32,
    stays: BTreeMap<u32, Stay>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Stay {
    /// Which drain it holds open; `None` = its listener is gone, and nobody asks.
    pub(super) drain: Option<DrainKey>,
    /// The client's address.
    pub(super) client: SocketAddr,
    /// `tcp` or `udp`.
    pub(super) protocol: &'static str,
    /// The route it came by.
    pub(super) route: Arc<str>,
    /// When it was opened.
    pub(super) started: Instant,
    /// Bytes from the client so far.
    pub(super) bytes_in: u64,
    /// Bytes to the client so far.
    pub(super) bytes_out: u64,
}

impl Stays {
    /// Writes one down; returns its number.
    pub(super) fn enter(&self, stay: Stay) -> u32 {
        let Places { next, stays } = &mut *self.0.borrow_mut();
        let number = *next;
        *next = next.wrapping_add(1);
        stays.insert(number, stay);
        number
    }

    /// Says how much it has moved by now.
    pub(super) fn moved(&self, number: u32, bytes_in: u64, bytes_out: u64) {
        if let Some(stay) = self.0.borrow_mut().stays.get_mut(&number) {
            (stay.bytes_in, stay.bytes_out) = (bytes_in, bytes_out);
        }
    }

    /// It has ended, or does not hold the drain open any more.
    pub(super) fn leave(&self, number: u32) {
        self.0.borrow_mut().stays.remove(&number);
    }

    /// The part of the ledger that these are.
    pub(super) fn ledger(&self, drains: &Drains, now: Instant) -> Vec<Drain> {
        let places = self.0.borrow();
        drains.ledger(now, |key| {
            let of_it = || places.stays.values().filter(|stay| stay.drain == Some(key));
            let holders = of_it().take(HOLDERS).map(|stay| stay.holder(now));
            (holders.collect(), of_it().count())
        })
    }
}

impl Stay {
    fn holder(&self, now: Instant) -> Holder {
        Holder {
            client: self.client,
            protocol: Arc::from(self.protocol),
            route: Arc::clone(&self.route),
            age: now.saturating_duration_since(self.started),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
        }
    }
}

/// When something that was opened at `started` ends, of a drain that lasts from `since` to `until`.
/// `number` tells those apart that are spread.
pub(super) fn ends_at(started: Instant, since: Instant, until: Instant, number: u32) -> Instant {
    let time = until.saturating_duration_since(since);
    if since.saturating_duration_since(started) < time {
        return until;
    }
    since + time.mul_f64(spread(number))
}

/// Spreads whole numbers evenly over 0..1, however many there are: the golden ratio's multiples.
fn spread(number: u32) -> f64 {
    f64::from(number.wrapping_mul(0x9e37_79b9)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_young_may_stay_until_the_deadline_and_sessions_are_spread_evenly() {
        let since = Instant::now() + 10 * MINUTE;
        let until = since + MINUTE;
        assert_eq!(ends_at(since - MINUTE / 2, since, until, 7), until);
        let mut ends: Vec<Duration> =
            (0..60).map(|n| ends_at(since - MINUTE, since, until, n) - since).collect();
        ends.sort();
        assert!(ends.iter().all(|end| *end < MINUTE));
        let gaps = ends.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.max().unwrap() < MINUTE / 20, "no herd and no long pause: {ends:?}");
    }
}
