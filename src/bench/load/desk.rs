//! Where due requests meet free lanes.
//!
//! A lane is whatever carries one request at a time: a connection of HTTP/1.1, a stream's place on
//! one of HTTP/2. Requests wait here in the order they were due; lanes are taken in the order they
//! became free, so that all connections carry traffic and not just the busiest few.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

/// The desk of a run.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// When the waiting requests were due, in nanoseconds from the start.
    waiting: VecDeque<u64>,
    free: VecDeque<usize>,
    lanes: Vec<Place>,
    /// Requests handed out and not yet ended.
    open: u64,
    /// Wakes who waits for the last request to end.
    done: Option<Waker>,
}

#[derive(Debug, Default)]
struct Place {
    /// The request to carry next.
    due_ns: Option<u64>,
    /// It is in the list of the free.
    free: bool,
    waker: Option<Waker>,
}

impl Desk {
    /// A new lane's place; it is free from the start.
    pub(super) fn lane(&mut self) -> usize {
        let lane = self.lanes.len();
        self.lanes.push(Place { free: true, ..Place::default() });
        self.free.push_back(lane);
        lane
    }

    /// Hands a request out; true if it has to wait because every lane is busy.
    pub(super) fn put(&mut self, due_ns: u64) -> bool {
        self.open += 1;
        let Some(lane) = self.free.pop_front() else {
            self.waiting.push_back(due_ns);
            return true;
        };
        let place = &mut self.lanes[lane];
        (place.due_ns, place.free) = (Some(due_ns), false);
        if let Some(waker) = place.waker.take() {
            waker.wake();
        }
        false
    }

    /// The next request for this lane, which is free from now on if there is none.
    pub(super) fn poll_take(&mut self, lane: usize, cx: &mut Context<'_>) -> Poll<u64> {
        let place = &mut self.lanes[lane];
        if let Some(due_ns) = place.due_ns.take() {
            return Poll::Ready(due_ns);
        }
        if !place.free {
            if let Some(due_ns) = self.waiting.pop_front() {
                return Poll::Ready(due_ns);
            }
            place.free = true;
            self.free.push_back(lane);
        }
        match &mut place.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            waker => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// A request has ended, well or not.
    pub(super) fn ended(&mut self) {
        self.open -= 1;
        if self.open == 0
            && let Some(waker) = self.done.take()
        {
            waker.wake();
        }
    }

    /// Requests handed out and not yet ended.
    pub(super) fn open(&self) -> u64 {
        self.open
    }

    /// Ready when every request handed out has ended.
    pub(super) fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.open == 0 {
            return Poll::Ready(());
        }
        self.done = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(desk: &mut Desk, lane: usize) -> Option<u64> {
        match desk.poll_take(lane, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(due_ns) => Some(due_ns),
            Poll::Pending => None,
        }
    }

    #[test]
    fn requests_wait_in_order_and_lanes_take_turns() {
        let mut desk = Desk::default();
        let (a, b) = (desk.lane(), desk.lane());
        assert!(!desk.put(1));
        assert!(!desk.put(2));
        assert!(desk.put(3), "both are busy");
        assert!(desk.put(4));
        assert_eq!((take(&mut desk, a), take(&mut desk, b)), (Some(1), Some(2)));
        desk.ended();
        assert_eq!(take(&mut desk, b), Some(3));
        desk.ended();
        assert_eq!(take(&mut desk, a), Some(4));
        assert_eq!(desk.open(), 2);
        assert_eq!(take(&mut desk, a), None);
        assert_eq!(take(&mut desk, a), None, "it is free once, however often it asks");
        assert!(!desk.put(5));
        assert!(desk.put(6));
    }
}
