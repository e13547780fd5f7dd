//! The proxies side by side, and the generator against nobody.

use std::ffi::OsString;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::time::{Duration, Instant, sleep};

use crate::measure::{Load, calmly, draw, line, row};
use crate::rig::backend::{self, SMALL};
use crate::rig::load::{self, Running};
use crate::rig::process::{PROXY_CORE, Process};
use crate::rig::proxy::{Proxy, Recipe, Task, free_address, haproxy, nginx, pulsegate};
use crate::rig::results::say;
use crate::rows::csv;
use crate::{Bench, bare};

const CONTENDERS: [Recipe; 3] = [pulsegate::RECIPE, nginx::RECIPE, haproxy::RECIPE];
/// Of what the slowest contender can do.
const LOADS: [f64; 2] = [0.5, 0.8];
/// For the search of what a proxy can do.
const SATURATED: Duration = Duration::from_millis(700);

/// Every part with peers.
pub(crate) async fn run(bench: &Bench<'_>) -> Result<()> {
    let args = bench.args;
    let parts = [(1, 64), (1, 1000), (2, 64), (2, 1000)];
    let name = |(workers, connections)| format!("w{workers}-{connections}");
    if !parts.iter().any(|part| args.wants(&name(*part))) {
        return Ok(());
    }
    let listener = backend::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let upstream = listener.local_addr()?;
    backend::serve(vec![listener]);
    for part in parts.into_iter().filter(|part| args.wants(&name(*part))) {
        let (workers, connections) = part;
        let cores = if workers == 1 { PROXY_CORE } else { "0,1" };
        let backends = &[upstream];
        let task = Task { backends, workers, cores, checks: true, protocol: "http" };
        let mut proxies = Vec::new();
        for recipe in &CONTENDERS {
            proxies.push((recipe.name, Proxy::start(recipe, task).await?));
        }
        rounds(bench, &name(part), workers == 1, connections, &proxies).await?;
    }
    Ok(())
}

async fn rounds(
    bench: &Bench<'_>,
    part: &str,
    alone: bool,
    connections: usize,
    proxies: &[(&str, Proxy)],
) -> Result<()> {
    let mut slowest = f64::INFINITY;
    for (name, proxy) in proxies {
        let rate = saturation(proxy, connections).await?;
        say(&format!("{part}: {name} can do {rate:.0}/s"))?;
        slowest = slowest.min(rate);
    }
    let mut rows = Vec::new();
    for share in LOADS {
        let part = format!("{part}-{:.0}", share * 100.0);
        let rate = (slowest * share).round();
        for round in 0..bench.args.rounds {
            // Each round starts with another, so that nobody always follows the same.
            for turn in 0..proxies.len() {
                let (name, proxy) = &proxies[(round + turn) % proxies.len()];
                let load = Load { target: proxy.address, rate, connections, alone };
                let calm = load.measure(bench).await?;
                let row = row(&part, name, round, rate, &calm);
                say(&line(&row))?;
                rows.push(row);
                if round + 1 == bench.args.rounds && part == "w1-64-80" {
                    draw(bench.results, &format!("{part}-{name}"), calm.taken)?;
                }
            }
        }
    }
    bench.results.write(&format!("{part}.csv"), &csv(&rows))
}

/// Requests per second in a closed loop: the most the proxy does on this machine with this load.
pub(crate) async fn saturation(proxy: &Proxy, connections: usize) -> Result<f64> {
    let running = Running::start(&load::Load {
        target: proxy.address,
        connections,
        streams: 1,
        page: SMALL,
        protocol: "http",
        close: false,
        patience: None,
    })?;
    sleep(SATURATED / 2).await;
    running.reset();
    let started = Instant::now();
    sleep(SATURATED).await;
    let requests = running.tally().requests();
    let rate = requests as f64 / started.elapsed().as_secs_f64();
    running.stop().await;
    Ok(rate)
}

/// The generator itself: at 10,000/s against an echo on another core, next to a client that does
/// nothing but write and read there; and as fast as it can.
pub(crate) async fn generator(bench: &Bench<'_>) -> Result<()> {
    let args = bench.args;
    if !args.wants("generator") {
        return Ok(());
    }
    let dir = tempfile::TempDir::with_prefix("pulsegate-bench-")?;
    let listen = free_address()?;
    let command: Vec<OsString> =
        vec![std::env::current_exe()?.into(), "echo".into(), listen.to_string().into()];
    let log = dir.path().join("echo");
    let mut echo = Process::start("echo", PROXY_CORE, &command, &log)?;
    echo.listening(listen).await.context("the echo does not start")?;
    let mut rows = Vec::new();
    for round in 0..args.rounds {
        let (rate, seconds) = (10_000.0, args.seconds);
        let calm = calmly(bench, async || bare::ask(listen, rate, seconds)).await?;
        rows.push(bare::row(rate, round, &calm));
        for (part, rate) in [("generator", 10_000.0), ("generator-fast", 60_000.0)] {
            let load = Load { target: listen, rate, connections: 64, alone: true };
            let calm = load.measure(bench).await?;
            rows.push(row(part, "pulsegate", round, rate, &calm));
        }
        rows.iter().rev().take(3).try_for_each(|row| say(&line(row)))?;
    }
    bench.results.write("generator.csv", &csv(&rows))
}
