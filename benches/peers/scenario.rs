//! What is asked of every proxy.

use crate::rig::backend::{LARGE, MEDIUM, Page, SMALL};

/// One kind of work.
pub(crate) struct Scenario {
    /// Its name in tables, raw data and `--only`.
    pub(crate) name: &'static str,
    /// One line for the reader.
    pub(crate) what: &'static str,
    /// Connections of the load, one request in flight on each.
    pub(crate) connections: usize,
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
        page: SMALL,
        close: false,
        large_buffers: false,
    },
    Scenario {
        name: "small-1",
        what: "128-byte answers, one kept-alive connection",
        connections: 1,
        page: SMALL,
        close: false,
        large_buffers: false,
    },
    Scenario {
        name: "small-2000",
        what: "128-byte answers, 2,000 kept-alive connections",
        connections: 2_000,
        page: SMALL,
        close: false,
        large_buffers: false,
    },
    Scenario {
        name: "10k-64",
        what: "10 KiB bodies, 64 kept-alive connections",
        connections: 64,
        page: MEDIUM,
        close: false,
        large_buffers: true,
    },
    Scenario {
        name: "1m-16",
        what: "1 MiB bodies, 16 kept-alive connections",
        connections: 16,
        page: LARGE,
        close: false,
        large_buffers: true,
    },
    Scenario {
        name: "close-64",
        what: "128-byte answers, a new connection per request, 64 at a time",
        connections: 64,
        page: SMALL,
        close: true,
        large_buffers: false,
    },
];

/// One worker against two, both free to use both cores; the load takes its share of core 1, so
/// only CPU per request means anything here.
pub(crate) const TWO_WORKERS: Scenario = Scenario {
    name: "workers",
    what: "as small-64, one worker (w1) and two (w2) on both cores, shared with the load",
    connections: 64,
    page: SMALL,
    close: false,
    large_buffers: false,
};
