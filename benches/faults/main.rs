//! How soon does a backend that fails stop hurting anybody?
//!
//! One command, `cargo bench --bench faults`, starts Pulsegate with its shipped cadences over backends
//! that are processes, and takes some of them down in each way that only one layer can see: killed,
//! stopped, answering 500, answering wrongly. `detect` measures from the fault to the table without
//! the backend; `stall` stops one of four backends under load for five seconds and counts what the
//! clients notice, with a tuned HAProxy as the peer. Raw data and tables go to
//! `benches/runs/<date>-<host>/faults/`.
//!
//! The command fails if a figure misses its bound.

mod backend;
mod detect;
mod report;
#[expect(dead_code, reason = "nginx and what only it needs take no part here")]
#[path = "../rig/mod.rs"]
mod rig;
mod sites;
mod stall;
mod status;

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use report::Report;
use rig::process;
use rig::results::{Results, ResultsArgs, say};

#[derive(Parser)]
#[command(about = "Takes backends down and measures how soon nobody is sent there")]
struct Args {
    /// Times each proxy meets the stall
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only these parts (detect, stall)
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    #[command(flatten)]
    results: ResultsArgs,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// This process is already on the load's core
    #[arg(long, hide = true)]
    pinned: bool,
    #[command(subcommand)]
    mode: Option<Mode>,
}

#[derive(Subcommand)]
enum Mode {
    /// Be a backend
    #[command(hide = true)]
    Backend { listen: SocketAddr },
}

impl Args {
    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == part)
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    if args.mode.is_none() && !args.pinned {
        return process::pin();
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        match args.mode {
            Some(Mode::Backend { listen }) => backend::run(listen).await,
            None => faults(&args).await,
        }
    })
}

async fn faults(args: &Args) -> Result<()> {
    let results = Results::create(&args.results, "faults")?;
    let mut report = Report::default();
    if args.wants(detect::NAME) {
        detect::run(&mut report).await?;
    }
    if args.wants(stall::NAME) {
        stall::run(args.rounds, &mut report).await?;
    }
    let text = report.readme();
    results.write("detect.csv", &report.detect_csv())?;
    results.write("stall.csv", &report.stall_csv())?;
    results.write("README.md", &text)?;
    say(&format!("{text}\nwritten to {}", results.dir().display()))?;
    let missed = report.missed();
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}
