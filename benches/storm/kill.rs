//! Backends killed under load and brought back.
//!
//! Four backends, each its own process. Every half second the next one gets SIGKILL, in the middle of
//! whatever it was answering, and is started again a quarter of a second later. Every request is a
//! GET, so every one may be retried: a client should notice nothing.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::Args;
use crate::report::{Report, Span};
use crate::rig::backend::SMALL;
use crate::rig::load::{Load, Running};
use crate::rig::process::{LOAD_CORE, PROXY_CORE, Process};
use crate::rig::proxy::{Proxy, Recipe, Task, free_address};
use crate::rig::results::say;

pub(crate) const NAME: &str = "kill";

const BACKENDS: usize = 4;
const CONNECTIONS: usize = 32;
const KILLS: usize = 20;
/// From a kill to the restart, and from the restart to the next kill.
const HALF: Duration = Duration::from_millis(250);
const WARM_UP: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(2);

/// Every contender, `rounds` times, interleaved.
pub(crate) async fn run(args: &Args, report: &mut Report) -> Result<()> {
    say(&format!("{NAME}: {KILLS} backends killed in {} s", KILLS * 2 * 250 / 1000))?;
    for round in 0..args.rounds {
        for recipe in args.contenders() {
            let span = one(recipe).await?;
            say(&format!("  round {}  {:10} {span}", round + 1, recipe.name))?;
            report.kill(recipe.name, round, span);
        }
    }
    Ok(())
}

async fn one(recipe: &Recipe) -> Result<Span> {
    let dir = TempDir::with_prefix("pulsegate-bench-")?;
    let mut addresses = Vec::new();
    let mut backends = Vec::new();
    for _ in 0..BACKENDS {
        let address = free_address()?;
        backends.push(start(address, &dir).await?);
        addresses.push(address);
    }
    let task = Task {
        backends: &addresses,
        workers: 1,
        cores: PROXY_CORE,
        checks: true,
        protocol: "http",
    };
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
    let before = proxy.process.resident_kib();
    running.reset();
    for n in 0..KILLS {
        let victim = n % BACKENDS;
        backends[victim].signal(Signal::KILL)?;
        sleep(HALF).await;
        backends[victim] = start(addresses[victim], &dir).await?;
        sleep(HALF).await;
    }
    let tally = running.tally();
    let resident_kib = [before, proxy.process.resident_kib()];
    running.stop().await;
    Ok(Span { tally, resident_kib, notes: String::new() })
}

/// Starts this program as a backend.
async fn start(address: SocketAddr, dir: &TempDir) -> Result<Process> {
    let command: Vec<OsString> =
        vec![std::env::current_exe()?.into(), "backend".into(), address.to_string().into()];
    let log = dir.path().join(format!("backend-{}", address.port()));
    let mut process = Process::start("backend", LOAD_CORE, &command, &log)?;
    process.listening(address).await?;
    Ok(process)
}
