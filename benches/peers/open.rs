//! As many connections as the limit on open files allows, all in use: does memory stay flat?
//!
//! A proxy that forwards bytes holds two sockets for each client, as this process does with its two
//! ends, so half the limit can be open at once.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, getrlimit};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::idle;
use crate::report::Report;
use crate::rig::backend::SMALL;
use crate::rig::exchange::{exchange, request};
use crate::rig::process::PROXY_CORE;
use crate::rig::proxy::{Proxy, Recipe, Task};
use crate::rig::results::say;
use crate::rig::scratch::Scratch;
use crate::rig::wire::{Dial, Wire};

/// Sockets that are asked for, both sides counted.
const SOCKETS: usize = 20_000;
/// Files that the processes need for themselves.
const OTHER_FILES: usize = 300;
/// Exchanges on each connection between the first reading and the last.
const EXCHANGES: usize = 10;
/// Connections with an exchange under way at once.
const AT_ONCE: usize = 256;
const SETTLE: Duration = Duration::from_millis(500);

/// What was read of one proxy.
pub(crate) struct Open {
    /// Client connections, each with one to the backend.
    pub(crate) pairs: usize,
    /// Resident KiB once all were open and had one exchange.
    pub(crate) first_kib: u64,
    /// And after all the exchanges.
    pub(crate) last_kib: u64,
}

/// Measures every proxy once.
pub(crate) async fn measure(
    recipes: &[Recipe],
    upstream: SocketAddr,
    report: &mut Report,
) -> Result<()> {
    let limit = getrlimit(Resource::Nofile).current.map_or(SOCKETS, |limit| limit as usize);
    let files = limit.min(SOCKETS).checked_sub(OTHER_FILES);
    let pairs = files.context("the limit on open files is too low")? / 2;
    say(&format!("open: {pairs} pairs of connections, {EXCHANGES} exchanges on each"))?;
    let backends = &[upstream];
    let task = Task { backends, workers: 1, cores: PROXY_CORE, checks: true, protocol: "tcp" };
    for recipe in recipes {
        let proxy = Proxy::start(recipe, task).await?;
        let open = once(&proxy, pairs).await.with_context(|| recipe.name)?;
        let Open { first_kib, last_kib, .. } = open;
        say(&format!("  {:14} {first_kib} KiB at first, {last_kib} KiB at last", recipe.name))?;
        report.open(recipe.name, open);
    }
    Ok(())
}

async fn once(proxy: &Proxy, pairs: usize) -> Result<Open> {
    let mut streams = opened(proxy.address, pairs).await?;
    sleep(SETTLE).await;
    let first_kib = proxy.process.resident_kib();
    for _ in 0..EXCHANGES {
        streams = in_use(streams).await?;
    }
    sleep(SETTLE).await;
    let last_kib = proxy.process.resident_kib();
    Ok(Open { pairs: streams.len(), first_kib, last_kib })
}

/// So many connections, each after one exchange.
async fn opened(target: SocketAddr, count: usize) -> Result<Vec<Wire>> {
    let mut tasks = JoinSet::new();
    for task in 0..AT_ONCE {
        let part = count / AT_ONCE + usize::from(task < count % AT_ONCE);
        tasks.spawn_local(async move { idle::open(target, &Dial::new("tcp")?, part).await });
    }
    all(tasks).await
}

/// One exchange on each connection, many at once.
async fn in_use(streams: Vec<Wire>) -> Result<Vec<Wire>> {
    let scratch = Scratch::new();
    let mut tasks = JoinSet::new();
    let part = streams.len().div_ceil(AT_ONCE);
    let mut streams = streams.into_iter().peekable();
    while streams.peek().is_some() {
        let (mut part, scratch) =
            (streams.by_ref().take(part).collect::<Vec<_>>(), scratch.clone());
        tasks.spawn_local(async move {
            let request = request(SMALL, false);
            for stream in &mut part {
                let done = exchange(stream, &scratch, &request, SMALL.length).await;
                ensure!(done == Ok(false), "an exchange failed: {done:?}");
            }
            Ok(part)
        });
    }
    all(tasks).await
}

/// What all tasks bring back.
async fn all(mut tasks: JoinSet<Result<Vec<Wire>>>) -> Result<Vec<Wire>> {
    let mut back = Vec::new();
    while let Some(part) = tasks.join_next().await {
        back.extend(part??);
    }
    Ok(back)
}
