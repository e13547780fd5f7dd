//! Places at a backend, where their number is limited, and the queue for one.
//!
//! The limit holds over all workers: a place is taken by one atomic step that fails when all are
//! taken. Whoever finds every backend of a pool full waits in the pool's one queue, in the order
//! of arrival whatever worker it is on, and whoever comes while others wait goes behind them. A
//! place given back calls the first in line, and so does whoever leaves the line: there may be
//! room for the next one, too. Only who was called looks for a place, so nobody overtakes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::Backend;

/// A pool's queue.
#[derive(Debug, Default)]
pub struct Queue {
    /// How many are in line, to be read without a lock.
    waiting: AtomicUsize,
    /// Those who wait, in the order of arrival; locked only where somebody waits.
    line: Mutex<VecDeque<Arc<Notify>>>,
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
    call: Arc<Notify>,
}

impl Queue {
    /// Takes a place at this backend, which has `max` of them; `None` if all are taken.
    #[must_use]
    pub fn place(self: &Arc<Self>, backend: &Arc<Backend>, max: u32) -> Option<Place> {
        let more = |taken: u32| (taken < max).then_some(taken + 1);
        backend.places.fetch_update(SeqCst, SeqCst, more).ok()?;
        Some(Place { backend: Arc::clone(backend), queue: Arc::clone(self) })
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

impl Drop for Place {
    fn drop(&mut self) {
        self.backend.places.fetch_sub(1, SeqCst);
        self.queue.call();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

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

    fn is_called(turn: &Turn) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(turn.called()).poll(&mut context).is_ready()
    }

    #[test]
    fn only_the_first_in_line_is_called() {
        let live = Live::new(1);
        let (backend, queue) = (backend(&live), live.queue(&"p".into()));
        let held = queue.place(&backend, 1).unwrap();
        let first = queue.stand(3).unwrap();
        assert!(is_called(&first), "what became free before it stood there is not missed");
        assert!(!is_called(&first));
        let (second, third) = (queue.stand(3).unwrap(), queue.stand(3).unwrap());
        assert!(queue.stand(3).is_none(), "the queue is bounded");

        drop(held);
        assert!(!is_called(&second) && !is_called(&third), "nobody overtakes");
        assert!(is_called(&first));
        let held = queue.place(&backend, 1).unwrap();
        drop(first);
        assert!(is_called(&second), "there may be room for one more");
        assert!(queue.place(&backend, 1).is_none());

        // One that looked in vain stays where it was.
        drop(held);
        assert!(is_called(&second) && !is_called(&third));
        drop(third);
        assert!(!is_called(&second), "who leaves from behind changes nothing for who is before");
        drop(second);
        assert!(!queue.is_busy());
    }
}
