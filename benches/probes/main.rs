//! What does it cost to ask a thousand backends as often as the defaults say?
//!
//! One command, `cargo bench --bench probes`: a thousand addresses of loopback answer HTTP on one
//! core, Pulsegate probes all of them on four layers from another, and its CPU time by thread, its
//! results by layer, the sockets it holds and the ports it leaves in TIME_WAIT are counted every
//! second. No request is proxied meanwhile, so all that the process does is probe and judge. Then
//! the whole process is stopped for half a second: it must neither hold that against the backends
//! nor stay behind. Raw data and a table go to `benches/runs/<date>-<host>/probes/`.
//!
//! The command fails if a probe does, if fewer are sent than asked for, or if a core is not enough.

#[path = "../rig/crowd.rs"]
mod crowd;
mod report;
#[expect(dead_code, reason = "this benchmark proxies nothing and needs a part of the rig")]
#[path = "../rig/mod.rs"]
mod rig;
mod scrape;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use rustix::process::Signal;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout};

use report::{Report, Second};
use rig::process::{self, PROXY_CORE, Process};
use rig::proxy::free_address;
use rig::results::{Results, ResultsArgs, say};
use scrape::Counts;

/// For connections learnt, verdicts reached and the first second's crowd to pass.
const WARM_UP: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);
/// How long the process is stopped.
const PAUSE: Duration = Duration::from_millis(500);
/// What it has to catch up afterwards.
const CATCH_UP: Duration = Duration::from_secs(2);
/// Seconds measured then.
const AFTERWARDS: u32 = 3;
/// A prober that never answers is no result; this long beyond what is measured is enough to know.
const PATIENCE: Duration = Duration::from_secs(30);
/// What addresses there are in 127.1.0.0/16, in rows of 250.
const BACKENDS_MAX: usize = 60_000;

#[derive(Parser)]
#[command(about = "Probes a thousand backends on four layers and counts what that costs")]
struct Args {
    /// Backends asked
    #[arg(long, default_value_t = 1000)]
    backends: usize,
    /// Seconds measured
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    #[command(flatten)]
    results: ResultsArgs,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// This process is already on the backends' core
    #[arg(long, hide = true)]
    pinned: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if !args.pinned {
        return process::pin();
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, probe(&args))
}

async fn probe(args: &Args) -> Result<()> {
    ensure!((1..=BACKENDS_MAX).contains(&args.backends), "1 to {BACKENDS_MAX} backends");
    ensure!(args.seconds > 0, "at least a second");
    let addresses = crowd::serve_addresses(args.backends)?;
    let dir = tempfile::tempdir()?;
    let admin = free_address()?;
    let config = dir.path().join("pulsegate.yaml");
    std::fs::write(&config, text(&addresses, admin, dir.path())?)?;
    let command: [OsString; 4] =
        [env!("CARGO_BIN_EXE_pulsegate").into(), "run".into(), "--config".into(), config.into()];
    let log = dir.path().join("log");
    let mut pulsegate = Process::start("pulsegate", PROXY_CORE, &command, &log)?;
    pulsegate.listening(admin).await?;
    sleep(WARM_UP).await;
    let limit = SECOND * args.seconds + PATIENCE;
    let measured = timeout(limit, measured(args, &pulsegate, admin));
    let report = measured.await.context("it does not say what it did")??;
    drop(pulsegate);
    let results = Results::create(&args.results, "probes")?;
    let text = report.readme();
    results.write("raw.csv", &report.csv())?;
    results.write("README.md", &text)?;
    say(&format!("{text}\nwritten to {}", results.dir().display()))?;
    let missed = report.missed();
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

async fn measured(args: &Args, pulsegate: &Process, admin: SocketAddr) -> Result<Report> {
    let seconds = measure(args.seconds, pulsegate, admin).await?;
    let before = Counts::take(pulsegate, admin).await?;
    pulsegate.signal(Signal::STOP)?;
    sleep(PAUSE).await;
    pulsegate.signal(Signal::CONT)?;
    sleep(CATCH_UP).await;
    let afterwards = measure(AFTERWARDS, pulsegate, admin).await?;
    let pause = Counts::take(pulsegate, admin).await?.since(&before);
    Ok(Report { backends: args.backends, seconds, afterwards, pause })
}

async fn measure(count: u32, pulsegate: &Process, admin: SocketAddr) -> Result<Vec<Second>> {
    let mut seconds = Vec::new();
    let mut before = Counts::take(pulsegate, admin).await?;
    let mut began = Instant::now();
    for _ in 0..count {
        sleep(SECOND).await;
        let (now, ended) = (Counts::take(pulsegate, admin).await?, Instant::now());
        seconds.push(Second::between(&before, &now, ended - began));
        (before, began) = (now, ended);
    }
    Ok(seconds)
}

/// Four layers at their defaults: ten connects a second, two minimal requests, one request of each
/// of two endpoints, and a transaction of two requests every five seconds.
fn text(addresses: &[SocketAddr], admin: SocketAddr, dir: &Path) -> Result<String> {
    let mut backends = String::new();
    for address in addresses {
        writeln!(backends, "      - {address}")?;
    }
    Ok(format!(
        "version: 1
listeners: {{ web: {{ bind: 127.0.0.1:0, access_log: off, pool: site }} }}
pools:
  site:
    backends:
{backends}    health:
      network: {{}}
      process: {{}}
      application: {{ endpoints: [ /health, /ready ] }}
      business: {{ transaction: [ {{ get: /login }}, {{ get: /cart }} ] }}
admin: {{ bind: {admin}, socket: {}/admin.sock }}
workers: 1
",
        dir.display()
    ))
}
