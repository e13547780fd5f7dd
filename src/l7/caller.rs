//! A client's connection, whatever it speaks: where it came in, and who it is.

use std::net::SocketAddr;
use std::rc::Rc;

use crate::model::{Ended, SlowClient};
use crate::worker::Entered;

use super::record::{Logged, Record, Texts};
use super::worker::Worker;

/// Whoever is connected; counted as open for as long as this is there.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The worker that serves it.
    pub(crate) worker: Rc<Worker>,
    /// Where it came in, and is counted as open.
    pub(crate) acceptor: Entered,
    /// Its address.
    pub(crate) peer: SocketAddr,
}

impl Caller {
    /// Is the worker or the listener closing, so that its next request has to go elsewhere?
    pub(crate) fn is_unwanted(&self) -> bool {
        self.worker.closing.get() || self.acceptor.removed.get()
    }

    /// Counts it as too slow.
    pub(crate) fn was_slow(&self, with: SlowClient) {
        self.worker.counters().slow_clients[with as usize].add(1);
    }

    /// A request of which nothing can be told begins its record.
    pub(crate) fn log_unreadable(&self, record: &mut Record) {
        let logs = self.worker.with_table(|table, _| {
            self.acceptor.with_listener(table, |listener, _| listener.settings.access_log.is_some())
        });
        if logs {
            let logged = Logged::unreadable((self.worker.clock)(), self.peer);
            record.texts = Some(Texts::new(self.worker.buffers.take_vec(), &logged));
        }
    }

    /// Counts an exchange that is over, and logs it.
    pub(crate) fn finish(&self, record: &mut Record, ended: Ended) {
        self.worker.with_table(|table, _| {
            self.acceptor.with_listener(table, |listener, socket| {
                record.finish(&self.worker, listener, socket, ended);
            });
        });
    }
}
