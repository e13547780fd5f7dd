//! Tasks that serve connections, kept for the next one.
//!
//! A task has room for a whole exchange, a few kilobytes. Making and freeing one per connection
//! costs more than all the rest of accepting it, so a task whose connection has ended, or dozes,
//! takes a seat and waits for another. Only so many wait; beyond, tasks end as they become idle.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::connection::Connection;

/// Tasks that may wait on a worker.
const WAITING_MAX: usize = 1024;

/// A worker's waiting tasks.
#[derive(Debug, Default)]
pub(crate) struct Seats(RefCell<Vec<Rc<Seat>>>);

/// Where one task waits.
#[derive(Debug, Default)]
struct Seat {
    next: RefCell<Option<Connection>>,
    waker: RefCell<Option<Waker>>,
}

impl Seats {
    /// Has a connection served, by a waiting task if there is one.
    pub(crate) fn serve(&self, connection: Connection) {
        let Some(seat) = self.0.borrow_mut().pop() else {
            tokio::task::spawn_local(serve_one_by_one(connection));
            return;
        };
        seat.next.replace(Some(connection));
        let waker = seat.waker.take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Takes a seat; `false` if all are taken.
    fn sit(&self, seat: &Rc<Seat>) -> bool {
        let mut waiting = self.0.borrow_mut();
        let free = waiting.len() < WAITING_MAX;
        if free {
            waiting.push(Rc::clone(seat));
        }
        free
    }
}

impl Seat {
    async fn next(&self) -> Connection {
        poll_fn(|cx| match self.next.take() {
            Some(connection) => Poll::Ready(connection),
            None => {
                self.waker.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}

async fn serve_one_by_one(first: Connection) {
    let worker = Rc::clone(&first.caller.worker);
    let seat = Rc::new(Seat { next: RefCell::new(Some(first)), waker: RefCell::default() });
    loop {
        seat.next().await.serve().await;
        if !worker.seats.sit(&seat) {
            return;
        }
    }
}
