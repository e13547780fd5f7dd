//! A quiet span of full load, then one of the same length with a storm: what differs is the storm's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep, sleep_until};

use crate::report::Span;
use crate::rig::backend::{self, SMALL};
use crate::rig::load::{Load, Running};
use crate::rig::proxy::{Proxy, Recipe, Task};

/// The length of either span.
pub(crate) const SPAN: Duration = Duration::from_secs(6);
/// Backends of each table.
pub(crate) const BACKENDS: usize = 1_000;

const CONNECTIONS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_secs(2);
/// For old processes to end and memory to be given back.
const SETTLE: Duration = Duration::from_secs(2);

/// Serves this many addresses of 127.1.0.0/16, all with one port, from this process.
pub(crate) fn serve_addresses(count: usize) -> Result<Vec<SocketAddr>> {
    let port = std::net::TcpListener::bind("127.1.255.254:0")?.local_addr()?.port();
    let addresses: Vec<_> = (0..count)
        .map(|n| {
            let ip = Ipv4Addr::new(127, 1, (n / 250) as u8, (n % 250 + 1) as u8);
            SocketAddr::new(IpAddr::V4(ip), port)
        })
        .collect();
    let listeners = addresses.iter().map(|address| backend::bind(*address));
    backend::serve(listeners.collect::<Result<_, _>>().context("cannot bind the backends")?);
    Ok(addresses)
}

/// Starts a proxy and lets `storm` have it for the second span; what it returns is noted.
pub(crate) async fn measure(
    recipe: &Recipe,
    task: Task<'_>,
    storm: impl AsyncFnOnce(&Proxy) -> Result<String>,
) -> Result<(Span, Span)> {
    let proxy = Proxy::start(recipe, task).await?;
    let running = Running::start(&Load {
        target: proxy.address,
        connections: CONNECTIONS,
        page: SMALL,
        close: false,
        patience: Some(PATIENCE),
    })?;
    sleep(WARM_UP).await;
    let resident = || proxy.process.resident_kib();

    let before = resident();
    running.reset();
    sleep(SPAN).await;
    let quiet =
        Span { tally: running.tally(), resident_kib: [before, resident()], notes: String::new() };

    let before = resident();
    running.reset();
    let end = Instant::now() + SPAN;
    let notes = storm(&proxy).await?;
    // Time left of the span is load without storm; a storm that takes longer is measured longer.
    sleep_until(end).await;
    let tally = running.tally();
    sleep(SETTLE).await;
    let storm = Span { tally, resident_kib: [before, resident()], notes };
    running.stop().await;
    Ok((quiet, storm))
}
