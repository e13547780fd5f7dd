//! Backends that speak HTTP/2: how requests share connections, and what passes both ways.

mod calls;
mod ends;
mod grounds;
mod grpcio;
mod messages;
mod trunks;

use crate::harness::{Client, Frames, Pulsegate, Setup, Site};

/// A pool of `protocol: h2`, with these keys of its own.
fn setup(http2: &str) -> Setup {
    Setup::default().pool("protocol: h2").pool(&format!("http2: {{ {http2} }}"))
}

/// One with a scripted backend.
fn site(http2: &str) -> Site {
    setup(http2).start()
}

/// A client of it that speaks HTTP/2.
fn client(site: &Site) -> Frames {
    Frames::connect(site.proxy.address("web"))
}

/// The next connection to its backend.
fn trunk(site: &Site) -> Frames {
    Frames::accept(site.accept(), &[])
}

/// The sum of a metric's lines that begin so.
fn metric(proxy: &Pulsegate, start: &str) -> u64 {
    let metrics = Client::connect(proxy.admin()).admin("/metrics").text();
    let lines = metrics.lines().filter(|line| line.starts_with(start));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}
