//! Tasks that serve connections and streams, kept for the next one.
//!
//! A task has room for a whole exchange, a few kilobytes. Making and freeing one costs more than all
//! the rest of accepting a connection, and a good part of what an HTTP/2 stream costs, so a task whose work is
//! done, or whose connection dozes, takes a seat and waits for more. Only so many wait; beyond, tasks
//! end as they become idle.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::worker::Worker;

/// Tasks of a kind that may wait on a worker.
const WAITING_MAX: usize = 1024;

/// What a task is given to do.
pub(crate) trait Work: Sized + 'static {
    /// The worker it is done on.
    fn worker(&self) -> &Rc<Worker>;

    /// Where those wait that do such work.
    fn seats(worker: &Worker) -> &Seats<Self>;

    /// Does it.
    fn work(self) -> impl Future<Output = ()>;
}

/// A worker's waiting tasks that do one kind of work.
#[derive(Debug)]
pub(crate) struct Seats<W>(RefCell<Vec<Rc<Seat<W>>>>);

/// Where one task waits.
#[derive(Debug)]
struct Seat<W> {
    next: RefCell<Option<W>>,
    waker: RefCell<Option<Waker>>,
}

impl<W> Default for Seats<W> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<W: Work> Seats<W> {
    /// Has work done, by a waiting task if there is one.
    pub(crate) fn serve(&self, work: W) {
        let Some(seat) = self.0.borrow_mut().pop() else {
            tokio::task::spawn_local(serve_one_by_one(work));
            return;
        };
        seat.next.replace(Some(work));
        let waker = seat.waker.take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Takes a seat; `false` if all are taken.
    fn sit(&self, seat: &Rc<Seat<W>>) -> bool {
        let mut waiting = self.0.borrow_mut();
        let free = waiting.len() < WAITING_MAX;
        if free {
            waiting.push(Rc::clone(seat));
        }
        free
    }
}

impl<W> Seat<W> {
    async fn next(&self) -> W {
        poll_fn(|cx| match self.next.take() {
            Some(work) => Poll::Ready(work),
            None => {
                self.waker.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}

async fn serve_one_by_one<W: Work>(first: W) {
    let worker = Rc::clone(first.worker());
    let seat = Rc::new(Seat { next: RefCell::new(Some(first)), waker: RefCell::default() });
    loop {
        seat.next().await.work().await;
        if !W::seats(&worker).sit(&seat) {
            return;
        }
    }
}
