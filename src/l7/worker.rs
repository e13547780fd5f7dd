//! The part of a worker that speaks HTTP.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use crate::config::{self, Protocol};
use crate::live::Drain;
use crate::table::Table;
use crate::worker::{self, Arrival, Plane};

use super::caller::Caller;
use super::client::IdlePool;
use super::client::http2::Trunks;
use super::http1::Connection;
use super::http2;
use super::leaving;
use super::request_id::RequestIds;
use super::seat::Seats;
use super::waits::Waits;

/// Tells whether this node wants traffic.
#[derive(Clone)]
pub struct Readiness(pub Arc<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Readiness").field(&(self.0)()).finish()
    }
}

/// Serves HTTP listeners on a worker.
#[derive(Debug)]
pub struct Http(Rc<Worker>);

/// What all HTTP connections on a worker's thread share.
#[derive(Debug)]
pub(crate) struct Worker {
    /// What they share with all others.
    core: Rc<worker::Worker>,
    pub(crate) idle: IdlePool,
    pub(crate) trunks: Trunks,
    pub(crate) waits: Waits,
    /// Tasks for connections of HTTP/1.1.
    pub(crate) connections: Seats<Connection>,
    /// Tasks for streams of HTTP/2.
    pub(crate) streams: Seats<http2::Stream>,
    pub(crate) ids: RequestIds,
    /// Connections that wait for their next request without having let go of their task's memory.
    pub(crate) lingering: Cell<usize>,
    pub(crate) scratch: RefCell<Scratch>,
    /// Answers that are compressed now.
    pub(crate) compressing: Cell<usize>,
    ready: Readiness,
}

/// Texts that are made for each request and needed only while it is routed.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) authority: String,
}

impl Deref for Worker {
    type Target = Rc<worker::Worker>;

    fn deref(&self) -> &Self::Target {
        &self.core
    }
}

impl Worker {
    /// Does this node want traffic?
    pub(crate) fn is_ready(&self) -> bool {
        (self.ready.0)() && !self.closing.get()
    }

    /// Tells requests that wait on a backend which is down now.
    fn call_the_stranded(&self, table: &Table) {
        // Almost always nobody waits on a backend that gets no traffic, and nothing is searched.
        if self.waits.any(|backend| !self.idle.takes(backend)) {
            for backend in table.down() {
                self.waits.call(backend.live.id, &self.timers);
            }
        }
    }
}

impl Http {
    /// For this worker. `ready` is what `respond: ready` answers by; `seed` is a random number,
    /// different for each worker.
    #[must_use]
    pub fn new(core: &Rc<worker::Worker>, ready: Readiness, seed: u64) -> Self {
        Self(Rc::new(Worker {
            core: Rc::clone(core),
            idle: IdlePool::default(),
            trunks: Trunks::default(),
            waits: Waits::default(),
            connections: Seats::default(),
            streams: Seats::default(),
            ids: RequestIds::new(seed),
            lingering: Cell::new(0),
            scratch: RefCell::default(),
            compressing: Cell::new(0),
            ready,
        }))
    }
}

impl Plane for Http {
    fn serves(&self, listener: &config::Listener, sealed: bool) -> bool {
        matches!(listener.protocol, Protocol::Http) && !sealed
    }

    fn serve(&self, arrival: Arrival) {
        let Arrival { stream, client, entered, .. } = arrival;
        let caller = Caller { worker: Rc::clone(&self.0), acceptor: entered, peer: client };
        if stream.speaks_http2() {
            http2::serve(caller, stream, None);
        } else {
            self.0.connections.serve(Connection::new(caller, stream));
        }
    }

    /// Idle connections to backends that take no more traffic wait for nobody.
    fn follow(&self, table: &Table) {
        let zones = || table.pools().flat_map(|pool| &pool.zones);
        let taking = || zones().flat_map(|zone| zone.taking());
        self.0.idle.retain(taking().map(|backend| backend.live.id));
        let shared = taking().filter(|backend| backend.http2.is_some());
        self.0.trunks.retain(shared.map(|backend| backend.live.id));
        self.0.call_the_stranded(table);
        leaving::follow(&self.0);
    }

    fn ledger(&self) -> Pin<Box<dyn Future<Output = Vec<Drain>> + '_>> {
        Box::pin(leaving::ledger(&self.0))
    }

    fn sweep(&self) {
        let now = Instant::now();
        self.0.idle.sweep(now);
        self.0.trunks.sweep(now);
    }

    fn count(&self) {
        leaving::tick(&self.0, Instant::now());
        let counters = self.0.counters();
        let pooled = self.0.idle.len() + self.0.trunks.idle();
        counters.pooled.add(pooled as i64 - counters.pooled.get());
        counters.pooled_stale.add(self.0.idle.take_stale());
    }
}
