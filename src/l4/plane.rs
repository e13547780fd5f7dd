//! Serves the listeners that forward bytes.

use std::rc::Rc;

use crate::config::{Listener, Protocol};
use crate::table::Table;
use crate::worker::{Acceptor, Arrival, Plane, Worker};

use super::client::Client;
use super::dial::serve;

/// Forwards connections, on one worker.
#[derive(Debug)]
pub struct Forwarder(Rc<Worker>);

impl Forwarder {
    /// For this worker.
    #[must_use]
    pub fn new(worker: &Rc<Worker>) -> Self {
        Self(Rc::clone(worker))
    }
}

impl Plane for Forwarder {
    fn serves(&self, listener: &Listener) -> bool {
        matches!(listener.protocol, Protocol::Tcp(_))
    }

    fn serve(&self, acceptor: &Rc<Acceptor>, arrival: Arrival) {
        tokio::task::spawn_local(serve(Client::new(&self.0, acceptor, arrival)));
    }

    /// There may be room where there was none.
    fn follow(&self, table: &Table) {
        table.pools().for_each(|pool| pool.waiting.call_all());
    }
}
