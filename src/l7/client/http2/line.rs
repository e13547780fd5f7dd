//! Where requests stand that wait for room on a backend's connections, in the order in which they came.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

/// Those that wait for room at one backend.
#[derive(Debug, Default)]
pub(crate) struct Line {
    waiting: Cell<usize>,
    free: Notify,
}

/// One that stands in line, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Turn(Rc<Line>);

impl Line {
    /// How many stand there.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.get()
    }

    /// Stands at its end.
    pub(crate) fn stand(self: &Rc<Self>) -> Turn {
        self.waiting.set(self.waiting.get() + 1);
        Turn(Rc::clone(self))
    }

    /// There may be room for as many.
    pub(super) fn call(&self, room: usize) {
        (0..room.min(self.waiting.get())).for_each(|_| self.free.notify_one());
    }

    /// All are to look again: what they wait for is no more.
    pub(super) fn call_all(&self) {
        self.free.notify_waiters();
    }
}

impl Turn {
    /// Is it here that it stands?
    pub(crate) fn is_in(&self, line: &Rc<Line>) -> bool {
        Rc::ptr_eq(&self.0, line)
    }

    /// Waits until there may be room for it.
    pub(crate) async fn called(&self) {
        self.0.free.notified().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}
