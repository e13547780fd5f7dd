//! What a kept-alive connection costs in memory while nothing happens on it.
//!
//! A fresh proxy each time: one that has been under load holds freed memory that would hide the
//! cost. Every connection has done one request, so lazily made buffers are counted unless given back.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tokio::time::sleep;

use crate::report::Report;
use crate::rig::backend::SMALL;
use crate::rig::exchange::{exchange, request};
use crate::rig::process::PROXY_CORE;
use crate::rig::proxy::{Proxy, Recipe, Task};
use crate::rig::results::say;
use crate::rig::scratch::Scratch;
use crate::rig::wire::{Dial, Wire};

/// Enough that pages and arenas do not matter.
const CONNECTIONS: usize = 8_000;
/// Opened before the first reading, so that what is made once is not counted.
const BEFORE: usize = 64;
const REPEATS: usize = 3;
/// For what a proxy gives back a moment after the last answer.
const SETTLE: Duration = Duration::from_millis(500);

/// Measures every proxy a few times.
pub(crate) async fn measure(
    recipes: &[Recipe],
    upstream: SocketAddr,
    protocol: &'static str,
    report: &mut Report,
) -> Result<()> {
    say(&format!("idle: {CONNECTIONS} kept-alive connections"))?;
    let backends = &[upstream];
    let task = Task { backends, workers: 1, cores: PROXY_CORE, checks: true, protocol };
    for _ in 0..REPEATS {
        for recipe in recipes {
            let proxy = Proxy::start(recipe, task).await?;
            let kib = per_connection(&proxy, &Dial::new(protocol)?).await?;
            say(&format!("  {:14} {kib:.2} KiB per connection", recipe.name))?;
            report.idle(recipe.name, kib);
        }
    }
    Ok(())
}

async fn per_connection(proxy: &Proxy, dial: &Dial) -> Result<f64> {
    let before = open(proxy.address, dial, BEFORE).await?;
    sleep(SETTLE).await;
    let resident_before = proxy.process.resident_kib();
    let held = open(proxy.address, dial, CONNECTIONS).await?;
    sleep(SETTLE).await;
    let grown = proxy.process.resident_kib().saturating_sub(resident_before);
    drop((before, held));
    Ok(grown as f64 / CONNECTIONS as f64)
}

/// Opens connections one after the other, each with one request. Where HTTP is understood one
/// upstream connection serves them all, so it is client connections that are measured; where bytes are
/// forwarded it is pairs of connections.
pub(crate) async fn open(target: SocketAddr, dial: &Dial, count: usize) -> Result<Vec<Wire>> {
    let (request, scratch) = (request(SMALL, false), Scratch::new());
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = dial.connect(target).await?;
        match exchange(&mut stream, &scratch, &request, SMALL.length).await {
            Ok(closes) => ensure!(!closes, "the proxy does not keep the connection"),
            Err(failure) => bail!("a request failed: {failure}"),
        }
        streams.push(stream);
    }
    Ok(streams)
}
