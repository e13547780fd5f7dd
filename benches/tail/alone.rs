//! Pulsegate alone, with and without what its clients must not feel.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use ::pulsegate::bench::view::Mark;
use anyhow::Result;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use crate::Bench;
use crate::measure::{Calm, Load, Taken, calmly, draw, line, row};
use crate::peers::saturation;
use crate::rig::backend;
use crate::rig::process::PROXY_CORE;
use crate::rig::proxy::{Proxy, Recipe, Site, Task, pulsegate};
use crate::rig::results::say;
use crate::rows::csv;
use crate::{crowd, swap};

const CONNECTIONS: usize = 64;
/// Of what the proxy can do.
const LOAD: f64 = 0.5;
/// From one reload to the next: thirty in six seconds.
const RELOAD_EVERY: Duration = Duration::from_millis(200);
/// Backends of the reloaded files and under probes.
const THOUSAND: usize = 1_000;
/// Backends that only one of the two reloaded files has.
const CHANGED: usize = 100;
/// Backends of the swapped tables.
const SWAPPED: usize = 10_000;
/// Backends of which one is killed every second.
const KILLABLE: usize = 4;
/// How long a killed backend is away.
const AWAY: Duration = Duration::from_millis(250);

/// What is done to the proxy during a measurement.
trait Storm {
    /// Does it, for about so long; `mark` notes the moments.
    async fn rage(&mut self, proxy: &Proxy, length: Duration, mark: &dyn Fn(&str)) -> Result<()>;
}

/// Every part.
pub(crate) async fn run(bench: &Bench<'_>) -> Result<()> {
    let args = bench.args;
    let parts = ["reload", "swap", "probes"];
    if parts.iter().any(|part| args.wants(part)) {
        let backends = crowd::serve_addresses(SWAPPED)?;
        let task = |count| task(&backends[..count]);
        if args.wants("reload") {
            let storm =
                Reloads { files: [&backends[..THOUSAND], &backends[CHANGED..][..THOUSAND]] };
            pairs(bench, "reload", &pulsegate::RECIPE, task(THOUSAND), storm).await?;
        }
        if args.wants("swap") {
            pairs(bench, "swap", &swap::RECIPE, task(SWAPPED), Swaps).await?;
        }
        if args.wants("probes") {
            probes(bench, task(THOUSAND)).await?;
        }
    }
    if args.wants("kill") {
        kill(bench).await?;
    }
    Ok(())
}

fn task(backends: &[SocketAddr]) -> Task<'_> {
    Task { backends, workers: 1, cores: PROXY_CORE, checks: false, protocol: "http" }
}

/// One proxy, with the storm and without it in turn.
async fn pairs(
    bench: &Bench<'_>,
    part: &str,
    recipe: &Recipe,
    task: Task<'_>,
    mut storm: impl Storm,
) -> Result<()> {
    let proxy = Proxy::start(recipe, task).await?;
    let rate = half(&proxy, part).await?;
    let load = Load { target: proxy.address, rate, connections: CONNECTIONS, alone: true };
    let mut rows = Vec::new();
    for round in 0..bench.args.rounds {
        for turn in 0..2 {
            let with = (round + turn) % 2 == 1;
            let calm = if with {
                stormy(bench, &load, &proxy, &mut storm).await?
            } else {
                load.measure(bench).await?
            };
            let side = if with { "with" } else { "without" };
            let row = row(part, side, round, rate, &calm);
            say(&line(&row))?;
            rows.push(row);
            if round + 1 == bench.args.rounds {
                draw(bench.results, &format!("{part}-{side}"), calm.taken)?;
            }
        }
    }
    bench.results.write(&format!("{part}.csv"), &csv(&rows))
}

async fn stormy(
    bench: &Bench<'_>,
    load: &Load,
    proxy: &Proxy,
    storm: &mut impl Storm,
) -> Result<Calm<Taken>> {
    let (warm_up, length) = (bench.args.warm_up, bench.args.seconds);
    let (warm_up, length) = (Duration::from_secs_f64(warm_up), Duration::from_secs_f64(length));
    calmly(bench, async || {
        let (start, marks) = (Instant::now() + warm_up, RefCell::new(Vec::new()));
        let mark = |text: &str| {
            let at_ms = start.elapsed().as_secs_f64() * 1e3;
            marks.borrow_mut().push(Mark { at_ms, text: text.to_owned() });
        };
        let rage = async {
            sleep(warm_up).await;
            storm.rage(proxy, length, &mark).await
        };
        let (asked, raged) = tokio::join!(load.ask(bench.args), rage);
        raged?;
        let (plan, measured) = asked?;
        Ok(Taken { plan, measured, marks: marks.into_inner() })
    })
    .await
}

/// Half of what the proxy can do.
async fn half(proxy: &Proxy, part: &str) -> Result<f64> {
    let most = saturation(proxy, CONNECTIONS).await?;
    say(&format!("{part}: pulsegate can do {most:.0}/s"))?;
    Ok((most * LOAD).round())
}

/// Two files that alternate, so that every reload really replaces something.
struct Reloads<'a> {
    files: [&'a [SocketAddr]; 2],
}

impl Storm for Reloads<'_> {
    async fn rage(&mut self, proxy: &Proxy, length: Duration, mark: &dyn Fn(&str)) -> Result<()> {
        let reloads = (length.as_millis() / RELOAD_EVERY.as_millis()).max(1) as usize;
        for n in 0..reloads {
            let task = task(self.files[(n + 1) % 2]);
            let site = Site { task, dir: proxy.dir.path(), listen: proxy.address };
            (pulsegate::RECIPE.prepare)(&site)?;
            proxy.process.signal(Signal::HUP)?;
            mark("reload");
            sleep(RELOAD_EVERY).await;
        }
        Ok(())
    }
}

/// The child swaps by itself between two signals.
struct Swaps;

impl Storm for Swaps {
    async fn rage(&mut self, proxy: &Proxy, length: Duration, mark: &dyn Fn(&str)) -> Result<()> {
        proxy.process.signal(Signal::HUP)?;
        mark("a swap every 10 ms from here");
        sleep(length).await;
        proxy.process.signal(Signal::HUP)
    }
}

/// A thousand backends with the checks of a pool that says nothing about them, and with none; each
/// side is a process of its own, as idle checks would be felt by the other.
async fn probes(bench: &Bench<'_>, task: Task<'_>) -> Result<()> {
    let recipe = &pulsegate::RECIPE;
    let rate = half(&Proxy::start(recipe, task).await?, "probes").await?;
    let mut rows = Vec::new();
    for round in 0..bench.args.rounds {
        for turn in 0..2 {
            let checks = (round + turn) % 2 == 1;
            let side = if checks { "with" } else { "without" };
            let proxy = Proxy::start(recipe, Task { checks, ..task }).await?;
            let load = Load { target: proxy.address, rate, connections: CONNECTIONS, alone: true };
            let calm = load.measure(bench).await?;
            let row = row("probes", side, round, rate, &calm);
            say(&line(&row))?;
            rows.push(row);
            if round + 1 == bench.args.rounds {
                draw(bench.results, &format!("probes-{side}"), calm.taken)?;
            }
        }
    }
    bench.results.write("probes.csv", &csv(&rows))
}

/// Backends that die with all their connections, and come back.
struct Kills {
    addresses: Vec<SocketAddr>,
    serving: Vec<tokio::task::JoinHandle<()>>,
    next: usize,
}

impl Storm for Kills {
    async fn rage(&mut self, _: &Proxy, length: Duration, mark: &dyn Fn(&str)) -> Result<()> {
        for second in 0..length.as_secs().max(1) {
            // In the middle of each second, so that there is a before and an after.
            sleep(if second == 0 {
                Duration::from_millis(500)
            } else {
                Duration::from_secs(1) - AWAY
            })
            .await;
            let victim = self.next % KILLABLE;
            self.next += 1;
            self.serving[victim].abort();
            mark("a backend is killed");
            sleep(AWAY).await;
            let listener = backend::bind(self.addresses[victim])?;
            self.serving[victim] = backend::serve(vec![listener]).remove(0);
        }
        Ok(())
    }
}

async fn kill(bench: &Bench<'_>) -> Result<()> {
    let bound = || backend::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
    let listeners = (0..KILLABLE).map(|_| bound()).collect::<std::io::Result<Vec<_>>>();
    let listeners = listeners?;
    let addresses: Vec<_> = listeners.iter().map(|it| it.local_addr()).collect::<Result<_, _>>()?;
    let storm = Kills { addresses: addresses.clone(), serving: backend::serve(listeners), next: 0 };
    let task = Task { checks: true, ..task(&addresses) };
    pairs(bench, "kill", &pulsegate::RECIPE, task, storm).await
}
