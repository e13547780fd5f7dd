//! A backend's counters and its in-flight count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crossbeam_utils::CachePadded;

use super::{Counter, Histogram, Places};
use crate::model::BackendKey;

/// What is counted about one backend, by one worker.
#[derive(Debug, Default)]
pub struct BackendCounters {
    /// Tries sent.
    pub requests: Counter,
    /// Connections opened.
    pub connects: Counter,
    /// Connections that could not be opened.
    pub connect_failures: Counter,
    /// Opened connections on which there was no agreement by TLS.
    pub tls_failures: Counter,
    /// Tries on a kept connection.
    pub reused: Counter,
    /// Connections that closed or reset before a response.
    pub resets: Counter,
    /// Responses that did not begin in time.
    pub timeouts: Counter,
    /// Responses refused as malformed or truncated.
    pub bad_responses: Counter,
    /// Tries that were followed by another try.
    pub retries: Counter,
    /// Tries that were taken elsewhere because the backend went down.
    pub rescues: Counter,
    /// Final responses by class, index 0 = 1xx (`101`) … 4 = 5xx.
    pub responses: [Counter; 5],
    /// Body bytes sent to the backend.
    pub bytes_sent: Counter,
    /// Body bytes received from it.
    pub bytes_received: Counter,
    /// From the request sent to the response head.
    pub latency: Histogram,
}

/// A backend as it lives across tables.
#[derive(Debug)]
pub struct Backend {
    /// Its identity.
    pub key: BackendKey,
    /// A number no other backend of this process ever had.
    pub id: u64,
    in_flight: CachePadded<AtomicU32>,
    /// Connections, where their number is limited.
    pub connections: Arc<Places>,
    /// Requests, where their number is limited.
    pub requests: Arc<Places>,
    workers: Box<[CachePadded<BackendCounters>]>,
}

impl Backend {
    pub(super) fn new(key: BackendKey, id: u64, workers: usize) -> Self {
        let workers = (0..workers).map(|_| CachePadded::default()).collect();
        let (connections, requests) = Default::default();
        Self { key, id, in_flight: CachePadded::default(), connections, requests, workers }
    }

    /// The counters that worker `index` writes.
    #[must_use]
    pub fn worker(&self, index: usize) -> &BackendCounters {
        &self.workers[index]
    }

    /// All workers' counters, to be summed by a reader.
    pub fn workers(&self) -> impl Iterator<Item = &BackendCounters> {
        self.workers.iter().map(|padded| &**padded)
    }

    /// Requests in flight, over all workers.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Counts a request in; returns the level before.
    pub fn enter(&self) -> u32 {
        self.in_flight.fetch_add(1, Relaxed)
    }

    /// Counts a request out.
    pub fn leave(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }
}
