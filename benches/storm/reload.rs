//! Reloads of the whole file under full load.
//!
//! Two files alternate, each with a thousand backends of which a hundred are not in the other, so
//! every reload really replaces something.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use crate::Args;
use crate::pair::{BACKENDS, SPAN, measure};
use crate::report::Report;
use crate::rig::process::PROXY_CORE;
use crate::rig::proxy::{Proxy, Recipe, Site, Task, haproxy, pulsegate};
use crate::rig::results::say;

pub(crate) const NAME: &str = "reload";

/// Backends that only one of the two files has.
pub(crate) const CHANGED: usize = 100;
/// Reloads in each span.
const RELOADS: u32 = 30;
/// Spans in a row. Memory is read after each: the first reloads need room beside the running table,
/// the later ones must find it.
const SPANS: u32 = 3;
const ADMIN_LIMIT: Duration = Duration::from_secs(2);

/// Every contender, `rounds` times, interleaved.
pub(crate) async fn run(args: &Args, addresses: &[SocketAddr], report: &mut Report) -> Result<()> {
    say(&format!("{NAME}: {RELOADS} reloads in {} s, {SPANS} times", SPAN.as_secs()))?;
    let files = [&addresses[..BACKENDS], &addresses[CHANGED..]];
    let (backends, checks) = (files[0], args.checks);
    let task = Task { backends, workers: 1, cores: PROXY_CORE, checks, protocol: "http" };
    for round in 0..args.rounds {
        for recipe in args.contenders() {
            let storm = async |proxy: &Proxy| reloads(recipe, proxy, task, files).await;
            let (quiet, storm) = measure(recipe, task, storm).await?;
            say(&format!("  round {}  {:10} {storm}", round + 1, recipe.name))?;
            report.pair(NAME, recipe.name, round, quiet, storm);
        }
    }
    Ok(())
}

async fn reloads(
    recipe: &Recipe,
    proxy: &Proxy,
    task: Task<'_>,
    files: [&[SocketAddr]; 2],
) -> Result<String> {
    let is_pulsegate = recipe.name == pulsegate::RECIPE.name;
    let first = if is_pulsegate { generation(proxy).await? } else { 0 };
    let mut notes = "MiB after".to_owned();
    for n in 0..SPANS * RELOADS {
        let backends = files[(n as usize + 1) % 2];
        reload(recipe, proxy, Task { backends, ..task })?;
        sleep(SPAN / RELOADS).await;
        if (n + 1).is_multiple_of(RELOADS) {
            let mib = proxy.process.resident_kib() as f64 / 1024.0;
            write!(notes, " {}: {mib:.1},", n + 1)?;
        }
    }
    if is_pulsegate {
        write!(notes, " {} tables published", generation(proxy).await? - first)?;
    }
    Ok(notes)
}

/// Writes the other file and tells the proxy.
fn reload(recipe: &Recipe, proxy: &Proxy, task: Task<'_>) -> Result<()> {
    (recipe.prepare)(&Site { task, dir: proxy.dir.path(), listen: proxy.address })?;
    // HAProxy's master reloads at USR2; HUP is for a dump of its servers.
    let signal = if recipe.name == haproxy::RECIPE.name { Signal::USR2 } else { Signal::HUP };
    proxy.process.signal(signal)
}

/// The number of tables Pulsegate has published: proof that it did reload.
async fn generation(proxy: &Proxy) -> Result<u64> {
    let mut admin = UnixStream::connect(proxy.dir.path().join(pulsegate::ADMIN_SOCKET)).await?;
    let request = "GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    admin.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    timeout(ADMIN_LIMIT, admin.read_to_string(&mut answer)).await??;
    let (_, rest) = answer.split_once("\"generation\":").context("no generation in /status")?;
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    Ok(digits.parse()?)
}
