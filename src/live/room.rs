//! Wakes those who wait for something to end, on whichever worker it ends.
//!
//! An acceptor that finds its listener full, or the process short of files, has nothing to do
//! until a connection ends. Looking again and again would be late when one does, and busy while none
//! does. So whatever ends says so here; as long as nobody waits, that is one look at a number.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::Notify;

/// Where acceptors wait.
#[derive(Debug, Default)]
pub struct Room {
    waiting: AtomicU32,
    freed: Notify,
}

/// One who waits, until dropped.
struct Waiting<'r>(&'r Room);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}

impl Room {
    /// Something has ended, and was counted out before: whoever waits looks again.
    pub fn freed(&self) {
        if self.waiting.load(SeqCst) > 0 {
            self.freed.notify_waiters();
        }
    }

    /// Waits until there is room. `is_there` must read what was counted in sequential consistency.
    pub async fn until(&self, is_there: impl Fn() -> bool) {
        let _waiting = self.wait();
        loop {
            // Made before the look: what ends after it is heard of.
            let freed = self.freed.notified();
            if is_there() {
                return;
            }
            freed.await;
        }
    }

    /// Waits until something ends, or for so long: not all that makes room is counted.
    pub async fn any(&self, longest: Duration) {
        let _waiting = self.wait();
        let freed = pin!(self.freed.notified());
        // Either is a reason to look again.
        let _ = tokio::time::timeout(longest, freed).await;
    }

    fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, SeqCst);
        Waiting(self)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_hears_of_each_end_and_looks_again() {
        let (room, open) = (Room::default(), Cell::new(2));
        let end = async {
            for left in [1, 0] {
                open.set(left);
                room.freed();
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(room.until(|| open.get() == 0), end);
        assert_eq!(room.waiting.load(SeqCst), 0);
        room.until(|| true).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_nothing_ends_is_over_at_last() {
        let room = Room::default();
        room.any(Duration::from_secs(1)).await;
        tokio::join!(room.any(Duration::MAX), async { room.freed() });
    }
}
