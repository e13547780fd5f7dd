//! What is asked of every proxy.

use crate::rig::backend::{LARGE, MEDIUM, Page, SMALL};

/// What a question to a resolver or a report of a meter takes.
const DATAGRAM: Page = Page { path: "", length: 64 };

/// One kind of work.
pub(crate) struct Scenario {
    /// Its name in tables, raw data and `--only`.
    pub(crate) name: &'static str,
    /// One line for the reader.
    pub(crate) what: &'static str,
    /// Connections of the load for each worker.
    pub(crate) connections: usize,
    /// Requests in flight on each; more than one only with HTTP/2.
    pub(crate) streams: usize,
    /// What is asked for.
    pub(crate) page: Page,
    /// A new client connection per request.
    pub(crate) close: bool,
    /// The peers with large buffers take part too.
    pub(crate) large_buffers: bool,
}

/// Everything measured with one worker.
pub(crate) const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "small-64",
        what: "128-byte answers, 64 kept-alive connections",
        connections: 64,
        streams: 1,
        page: SMALL,
        close: false,
        large_buffers: false,
    },
    Scenario {
        name: "small-1",
        what: "128-byte answers, one kept-alive connection",
        connections: 1,
        streams: 1,
        page: SMALL,
        close: false,
        large_buffers: false,
    },
    Scenario {
        name: "small-2000",
        what: "128-byte answers, 2,000 kept-alive connections",
        connections: 2_000,
        streams: 1,
        page: SMALL,
        close: false,
        large_buffers: false,
    },
    Scenario {
        name: "10k-64",
        what: "10 KiB bodies, 64 kept-alive connections",
        connections: 64,
        streams: 1,
        page: MEDIUM,
        close: false,
        large_buffers: true,
    },
    Scenario {
        name: "1m-16",
        what: "1 MiB bodies, 16 kept-alive connections",
        connections: 16,
        streams: 1,
        page: LARGE,
        close: false,
        large_buffers: true,
    },
    Scenario {
        name: "close-64",
        what: "128-byte answers, a new connection per request, 64 at a time",
        connections: 64,
        streams: 1,
        page: SMALL,
        close: true,
        large_buffers: false,
    },
];

/// Where bytes are forwarded, datagrams are as well.
pub(crate) const DATAGRAMS: Scenario = Scenario {
    name: "datagrams-64",
    what: "datagrams of 64 bytes, each sent back, 64 flows; a request is two datagrams",
    connections: 64,
    streams: 1,
    page: DATAGRAM,
    close: false,
    large_buffers: false,
};

/// What HTTP/2 is for.
pub(crate) const STREAMS: Scenario = Scenario {
    name: "streams-64",
    what: "128-byte answers, 64 streams at once on 4 connections",
    connections: 4,
    streams: 16,
    page: SMALL,
    close: false,
    large_buffers: false,
};

/// One worker against two on the same core, each with its full load: what a second worker costs by
/// itself, in shared lines of memory, system calls and idle turns.
pub(crate) const WORKERS_ON_ONE_CORE: Scenario = Scenario {
    name: "workers",
    what: "as small-64, one worker (w1) and two (w2) on one core, 64 connections for each worker",
    connections: 64,
    streams: 1,
    page: SMALL,
    close: false,
    large_buffers: false,
};

/// The same on two cores. The second worker shares its core with load and backend, which evict its
/// caches and preempt it: only the comparison with the others means anything here.
pub(crate) const WORKERS_ON_TWO_CORES: Scenario = Scenario {
    name: "workers-2core",
    what: "as workers, but on two cores, of which load and backend need one too",
    connections: 64,
    streams: 1,
    page: SMALL,
    close: false,
    large_buffers: false,
};
