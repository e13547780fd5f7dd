//! Waits for a moment, to a few microseconds.
//!
//! The runtime's own timers count in milliseconds, and a processor that sleeps needs tens of
//! microseconds to wake. So the bulk of a wait is slept on a kernel timer, and the last part is
//! spent looking at the clock between rounds of the runtime, in which answers are read as usual.
//! That costs a core while a run lasts: at rates above some thousand per second nearly all of it.
//! A generator that shares its core with what it measures is better off sleeping to the end.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::net::Alarm;

/// How a driver waits.
pub trait Pace {
    /// Waits until `moment`, or not at all if it has passed.
    fn until(&mut self, moment: Instant) -> impl Future<Output = ()>;
}

/// A kernel timer, and the last part watched.
#[derive(Debug)]
pub struct Precise {
    alarm: Alarm,
    watched: Duration,
}

impl Precise {
    /// What it takes a sleeping processor to wake, with room to spare: a virtual one has to be
    /// given a real one first.
    pub const WATCHED: Duration = Duration::from_micros(500);

    /// Sleeps up to `watched` before the moment, and watches the clock from then on.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new(watched: Duration) -> io::Result<Self> {
        Ok(Self { alarm: Alarm::new()?, watched })
    }
}

impl Pace for Precise {
    async fn until(&mut self, moment: Instant) {
        loop {
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            if left > self.watched && self.alarm.sleep(left - self.watched).await.is_ok() {
                continue;
            }
            // Each round of the runtime looks for answers before it comes back here.
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_moment_is_never_met_early() {
        for watched in [Duration::ZERO, Precise::WATCHED, Duration::MAX] {
            let mut pace = Precise::new(watched).unwrap();
            for length in [0, 1, 50, 400, 3000].map(Duration::from_micros) {
                let moment = Instant::now() + length;
                pace.until(moment).await;
                assert!(Instant::now() >= moment, "{length:?}");
            }
        }
    }
}
