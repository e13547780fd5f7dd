//! A quiet span of full load, then one of the same length with a storm: what differs is the storm's.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep, sleep_until};

use crate::report::Span;
use crate::rig::backend::SMALL;
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
        streams: 1,
        page: SMALL,
        protocol: "http",
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
