//! What do clients notice when everything behind the proxy changes at once?
//!
//! One command, `cargo bench --bench storm`, does three things to a proxy under load and counts what
//! its clients see: `reload` gives it another file with a thousand backends thirty times in six
//! seconds, `publish` replaces a table of a thousand backends ten thousand times, `kill` takes backends down with SIGKILL and brings them back. nginx and HAProxy meet the
//! same storms. Raw data and tables go to `benches/runs/<date>-<host>/storm/`.
//!
//! The command fails if Pulsegate fails a request.

#[path = "../rig/crowd.rs"]
mod crowd;
mod kill;
mod pair;
#[path = "../rig/plane.rs"]
mod plane;
mod publish;
mod reload;
mod report;
#[path = "../rig/mod.rs"]
mod rig;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use report::Report;
use rig::proxy::{Recipe, haproxy, nginx, pulsegate};
use rig::results::{Results, ResultsArgs, say};
use rig::{backend, process};

const CONTENDERS: [Recipe; 3] = [pulsegate::RECIPE, nginx::RECIPE, haproxy::RECIPE];

#[derive(Parser)]
#[command(about = "Reloads proxies and kills their backends under load")]
struct Args {
    /// Times each proxy meets each storm
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only these storms (reload, publish, kill)
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these proxies, by name
    #[arg(long, value_delimiter = ',')]
    proxies: Vec<String>,
    /// In the reload storm, probe the thousand backends as shipped: 10,000 probes a second
    #[arg(long)]
    checks: bool,
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
    /// Be a data plane whose table changes all the time
    #[command(hide = true)]
    Publish { file: PathBuf },
}

impl Args {
    fn wants(&self, storm: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == storm)
    }

    fn contenders(&self) -> impl Iterator<Item = &'static Recipe> {
        let wanted = |recipe: &&Recipe| {
            self.proxies.is_empty() || self.proxies.iter().any(|name| name == recipe.name)
        };
        CONTENDERS.iter().filter(wanted)
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
        match &args.mode {
            Some(Mode::Backend { listen }) => {
                backend::serve(vec![backend::bind(*listen)?]);
                std::future::pending().await
            }
            Some(Mode::Publish { file }) => publish::serve(file).await,
            None => storms(&args).await,
        }
    })
}

async fn storms(args: &Args) -> Result<()> {
    let results = Results::create(&args.results, "storm")?;
    let mut report = Report::default();
    if args.wants(reload::NAME) || args.wants(publish::NAME) {
        let addresses = crowd::serve_addresses(pair::BACKENDS + reload::CHANGED)?;
        if args.wants(reload::NAME) {
            reload::run(args, &addresses, &mut report).await?;
        }
        if args.wants(publish::NAME) {
            publish::run(args, &addresses, &mut report).await?;
        }
    }
    if args.wants(kill::NAME) {
        kill::run(args, &mut report).await?;
    }
    let text = report.readme();
    results.write("raw.csv", &report.csv())?;
    results.write("README.md", &text)?;
    say(&format!("{text}\nwritten to {}", results.dir().display()))?;
    let failed = report.failed(pulsegate::RECIPE.name);
    ensure!(failed == 0, "{failed} requests through Pulsegate failed");
    Ok(())
}
