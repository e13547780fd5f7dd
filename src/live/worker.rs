//! What is counted per worker and belongs to no backend or listener.

use super::{Counter, Gauge};
use crate::model::{
    BadProxyHeader, BadRequest, BadResponse, Coding, DatagramDropped, Ended, ForwardEnded,
    Http2Abuse, SlowClient, TlsFailure,
};

/// A worker's own counters.
#[derive(Debug)]
pub struct WorkerCounters {
    /// Requests refused, indexed by [`BadRequest`].
    pub bad_requests: Box<[Counter]>,
    /// Responses refused, indexed by [`BadResponse`].
    pub bad_responses: Box<[Counter]>,
    /// Exchanges by how they ended, indexed by [`Ended`].
    pub ended: Box<[Counter]>,
    /// PROXY protocol headers refused, indexed by [`BadProxyHeader`].
    pub bad_proxy_headers: Box<[Counter]>,
    /// TLS handshakes that ended in an agreement.
    pub tls_handshakes: Counter,
    /// Those that did not, indexed by [`TlsFailure`].
    pub tls_failures: Box<[Counter]>,
    /// HTTP/2 connections closed for what they sent too much of, indexed by [`Http2Abuse`].
    pub http2_abuses: Box<[Counter]>,
    /// Answers compressed, indexed by [`Coding`].
    pub compressed: Box<[Counter]>,
    /// Forwarded connections by how they ended, indexed by [`ForwardEnded`].
    pub forwarded: Box<[Counter]>,
    /// Datagrams dropped, indexed by [`DatagramDropped`].
    pub dropped_datagrams: Box<[Counter]>,
    /// Idle upstream connections kept.
    pub pooled: Gauge,
    /// Bytes of buffers in use.
    pub buffers: Gauge,
    /// Kept upstream connections that were closed by the backend or sent surplus bytes.
    pub pooled_stale: Counter,
    /// Clients that were too slow, indexed by [`SlowClient`].
    pub slow_clients: Box<[Counter]>,
    /// Access-log lines dropped because the writer could not keep up.
    pub log_dropped: Counter,
}

impl Default for WorkerCounters {
    fn default() -> Self {
        let counters = |n: usize| (0..n).map(|_| Counter::default()).collect();
        Self {
            bad_requests: counters(BadRequest::ALL.len()),
            bad_responses: counters(BadResponse::ALL.len()),
            ended: counters(Ended::ALL.len()),
            bad_proxy_headers: counters(BadProxyHeader::ALL.len()),
            tls_handshakes: Counter::default(),
            tls_failures: counters(TlsFailure::ALL.len()),
            http2_abuses: counters(Http2Abuse::ALL.len()),
            compressed: counters(Coding::ALL.len()),
            forwarded: counters(ForwardEnded::ALL.len()),
            dropped_datagrams: counters(DatagramDropped::ALL.len()),
            pooled: Gauge::default(),
            buffers: Gauge::default(),
            pooled_stale: Counter::default(),
            slow_clients: counters(SlowClient::ALL.len()),
            log_dropped: Counter::default(),
        }
    }
}
