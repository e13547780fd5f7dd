//! What is remembered of a request until its end: for the access log, and for the counters.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use crate::access_log::Entry;
use crate::model::{Ended, UnixMillis};
use crate::table::{Backend, Listener, Route};

use super::version::Version;
use super::worker::Worker;

/// The texts of a request that the log shows, copied because the request's buffer moves on. Only
/// made where a log is kept.
#[derive(Debug)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    ends: [usize; 5],
    has_agent: bool,
    time: UnixMillis,
    client: SocketAddr,
    version: Version,
}

/// The parts of a request that are logged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged<'a> {
    pub(crate) time: UnixMillis,
    pub(crate) client: SocketAddr,
    pub(crate) version: Version,
    pub(crate) id: &'a [u8],
    pub(crate) method: &'a [u8],
    pub(crate) host: &'a [u8],
    pub(crate) path: &'a [u8],
    pub(crate) agent: Option<&'a [u8]>,
}

impl Logged<'_> {
    /// Of a head that could not be read.
    pub(crate) fn unreadable(time: UnixMillis, client: SocketAddr) -> Self {
        let version = Version::Http11;
        Self { time, client, version, id: b"", method: b"", host: b"", path: b"", agent: None }
    }
}

impl Texts {
    pub(crate) fn new(mut bytes: Vec<u8>, logged: &Logged<'_>) -> Self {
        bytes.clear();
        let mut ends = [0; 5];
        let agent = logged.agent.unwrap_or_default();
        let parts = [logged.id, logged.method, logged.host, logged.path, agent];
        for (part, end) in parts.into_iter().zip(&mut ends) {
            bytes.extend_from_slice(part);
            *end = bytes.len();
        }
        let has_agent = logged.agent.is_some();
        let Logged { time, client, version, .. } = *logged;
        Self { bytes, ends, has_agent, time, client, version }
    }

    fn part(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }
}

/// An exchange as it comes along.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) started: Instant,
    pub(crate) texts: Option<Texts>,
    pub(crate) route: Option<Arc<Route>>,
    pub(crate) pool: Option<Arc<str>>,
    pub(crate) backend: Option<Arc<Backend>>,
    pub(crate) status: u16,
    pub(crate) attempts: u32,
    /// Why the try before the last one ended.
    pub(crate) retried_after: Option<Ended>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) connect_us: Option<u64>,
    pub(crate) first_byte_us: Option<u64>,
    /// How long it waited for a place.
    pub(crate) queued_us: Option<u64>,
}

impl Record {
    pub(crate) fn new(started: Instant) -> Self {
        Self {
            started,
            texts: None,
            route: None,
            pool: None,
            backend: None,
            status: 0,
            attempts: 0,
            retried_after: None,
            bytes_in: 0,
            bytes_out: 0,
            connect_us: None,
            first_byte_us: None,
            queued_us: None,
        }
    }

    /// Is a line written at the end? What only the line needs is not worth a reference count that
    /// all workers share.
    pub(crate) fn is_logged(&self) -> bool {
        self.texts.is_some()
    }

    /// Counts the exchange and writes its log line.
    pub(crate) fn finish(
        &mut self,
        worker: &Rc<Worker>,
        listener: &Listener,
        socket: usize,
        ended: Ended,
    ) {
        let counters = listener.sockets[socket].worker(worker.index);
        match usize::from(self.status / 100).checked_sub(1).and_then(|i| counters.responses.get(i))
        {
            Some(class) => class.add(1),
            None => counters.unanswered.add(1),
        }
        worker.counters().ended[ended as usize].add(1);
        let Some(texts) = &self.texts else { return };
        let entry = Entry {
            time: texts.time,
            listener: &listener.settings.name,
            client: texts.client,
            request_id: texts.part(0),
            method: texts.part(1),
            host: texts.part(2),
            path: texts.part(3),
            protocol: texts.version.name(),
            route: self.route.as_ref().map(|route| &*route.policy.name),
            pool: self.pool.as_deref(),
            backend: self.backend.as_ref().map(|backend| &*backend.name),
            status: self.status,
            attempts: self.attempts,
            retried_after: self.retried_after,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            total_us: self.started.elapsed().as_micros() as u64,
            connect_us: self.connect_us,
            first_byte_us: self.first_byte_us,
            queued_us: self.queued_us,
            ended,
            user_agent: texts.has_agent.then(|| texts.part(4)),
        };
        if let Some(log) = &listener.settings.access_log {
            worker.log(&log.path, &entry);
        }
        if let Some(texts) = self.texts.take() {
            worker.buffers.put_vec(texts.bytes);
        }
    }
}
