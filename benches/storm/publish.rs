//! Ten thousand tables published under full load.
//!
//! Control never publishes so often (it merges bursts), so this drives what is below it: a child
//! process with the data plane as it is shipped and, in place of control, a loop that takes another
//! one of a thousand backends out and the last one back in, builds the table from the one before, and
//! publishes it. That is the work of a health change, 1,667 times a second.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use crate::Args;
use crate::pair::{BACKENDS, SPAN, measure};
use crate::plane::Plane;
use crate::report::Report;
use crate::rig::process::PROXY_CORE;
use crate::rig::proxy::{Proxy, Recipe, Site, Task, pulsegate as binary};
use crate::rig::results::say;

pub(crate) const NAME: &str = "publish";

const PUBLISHES: u64 = 10_000;
/// Tables that fell due since the last look are published in a row.
const TICK: Duration = Duration::from_millis(1);
/// Beyond the span, for the last tables and their freeing.
const LAST: Duration = Duration::from_secs(10);
const REPORTED: &str = "published";

const RECIPE: Recipe = Recipe { name: binary::RECIPE.name, prepare };

/// `rounds` times.
pub(crate) async fn run(args: &Args, addresses: &[SocketAddr], report: &mut Report) -> Result<()> {
    if !args.contenders().any(|recipe| recipe.name == RECIPE.name) {
        return Ok(());
    }
    say(&format!("{NAME}: {PUBLISHES} tables in {} s", SPAN.as_secs()))?;
    let backends = &addresses[..BACKENDS];
    let task = Task { backends, workers: 1, cores: PROXY_CORE, checks: false, protocol: "http" };
    for round in 0..args.rounds {
        let (quiet, storm) = measure(&RECIPE, task, storm).await?;
        say(&format!("  round {}  {:10} {storm}", round + 1, RECIPE.name))?;
        report.pair(NAME, RECIPE.name, round, quiet, storm);
    }
    Ok(())
}

fn prepare(site: &Site<'_>) -> Result<Vec<OsString>> {
    let command = (binary::RECIPE.prepare)(site)?;
    let file = command.into_iter().next_back().context("no file")?;
    Ok(vec![std::env::current_exe()?.into(), NAME.into(), file])
}

/// Lets the child begin, and waits until it tells what it did.
async fn storm(proxy: &Proxy) -> Result<String> {
    proxy.process.signal(Signal::HUP)?;
    let deadline = Instant::now() + SPAN + LAST;
    loop {
        let output = std::fs::read_to_string(proxy.dir.path().join("output"))?;
        if let Some(line) = output.lines().find(|line| line.starts_with(REPORTED)) {
            return Ok(line.to_owned());
        }
        ensure!(Instant::now() < deadline, "the storm does not end: {output}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Is the child: serves, and at SIGHUP publishes.
pub(crate) async fn serve(file: &Path) -> Result<()> {
    let plane = Plane::start(file)?;
    signal(SignalKind::hangup())?.recv().await;
    publish(plane).await
}

/// Publishes at an even rate, frees what nobody holds, and tells how that went.
async fn publish(mut plane: Plane) -> Result<()> {
    let started = Instant::now();
    let mut held_max = 0;
    while plane.published() < PUBLISHES {
        let due = started.elapsed().as_secs_f64() / SPAN.as_secs_f64() * PUBLISHES as f64;
        while plane.published() < PUBLISHES.min(due as u64) {
            held_max = held_max.max(plane.turn());
        }
        sleep(TICK).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    let deadline = Instant::now() + LAST / 2;
    while plane.reap() > 0 && Instant::now() < deadline {
        sleep(TICK).await;
    }
    say(&format!(
        "{REPORTED} {} tables in {seconds:.2} s, {held_max} old ones held at most, {} at the end",
        plane.published(),
        plane.reap()
    ))?;
    // The data plane lives as long as this does.
    std::future::pending().await
}
