//! How much does a proxied request cost, next to the proxies people run today?
//!
//! One command, `cargo bench --bench peers`, runs Pulsegate, nginx, HAProxy and a bare forwarder (the
//! floor: the same system calls, none of the features) in interleaved rounds. Each is pinned to
//! core 0; load and backend are this process, on core 1. What is compared is the CPU time of the
//! proxy's processes per request, which other work on the machine disturbs least, as paired ratios
//! within each round. Raw data and tables go to `benches/runs/<date>-<host>/peers/`.
//!
//! With `--bytes` the proxies forward bytes instead: the same scenarios over TCP, datagrams over UDP,
//! and as many connections as may be open; results go to `peers-bytes/`.
//!
//! With `--tls` clients speak TLS 1.3 with the proxies (ECDSA on P-256, X25519, no session resumed), so that
//! `close-64` is a full handshake for each request; results go to `peers-tls/`.
//!
//! With `--h2` clients speak HTTP/2, in clear by prior knowledge or (`--h2 --tls`) by TLS, one stream on each
//! connection and, in `streams-64`, many; results go to `peers-h2/` and `peers-h2-tls/`.
//!
//! Any failed request makes its measurement void, and the command fails.

mod contender;
#[path = "../rig/cpu.rs"]
mod cpu;
mod echo;
mod forward;
mod idle;
mod measure;
mod open;
mod report;
#[path = "../rig/mod.rs"]
mod rig;
mod scenario;
mod syscalls;

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use contender::{CONTENDERS, LARGE_BUFFERS, OF_DATAGRAMS, WITHOUT_FORWARDER};
use report::Report;
use rig::backend;
use rig::process;
use rig::proxy::Recipe;
use rig::results::{Results, ResultsArgs, say};
use scenario::{DATAGRAMS, SCENARIOS, STREAMS, WORKERS_ON_ONE_CORE, WORKERS_ON_TWO_CORES};

#[derive(Parser)]
#[command(about = "Compares Pulsegate with nginx, HAProxy and a bare forwarder")]
struct Args {
    /// Measurements of each proxy in each scenario
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// Length of one measurement
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Load before each measurement
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// Only these scenarios, by name (idle, open and syscalls are three)
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these proxies, by name
    #[arg(long, value_delimiter = ',')]
    proxies: Vec<String>,
    #[command(flatten)]
    results: ResultsArgs,
    /// Forward bytes instead of understanding HTTP; results go to `peers-bytes`
    #[arg(long)]
    bytes: bool,
    /// Speak TLS with the clients; results go to `peers-tls`
    #[arg(long, conflicts_with = "bytes")]
    tls: bool,
    /// Speak HTTP/2 with the clients; results go to `peers-h2`, with `--tls` to `peers-h2-tls`
    #[arg(long, conflicts_with = "bytes")]
    h2: bool,
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
    /// Be the bare forwarder
    #[command(hide = true)]
    Forward { listen: SocketAddr, upstream: SocketAddr },
}

impl Args {
    fn wants(&self, scenario: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == scenario)
    }

    fn wanted(&self, recipes: &[Recipe]) -> Vec<Recipe> {
        let wanted = |recipe: &&Recipe| {
            self.proxies.is_empty() || self.proxies.iter().any(|name| name == recipe.name)
        };
        recipes.iter().filter(wanted).copied().collect()
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
            Some(Mode::Forward { listen, upstream }) => forward::run(listen, upstream).await,
            None => compare(&args).await,
        }
    })
}

async fn compare(args: &Args) -> Result<()> {
    let (name, protocol) = match args {
        Args { bytes: true, .. } => ("peers-bytes", "tcp"),
        Args { h2: true, tls: false, .. } => ("peers-h2", "h2c"),
        Args { h2: true, tls: true, .. } => ("peers-h2-tls", "h2"),
        Args { tls: true, .. } => ("peers-tls", "https"),
        _ => ("peers", "http"),
    };
    let results = Results::create(&args.results, name)?;
    let listener = backend::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let upstream = listener.local_addr()?;
    backend::serve(vec![listener]);

    let recipes = args.wanted(if protocol == "http" { &CONTENDERS } else { &WITHOUT_FORWARDER });
    let large_buffers = args.wanted(&LARGE_BUFFERS);
    let mut report = Report::default();
    let single = contender::start(&recipes, upstream, &[1], process::PROXY_CORE, protocol).await?;
    let large =
        contender::start(&large_buffers, upstream, &[1], process::PROXY_CORE, protocol).await?;
    let more = args.h2.then_some(&STREAMS);
    let scenarios = SCENARIOS.iter().chain(more).filter(|scenario| args.wants(scenario.name));
    for scenario in scenarios {
        let large = large.iter().filter(|_| scenario.large_buffers);
        let contenders: Vec<_> = single.iter().chain(large).collect();
        measure::rounds(args, scenario, &contenders, &mut report).await?;
    }
    drop((single, large));
    let workers = [(WORKERS_ON_ONE_CORE, process::PROXY_CORE), (WORKERS_ON_TWO_CORES, "0,1")];
    for (scenario, cores) in workers.iter().filter(|(scenario, _)| args.wants(scenario.name)) {
        let both = contender::start(&recipes, upstream, &[1, 2], cores, protocol).await?;
        measure::rounds(args, scenario, &both.iter().collect::<Vec<_>>(), &mut report).await?;
    }
    // Idle connections are opened by HTTP/1.1.
    if args.wants("idle") && !args.h2 {
        idle::measure(&recipes, upstream, protocol, &mut report).await?;
    }
    if args.bytes {
        bytes_only(args, upstream, &mut report).await?;
    }
    if args.wants("syscalls") {
        syscalls::count(&recipes, upstream, protocol, &mut report).await?;
    }
    finish(protocol, &report, &results)
}

/// What only those do that forward bytes.
async fn bytes_only(args: &Args, upstream: SocketAddr, report: &mut Report) -> Result<()> {
    if args.wants("open") {
        open::measure(&args.wanted(&WITHOUT_FORWARDER), upstream, report).await?;
    }
    if args.wants(DATAGRAMS.name) {
        echo::serve(upstream).await?;
        let recipes = args.wanted(&OF_DATAGRAMS);
        let all = contender::start(&recipes, upstream, &[1], process::PROXY_CORE, "udp").await?;
        measure::rounds(args, &DATAGRAMS, &all.iter().collect::<Vec<_>>(), report).await?;
    }
    Ok(())
}

/// Writes the evidence and shows it.
fn finish(protocol: &str, report: &Report, results: &Results) -> Result<()> {
    let text = report.readme(protocol);
    results.write("raw.csv", &report.csv())?;
    results.write("README.md", &text)?;
    say(&format!("{text}\nwritten to {}", results.dir().display()))?;
    ensure!(report.void() == 0, "{} measurements are void: requests failed", report.void());
    Ok(())
}
