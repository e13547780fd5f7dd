//! The queue for a place, where their number is limited.
//!
//! The limit holds over all workers: a place is taken by one atomic step that fails when all are
//! taken. Whoever finds every backend of a pool full waits in the pool's one queue (or the route's, or for the pool itself), in the order
//! of arrival whatever worker it is on, and whoever comes while others wait goes behind them. A
//! place given back calls the first in line, and so does whoever leaves the line: there may be
//! room for the next one, too. Only who was called looks for a place, so nobody overtakes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::{Place, Places};

/// The queue of a pool or a route.
#[derive(Debug, Default)]
pub struct Queue {
    /// The places of the pool or route as a whole, where their number is limited.
    places: Arc<Places>,
    refused: AtomicU64,
    expired: AtomicU64,
    /// How many are in line, to be read without a lock.
    waiting: AtomicUsize,
    /// Those who wait, in the order of arrival; locked only where somebody waits.
    line: Mutex<VecDeque<Arc<Notify>>>,
}

/// A stand in the queue, given up when dropped.
#[derive(Debug)]
pub struct Turn {
    queue: Arc<Queue>,
    call: Arc<Notify>,
}

impl Queue {
    /// Takes a place of the pool or route as a whole, which has `max`; `None` if all are taken.
    #[must_use]
    pub fn enter(self: &Arc<Self>, max: u32) -> Option<Place> {
        Place::take(self, &self.places, max)
    }

    /// How many places of the pool or route as a whole are taken.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.places.taken()
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(SeqCst)
    }

    /// How many were refused so far because as many waited as may, and how many waited in vain.
    #[must_use]
    pub fn counted(&self) -> (u64, u64) {
        (self.refused.load(Relaxed), self.expired.load(Relaxed))
    }

    /// Counts one that waited in vain.
    pub fn count_expired(&self) {
        self.expired.fetch_add(1, Relaxed);
    }

    /// Does anyone wait? Then a newcomer goes behind them.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.waiting.load(SeqCst) > 0
    }

    /// Calls the first in line, if there is one: there may be room now.
    pub fn call(&self) {
        if self.is_busy()
            && let Some(first) = self.line().front()
        {
            first.notify_one();
        }
    }

    /// Stands in line behind those who wait, if they are fewer than `length`; the first is called
    /// at once, for a place that became free just now.
    #[must_use]
    pub fn stand(self: &Arc<Self>, length: u32) -> Option<Turn> {
        let mut line = self.line();
        if line.len() >= length as usize {
            self.refused.fetch_add(1, Relaxed);
            return None;
        }
        let call = Arc::new(Notify::new());
        line.push_back(Arc::clone(&call));
        self.waiting.store(line.len(), SeqCst);
        if line.len() == 1 {
            call.notify_one();
        }
        Some(Turn { queue: Arc::clone(self), call })
    }

    fn line(&self) -> MutexGuard<'_, VecDeque<Arc<Notify>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Completes when this is the first in line and there may be a place.
    pub fn called(&self) -> Notified<'_> {
        self.call.notified()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut line = self.queue.line();
        let at = line.iter().position(|call| Arc::ptr_eq(call, &self.call));
        at.and_then(|at| line.remove(at));
        self.queue.waiting.store(line.len(), SeqCst);
        if at == Some(0)
            && let Some(next) = line.front()
        {
            next.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn a_limit_holds_over_all_threads() {
        let queue = Arc::new(Queue::default());
        let held = std::thread::scope(|scope| {
            let take = || (0..100).filter_map(|_| queue.enter(30)).collect::<Vec<_>>();
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(held.len(), 30);
        drop(held);
        assert!(queue.enter(1).is_some());
    }

    fn is_called(turn: &Turn) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(turn.called()).poll(&mut context).is_ready()
    }

    #[test]
    fn only_the_first_in_line_is_called() {
        let queue = Arc::new(Queue::default());
        let held = queue.enter(1).unwrap();
        let first = queue.stand(3).unwrap();
        assert!(is_called(&first), "what became free before it stood there is not missed");
        assert!(!is_called(&first));
        let (second, third) = (queue.stand(3).unwrap(), queue.stand(3).unwrap());
        assert!(queue.stand(3).is_none(), "the queue is bounded");

        drop(held);
        assert!(!is_called(&second) && !is_called(&third), "nobody overtakes");
        assert!(is_called(&first));
        let held = queue.enter(1).unwrap();
        drop(first);
        assert!(is_called(&second), "there may be room for one more");
        assert!(queue.enter(1).is_none());

        // One that looked in vain stays where it was.
        drop(held);
        assert!(is_called(&second) && !is_called(&third));
        drop(third);
        assert!(!is_called(&second), "who leaves from behind changes nothing for who is before");
        drop(second);
        assert!(!queue.is_busy());
    }
}
