//! What protections cost that have nothing to do.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::Args;
use crate::cpu::Usage;
use crate::report::Report;
use crate::rig::backend::{self, SMALL};
use crate::rig::load::{Load, Running};
use crate::rig::process::PROXY_CORE;
use crate::rig::proxy::{Proxy, Task};
use crate::rig::results::say;
use crate::sites::{BARE, GUARDED};

pub(crate) const NAME: &str = "idle";
const CONNECTIONS: usize = 64;
/// Of the CPU time per request without any.
const RATIO_MAX: f64 = 1.03;

pub(crate) async fn run(args: &Args, report: &mut Report) -> Result<()> {
    let listener = backend::bind(([127, 0, 0, 1], 0).into())?;
    let backends = [listener.local_addr()?];
    backend::serve(vec![listener]);
    let mut sides = Vec::new();
    for recipe in [BARE, GUARDED] {
        let task = Task {
            backends: &backends,
            workers: 1,
            cores: PROXY_CORE,
            checks: true,
            protocol: "http",
        };
        sides.push((recipe.name, Proxy::start(&recipe, task).await?));
    }
    for round in 0..args.rounds {
        for turn in 0..sides.len() {
            let (name, proxy) = &sides[(round + turn) % sides.len()];
            let us = once(args, proxy).await?;
            say(&format!("idle      round {:2}  {name:8} {us:.2} us per request", round + 1))?;
            report.row(NAME, name, round, "cpu_us", us);
        }
    }
    let (ratio, note) = report.ratio(NAME, [GUARDED.name, BARE.name], "cpu_us");
    let what = "all protections idle: CPU per small request, of that with none";
    report.figure(what, Some(RATIO_MAX), ratio, 3, note);
    Ok(())
}

async fn once(args: &Args, proxy: &Proxy) -> Result<f64> {
    let running = Running::start(&Load {
        target: proxy.address,
        connections: CONNECTIONS,
        page: SMALL,
        protocol: "http",
        streams: 1,
        close: false,
        patience: None,
    })?;
    sleep(Duration::from_secs_f64(args.warm_up)).await;
    running.reset();
    let before = Usage::of(&proxy.process)?;
    sleep(args.length()).await;
    let tally = running.tally();
    let used = Usage::of(&proxy.process)? - before;
    let late = running.stop().await;
    ensure!(tally.failed_requests() + late == 0, "failed: {}", tally.failure_kinds());
    Ok(used.nanoseconds as f64 / 1e3 / tally.requests() as f64)
}
