//! Places at a backend, where their number is limited, and the queue for one.
//!
//! The limit holds over all workers: a place is taken by one atomic step that fails when all are
//! taken. Whoever finds every backend of a pool full waits in the pool's one queue, in the order
//! of arrival whatever worker it is on, and whoever comes while others wait goes behind them. A
//! place given back wakes the first in line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::Backend;

/// A pool's queue.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: AtomicU32,
    freed: Arc<Notify>,
}

/// One place at a backend, given back when dropped.
#[derive(Debug)]
pub struct Place {
    backend: Arc<Backend>,
    queue: Arc<Queue>,
}

/// A stand in the queue, given up when dropped.
#[derive(Debug)]
pub struct Turn {
    queue: Arc<Queue>,
}

impl Queue {
    /// Takes a place at this backend, which has `max` of them; `None` if all are taken.
    #[must_use]
    pub fn place(self: &Arc<Self>, backend: &Arc<Backend>, max: u32) -> Option<Place> {
        let more = |taken: u32| (taken < max).then_some(taken + 1);
        backend.places.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Place { backend: Arc::clone(backend), queue: Arc::clone(self) })
    }

    /// Does anyone wait? Then a newcomer goes behind them.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }

    /// Calls all who wait: there may be room now.
    pub fn call_all(&self) {
        if self.is_busy() {
            self.freed.notify_waiters();
        }
    }

    /// Stands in line behind those who wait, if they are fewer than `length`.
    #[must_use]
    pub fn stand(self: &Arc<Self>, length: u32) -> Option<Turn> {
        let more = |waiting: u32| (waiting < length).then_some(waiting + 1);
        self.waiting.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Turn { queue: Arc::clone(self) })
    }
}

impl Turn {
    /// Completes when a place was given back and this is the first in line. To miss none, ask
    /// before looking whether a place is free.
    pub fn called(&self) -> OwnedNotified {
        Arc::clone(&self.queue.freed).notified_owned()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.queue.waiting.fetch_sub(1, Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.backend.places.fetch_sub(1, Relaxed);
        if self.queue.is_busy() {
            self.queue.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Live;
    use crate::model::BackendKey;

    fn backend(live: &Live) -> Arc<Backend> {
        live.backend(&BackendKey { pool: "p".into(), name: "b".into() })
    }

    #[test]
    fn a_limit_holds_over_all_threads() {
        let live = Live::new(1);
        let (backend, queue) = (backend(&live), live.queue(&"p".into()));
        let held = std::thread::scope(|scope| {
            let take = || (0..100).filter_map(|_| queue.place(&backend, 30)).collect::<Vec<_>>();
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(held.len(), 30);
        drop(held);
        assert!(queue.place(&backend, 1).is_some());
    }

    #[tokio::test]
    async fn a_place_given_back_calls_the_first_in_line() {
        let live = Live::new(1);
        let (backend, queue) = (backend(&live), live.queue(&"p".into()));
        let place = queue.place(&backend, 1).unwrap();
        let (first, second) = (queue.stand(2).unwrap(), queue.stand(2).unwrap());
        assert!(queue.stand(2).is_none(), "the queue is bounded");
        let mut first_called = Box::pin(first.called());
        let mut second_called = Box::pin(second.called());
        first_called.as_mut().enable();
        second_called.as_mut().enable();
        drop(place);
        first_called.await;
        assert!(queue.place(&backend, 1).is_some());
        drop(first);
        // Taken and given back within the assertion above: the next is called.
        second_called.await;
        drop(second);
        assert!(!queue.is_busy());
    }
}
