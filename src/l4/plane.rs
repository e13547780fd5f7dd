//! Serves the listeners that forward bytes.

use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::rc::Rc;

use tokio::time::Instant;

use crate::config::{Listener, Protocol};
use crate::live::Drain;
use crate::table::Table;
use crate::worker::{self, Acceptor, Arrival, Plane};

use super::client::Client;
use super::serving::Serving;
use super::udp::Service;
use super::worker::Worker;

/// Forwards connections, on one worker.
#[derive(Debug)]
pub struct Forwarder(Rc<Worker>);

impl Forwarder {
    /// For this worker.
    #[must_use]
    pub fn new(worker: &Rc<worker::Worker>) -> Self {
        Self(Worker::new(worker))
    }
}

impl Plane for Forwarder {
    fn serves(&self, listener: &Listener, sealed: bool) -> bool {
        sealed || matches!(listener.protocol, Protocol::Tcp(_) | Protocol::Udp(_))
    }

    fn serve(&self, arrival: Arrival) {
        if let Some(serving) = Serving::start(Client::new(&self.0, arrival)) {
            tokio::task::spawn_local(serving);
        }
    }

    fn receive<'a>(
        &'a self,
        acceptor: &'a Rc<Acceptor>,
        socket: UdpSocket,
    ) -> Pin<Box<dyn Future<Output = io::Result<()>> + 'a>> {
        Box::pin(async move {
            let service = Service::new(&self.0, acceptor, socket)?;
            self.0.add_service(&service);
            service.run().await
        })
    }

    fn count(&self) {
        self.0.tick();
    }

    /// There may be room where there was none, and backends may have gone down.
    fn follow(&self, table: &Table) {
        table.pools().for_each(|pool| pool.waiting.call());
        self.0.follow(table);
    }

    fn ledger(&self) -> Pin<Box<dyn Future<Output = Vec<Drain>> + '_>> {
        let told = self.0.stays.ledger(&self.0.drains, Instant::now());
        Box::pin(std::future::ready(told))
    }
}
