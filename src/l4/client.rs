//! An accepted connection, and what is remembered of it until it ends.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::access_log::ConnectionEntry;
use crate::model::{ForwardEnded, UnixMillis};
use crate::net::Stream;
use crate::net::client_hello::ClientHello;
use crate::net::proxy_protocol::{Ends, Told};
use crate::table::{Backend, Forward, Listener};
use crate::worker::{Arrival, Entered};

use super::worker::Worker;

/// A client's connection. However it ends, it is counted once and has one line in the log.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    /// Dropped before what counts it: who waits for a file descriptor finds it free.
    pub(super) stream: Stream,
    /// Where it came in, and is counted as open.
    pub(super) acceptor: Entered,
    pub(super) peer: SocketAddr,
    /// What a proxy in front said of it.
    pub(super) told: Option<Box<Told>>,
    /// What its TLS hello asks for, where routes depend on it.
    pub(super) hello: Option<Box<ClientHello>>,
    pub(super) started: Instant,
    pub(super) record: Record,
    /// Why it ended; until something else is known, because the process did.
    pub(super) ended: ForwardEnded,
}

/// What the log says at the end.
#[derive(Debug, Default)]
pub(super) struct Record {
    time: Option<UnixMillis>,
    pub(super) forward: Option<Arc<Forward>>,
    pub(super) pool: Option<Arc<str>>,
    pub(super) backend: Option<Arc<Backend>>,
    pub(super) attempts: u32,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) connect: Option<Duration>,
}

impl Client {
    /// Takes an accepted connection over.
    pub(super) fn new(worker: &Rc<Worker>, arrival: Arrival) -> Self {
        let mut client = Self {
            worker: Rc::clone(worker),
            stream: arrival.stream,
            acceptor: arrival.entered,
            peer: arrival.client,
            told: arrival.told,
            hello: arrival.hello,
            started: Instant::now(),
            record: Record::default(),
            ended: ForwardEnded::Shutdown,
        };
        let logs = client.with_listener(|listener| listener.settings.access_log.is_some());
        client.record.time = logs.then(worker.clock);
        client
    }

    /// Looks at its listener as the newest table has it.
    pub(super) fn with_listener<T>(&self, look: impl FnOnce(&Listener) -> T) -> T {
        self.worker
            .with_table(|table, _| self.acceptor.with_listener(table, |listener, _| look(listener)))
    }

    /// Is a line written at the end? What only the line needs is not worth a reference count that
    /// all workers share.
    pub(super) fn is_logged(&self) -> bool {
        self.record.time.is_some()
    }

    /// What a backend is told of it.
    pub(super) fn introduction(&self) -> Told {
        let told = self.told.as_deref().cloned().unwrap_or_default();
        let local = || self.stream.local_address();
        let server = told.ends.map(|ends| ends.server).or_else(local);
        let name = self.hello.as_ref().and_then(|hello| hello.server_name.as_deref());
        let authority = told.authority.or_else(|| name.map(|name| name.as_bytes().into()));
        let ends = server.map(|server| Ends { client: self.peer, server });
        Told { ends, authority, alpn: told.alpn }
    }

    /// Ends it unserved. An orderly end would say that this was all there is.
    pub(super) fn turn_away(mut self, why: ForwardEnded) {
        self.ended = why;
        self.stream.reset_on_close();
    }

    fn log(&self, listener: &Listener, time: UnixMillis) {
        let Some(log) = &listener.settings.access_log else { return };
        let record = &self.record;
        let entry = ConnectionEntry {
            time,
            listener: &listener.settings.name,
            client: self.peer,
            protocol: "tcp",
            server_name: self.hello.as_ref().and_then(|hello| hello.server_name.as_deref()),
            route: record.forward.as_ref().map(|forward| &*forward.policy.name),
            pool: record.pool.as_deref(),
            backend: record.backend.as_ref().map(|backend| &*backend.name),
            attempts: record.attempts,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            total_us: self.started.elapsed().as_micros() as u64,
            connect_us: record.connect.map(|connect| connect.as_micros() as u64),
            ended: self.ended,
        };
        self.worker.log(&log.path, &entry);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.worker.counters().forwarded[self.ended as usize].add(1);
        if let Some(time) = self.record.time {
            self.with_listener(|listener| self.log(listener, time));
        }
    }
}
