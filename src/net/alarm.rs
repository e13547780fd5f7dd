//! Sleeps to a few tens of microseconds, where the runtime's own timers count in milliseconds.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A timer of the kernel's (`timerfd_create(2)`).
#[derive(Debug)]
pub struct Alarm {
    fd: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// An alarm that is not set.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    #[expect(unsafe_code, reason = "tokio asks that the descriptor stay open and the same")]
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // SAFETY: the `AsyncFd` owns the descriptor, which is open and stays so until it is
        // dropped; an `OwnedFd` always names the same one, and it is never reached mutably.
        let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?;
        Ok(Self { fd })
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
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once)?;
        let mut expirations = [0_u8; 8];
        loop {
            let mut ready = self.fd.readable().await?;
            let mut read = |fd: &AsyncFd<OwnedFd>| Ok(rustix::io::read(fd, &mut expirations)?);
            if let Ok(read) = ready.try_io(&mut read) {
                return read.map(drop);
            }
        }
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
