//! Sleeps to a few tens of microseconds, where the runtime's own timers count in milliseconds.

use std::io;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;

use super::descriptor::Descriptor;

/// A timer of the kernel's (`timerfd_create(2)`).
#[derive(Debug)]
pub struct Alarm(Descriptor);

impl Alarm {
    /// An alarm that is not set.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(Descriptor::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)))
    }

    /// Sleeps for `length`; never less, and as little more as the machine needs to wake up.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub async fn sleep(&self, length: Duration) -> io::Result<()> {
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec {
                tv_sec: i64::try_from(length.as_secs()).unwrap_or(i64::MAX),
                // Nothing at all would switch the alarm off.
                tv_nsec: i64::from(length.subsec_nanos().max(1)),
            },
        };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        let mut expirations = [0_u8; 8];
        let read = |_: &_| Ok(rustix::io::read(&self.0, &mut expirations)?);
        self.0.watch()?.async_io(Interest::READABLE, read).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn it_never_rings_early() {
        let alarm = Alarm::new().unwrap();
        for length in [0, 1, 50, 400, 3000].map(Duration::from_micros) {
            let start = Instant::now();
            alarm.sleep(length).await.unwrap();
            assert!(start.elapsed() >= length, "{length:?}");
        }
    }
}
