//! From the fault to the table without the backend, or, where a layer never removes, with less of it.
//!
//! Sixteen backends; half of them fail, each at a random moment, so that each meets another phase
//! of its probes. The status is asked every two milliseconds, which is the measurement's grain.

use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::backend::{self, Backend};
use crate::report::Report;
use crate::rig::backend::SMALL;
use crate::rig::load::{Load, Running};
use crate::rig::process::PROXY_CORE;
use crate::rig::proxy::{Proxy, Recipe, Task};
use crate::rig::results::say;
use crate::{sites, status};

pub(crate) const NAME: &str = "detect";

const BACKENDS: usize = 16;
const FAILING: usize = 8;
const GRAIN: Duration = Duration::from_millis(2);
/// After all are up, for the first probes' rhythm.
const SETTLE: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(30);

/// A fault and who is to see it.
pub(crate) struct Case {
    /// In tables and raw data.
    pub(crate) name: &'static str,
    /// What the reader is told.
    pub(crate) what: &'static str,
    recipe: Recipe,
    signal: Signal,
    /// The faults fall into this span.
    within: Duration,
    /// Connections of a load meanwhile.
    connections: usize,
    /// The backend keeps some of its weight: this layer never removes.
    lowers: bool,
    /// What no removal may exceed, in milliseconds.
    pub(crate) bound_ms: f64,
}

pub(crate) const CASES: [Case; 5] = [
    Case {
        name: "kill-network",
        what: "SIGKILL, no traffic, the network layer alone",
        recipe: sites::NETWORK,
        signal: Signal::KILL,
        within: Duration::from_secs(2),
        connections: 0,
        lowers: false,
        bound_ms: 350.0,
    },
    Case {
        name: "kill-traffic",
        what: "SIGKILL under 32 connections, no probe in time",
        recipe: sites::TRAFFIC,
        signal: Signal::KILL,
        within: Duration::from_secs(2),
        connections: 32,
        lowers: false,
        bound_ms: 100.0,
    },
    Case {
        name: "stop-process",
        what: "SIGSTOP, no traffic, all four layers",
        recipe: sites::ALL,
        signal: Signal::STOP,
        within: Duration::from_secs(2),
        connections: 0,
        lowers: false,
        bound_ms: 1750.0,
    },
    Case {
        name: "errors-application",
        what: "500 to every request, no traffic, all four layers",
        recipe: sites::ALL,
        signal: Signal::USR1,
        within: Duration::from_secs(3),
        connections: 0,
        lowers: false,
        bound_ms: 3500.0,
    },
    Case {
        name: "wrong-business",
        what: "wrong answer at a transaction's last step, no traffic, all four layers (lowers)",
        recipe: sites::ALL,
        signal: Signal::USR2,
        within: Duration::from_secs(6),
        connections: 0,
        lowers: true,
        bound_ms: 12_000.0,
    },
];

impl Case {
    /// Has a backend of this weight been dealt with?
    fn is_dealt_with(&self, weight: f64) -> bool {
        weight <= 0.0 || (self.lowers && weight < 1.0)
    }
}

/// One backend's fault.
pub(crate) struct Removal {
    pub(crate) case: &'static str,
    pub(crate) ms: f64,
    pub(crate) reason: String,
}

/// Every case once, each with eight faults.
pub(crate) async fn run(report: &mut Report) -> Result<()> {
    for case in &CASES {
        for removal in one(case).await? {
            say(&format!("{:20} {:8.1} ms  {}", removal.case, removal.ms, removal.reason))?;
            report.removals.push(removal);
        }
    }
    Ok(())
}

async fn one(case: &Case) -> Result<Vec<Removal>> {
    let dir = TempDir::with_prefix("pulsegate-bench-")?;
    let backends = backend::start(BACKENDS, dir.path()).await?;
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let task = Task {
        backends: &addresses,
        workers: 1,
        cores: PROXY_CORE,
        checks: true,
        protocol: "http",
    };
    let proxy = Proxy::start(&case.recipe, task).await?;
    status::all_up(&proxy).await?;
    let load = Load {
        target: proxy.address,
        connections: case.connections,
        streams: 1,
        page: SMALL,
        protocol: "http",
        close: false,
        patience: Some(Duration::from_secs(2)),
    };
    let load = Running::start(&load)?;
    sleep(SETTLE).await;
    let removals = follow(case, &proxy, &backends).await;
    let failed = load.stop().await;
    ensure!(failed == 0, "{}: {failed} requests failed", case.name);
    // A stopped process cannot end by itself.
    for backend in &backends {
        let _ = backend.process.signal(Signal::CONT);
    }
    removals
}

/// Lets them fail when their time has come, and watches until the table has none of them.
async fn follow(case: &Case, proxy: &Proxy, backends: &[Backend]) -> Result<Vec<Removal>> {
    let mut random = fastrand::Rng::with_seed(backends.len() as u64);
    let start = Instant::now();
    let mut pending: Vec<(usize, Instant, Option<Instant>)> = (0..FAILING)
        .map(|index| (index, start + case.within.mul_f64(random.f64()), None))
        .collect();
    let mut removals = Vec::new();
    while !pending.is_empty() {
        for (index, due, failed) in &mut pending {
            if failed.is_none() && Instant::now() >= *due {
                *failed = Some(Instant::now());
                backends[*index].process.signal(case.signal)?;
            }
        }
        let seen = status::backends(proxy).await?;
        pending.retain(|(index, _, failed)| {
            let (Some(failed), true) = (failed, case.is_dealt_with(seen[*index].weight)) else {
                return true;
            };
            let ms = failed.elapsed().as_secs_f64() * 1e3;
            removals.push(Removal { case: case.name, ms, reason: seen[*index].reason.clone() });
            false
        });
        ensure!(start.elapsed() < LIMIT, "{}: not all are removed", case.name);
        sleep(GRAIN).await;
    }
    Ok(removals)
}
