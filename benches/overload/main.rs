//! What do the protections cost while nothing is wrong, and what are they worth when everything is?
//!
//! One command, `cargo bench --bench overload`, measures Pulsegate alone: all protections configured and
//! idle against none, three times what backends can bear, backends that fail half of what they are asked, thousands of clients that
//! dribble, a million keys of a rate limit. `-- chaos --minutes 60` plays backends that fail at random
//! against a load whose every answer is checked. Raw data and tables go to
//! `benches/runs/<date>-<host>/overload/`.
//!
//! The command fails if a figure misses its bound.

mod brownout;
mod chaos;
#[expect(dead_code, reason = "only the total counts here")]
#[path = "../rig/cpu.rs"]
mod cpu;
mod idle;
mod keys;
mod loris;
mod report;
#[expect(dead_code, reason = "the peers and what only they need take no part here")]
#[path = "../rig/mod.rs"]
mod rig;
mod saturation;
mod shed;
mod sites;

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use report::Report;
use rig::process;
use rig::results::{Results, ResultsArgs, say};

#[derive(Parser)]
#[command(about = "Overloads Pulsegate, and measures what its protections cost and are worth")]
struct Args {
    /// Measurements of each side in each part
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Length of one measurement
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Load before each measurement
    #[arg(long, default_value_t = 0.3)]
    warm_up: f64,
    /// Only these parts (idle, shed, brownout, loris, keys)
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
    /// Let backends fail at random
    Chaos {
        /// For so long
        #[arg(long, default_value_t = 60.0)]
        minutes: f64,
        /// All chance comes from it
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

impl Args {
    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == part)
    }

    fn length(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(Mode::Chaos { minutes, seed }) = args.mode {
        let results = Results::create(&args.results, "overload-chaos")?;
        return chaos::run(Duration::from_secs_f64(minutes * 60.0), seed, &results);
    }
    if !args.pinned {
        return process::pin();
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, overload(&args))
}

async fn overload(args: &Args) -> Result<()> {
    let results = Results::create(&args.results, "overload")?;
    let mut report = Report::default();
    if args.wants(idle::NAME) {
        idle::run(args, &mut report).await?;
    }
    if args.wants(shed::NAME) {
        shed::run(args, &mut report).await?;
    }
    if args.wants(brownout::NAME) {
        brownout::run(args, &mut report).await?;
    }
    if args.wants(loris::NAME) {
        loris::run(args, &mut report).await?;
    }
    if args.wants(keys::NAME) {
        keys::run(args, &mut report).await?;
    }
    results.write("rounds.csv", &report.csv())?;
    let text = report.readme();
    results.write("README.md", &text)?;
    say(&format!("{text}\nwritten to {}", results.dir().display()))?;
    let missed = report.missed();
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}
