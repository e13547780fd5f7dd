//! How long do the slowest wait, at a load the proxy could carry?
//!
//! One command, `cargo bench --bench tail`, asks Pulsegate, nginx and HAProxy at a rate that waits for
//! nobody: half and four fifths of what the slowest of them can do, with one worker and with two, over
//! 64 and over 1,000 connections. Then Pulsegate alone, with and without what must not be felt: reloads,
//! tables swapped every 10 ms, a thousand backends probed, a backend killed every second. Everything
//! comes in interleaved pairs, and a difference counts only beyond what one proxy differs from itself
//! (`pulsegate::bench::measure::Paired`). Latency counts from when a request was due. What was measured
//! while the machine stood still is measured again.
//!
//! `--only` measures a part; its raw data joins what other parts have written before, and the README
//! is made from all of it.

mod alone;
mod bare;
#[path = "../rig/crowd.rs"]
mod crowd;
mod measure;
mod peers;
#[path = "../rig/plane.rs"]
mod plane;
mod report;
#[expect(dead_code, reason = "memory, and percentiles of a closed loop, are for the other two")]
#[path = "../rig/mod.rs"]
mod rig;
mod rows;
mod swap;
mod witness;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use rig::process;
use rig::results::{Results, ResultsArgs, say};
use witness::Witnesses;

#[derive(Parser)]
#[command(about = "Compares latency at a fixed rate, from when requests were due")]
struct Args {
    /// Measurements of each side in each part
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Length of one measurement
    #[arg(long, default_value_t = 0.5)]
    seconds: f64,
    /// Load before each measurement, on the same connections
    #[arg(long, default_value_t = 0.2)]
    warm_up: f64,
    /// Only these parts: w1-64, w1-1000, w2-64, w2-1000, reload, swap, probes, kill, generator
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
    /// Be a data plane whose table is swapped while SIGHUP says so
    #[command(hide = true)]
    Swap { file: PathBuf },
    /// Note when this core stood still
    #[command(hide = true)]
    Witness,
    /// Be a server that answers everything at once
    #[command(hide = true)]
    Echo { listen: std::net::SocketAddr },
}

/// What every part needs.
#[derive(Clone, Copy)]
pub(crate) struct Bench<'a> {
    pub(crate) args: &'a Args,
    pub(crate) results: &'a Results,
    pub(crate) witnesses: &'a Witnesses,
}

impl Args {
    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == part)
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    match args.mode {
        None if !args.pinned => return process::pin(),
        Some(Mode::Witness) => return witness::watch(),
        _ => {}
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        match &args.mode {
            Some(Mode::Swap { file }) => swap::serve(file).await,
            Some(Mode::Echo { listen }) => {
                rig::backend::serve(vec![rig::backend::bind(*listen)?]);
                std::future::pending().await
            }
            Some(Mode::Witness) | None => all(&args).await,
        }
    })
}

async fn all(args: &Args) -> Result<()> {
    let results = Results::create(&args.results, "tail")?;
    let bench = Bench { args, results: &results, witnesses: &Witnesses::start()? };
    peers::generator(&bench).await?;
    peers::run(&bench).await?;
    alone::run(&bench).await?;
    let text = report::readme(&rows::read_all(results.dir())?);
    results.write("README.md", &text)?;
    say(&format!("{text}\nwritten to {}", results.dir().display()))
}
