//! Ten thousand tables published under full load.
//!
//! Control never publishes so often (it merges bursts), so this drives what is below it: a child
//! process with the data plane as it is shipped and, in place of control, a loop that takes another
//! one of a thousand backends out and the last one back in, builds the table from the one before, and
//! publishes it. That is the work of a health change, 1,667 times a second.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pulsegate::access_log::Writer;
use pulsegate::config::{Config, Loaded, ResolvedBackend, expand};
use pulsegate::l7::{Http, Readiness};
use pulsegate::live::{self, Live};
use pulsegate::model::{
    Addresses, Admin, BackendPlan, Health, Plan, PoolPlan, Standing, UnixMillis, ZonePlan,
};
use pulsegate::net;
use pulsegate::table::{Inputs, Publisher, build};
use pulsegate::worker::{self, Plane, Settings, Shutdown, Worker};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use crate::Args;
use crate::pair::{BACKENDS, SPAN, measure};
use crate::report::Report;
use crate::rig::process::PROXY_CORE;
use crate::rig::proxy::{Proxy, Recipe, Site, Task, pulsegate as binary};
use crate::rig::results::say;

pub(crate) const NAME: &str = "publish";

const PUBLISHES: u64 = 10_000;
/// Tables that fell due since the last look are published in a row.
const TICK: Duration = Duration::from_millis(1);
/// Beyond the span, for the last tables and their freeing.
const LAST: Duration = Duration::from_secs(10);
const REPORTED: &str = "published";

const RECIPE: Recipe = Recipe { name: binary::RECIPE.name, prepare };

/// `rounds` times.
pub(crate) async fn run(args: &Args, addresses: &[SocketAddr], report: &mut Report) -> Result<()> {
    if !args.contenders().any(|recipe| recipe.name == RECIPE.name) {
        return Ok(());
    }
    say(&format!("{NAME}: {PUBLISHES} tables in {} s", SPAN.as_secs()))?;
    let backends = &addresses[..BACKENDS];
    let task = Task { backends, workers: 1, cores: PROXY_CORE, checks: false };
    for round in 0..args.rounds {
        let (quiet, storm) = measure(&RECIPE, task, storm).await?;
        say(&format!("  round {}  {:10} {storm}", round + 1, RECIPE.name))?;
        report.pair(NAME, RECIPE.name, round, quiet, storm);
    }
    Ok(())
}

fn prepare(site: &Site<'_>) -> Result<Vec<OsString>> {
    let command = (binary::RECIPE.prepare)(site)?;
    let file = command.into_iter().next_back().context("no file")?;
    Ok(vec![std::env::current_exe()?.into(), NAME.into(), file])
}

/// Lets the child begin, and waits until it tells what it did.
async fn storm(proxy: &Proxy) -> Result<String> {
    proxy.process.signal(Signal::HUP)?;
    let deadline = Instant::now() + SPAN + LAST;
    loop {
        let output = std::fs::read_to_string(proxy.dir.path().join("output"))?;
        if let Some(line) = output.lines().find(|line| line.starts_with(REPORTED)) {
            return Ok(line.to_owned());
        }
        ensure!(Instant::now() < deadline, "the storm does not end: {output}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Is the child: serves, and at SIGHUP publishes.
pub(crate) async fn serve(file: &Path) -> Result<()> {
    let Loaded { config, .. } =
        Config::load(file).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let config = Arc::new(config);
    let live = Arc::new(Live::new(config.workers.get()));
    let listeners = open(&config)?;
    let mut plan = everything_up(&config);
    let inputs = Inputs {
        config: &config,
        plan: &Arc::new(plan.clone()),
        live: &live,
        listeners: &listeners,
        previous: None,
        generation: 1,
    };
    let (mut publisher, reader) = Publisher::new(build(&inputs));
    let (_running, shutdown) = watch::channel(Shutdown::Running);
    for index in 0..config.workers.get() {
        let settings = Settings {
            index,
            reader: reader.clone(),
            live: Arc::clone(&live),
            seed: index as u64,
            log: Writer::start()?,
            clock: || UnixMillis(0),
            suspects: Arc::new(Notify::new()),
            shutdown: shutdown.clone(),
        };
        std::thread::Builder::new().spawn(move || worker::run(settings, planes))?;
    }
    signal(SignalKind::hangup())?.recv().await;
    publish(&inputs, &mut plan, &mut publisher).await?;
    std::future::pending().await
}

/// What the data plane serves: HTTP, as always ready.
fn planes(worker: &Rc<Worker>) -> Vec<Rc<dyn Plane>> {
    vec![Rc::new(Http::new(worker, Readiness(Arc::new(|| true)), worker.index as u64))]
}

/// Publishes at an even rate, frees what nobody holds, and tells how that went.
async fn publish(inputs: &Inputs<'_>, plan: &mut Plan, publisher: &mut Publisher) -> Result<()> {
    let started = Instant::now();
    let first = publisher.current().generation;
    let (mut published, mut held_max) = (0, 0);
    while published < PUBLISHES {
        let due = started.elapsed().as_secs_f64() / SPAN.as_secs_f64() * PUBLISHES as f64;
        while published < PUBLISHES.min(due as u64) {
            published += 1;
            turn(plan, published as usize);
            let plan = Arc::new(plan.clone());
            let previous = Arc::clone(publisher.current());
            publisher.publish(build(&Inputs {
                plan: &plan,
                previous: Some(&previous),
                generation: first + published,
                ..*inputs
            }));
            drop(previous);
            held_max = held_max.max(publisher.reap());
        }
        sleep(TICK).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    let deadline = Instant::now() + LAST / 2;
    while publisher.reap() > 0 && Instant::now() < deadline {
        sleep(TICK).await;
    }
    say(&format!(
        "{REPORTED} {published} tables in {seconds:.2} s, {held_max} old ones held at most, {} at the end",
        publisher.reap()
    ))
}

/// Takes the next backend out and the one before back in.
fn turn(plan: &mut Plan, step: usize) {
    let backends = plan.pools.iter_mut().flat_map(|pool| &mut pool.zones).next();
    let Some(ZonePlan { backends, .. }) = backends else { return };
    let count = backends.len();
    for (at, health) in [(step.wrapping_sub(1), Health::Up), (step, Health::Down)] {
        let backend = &mut backends[at % count];
        backend.health = health;
        backend.effective_weight = f64::from(backend.weight) * health.factor();
    }
}

fn open(config: &Config) -> Result<Vec<Arc<live::Listener>>> {
    let mut open = Vec::new();
    for listener in &config.listeners {
        for bind in &listener.bind {
            let sockets = net::listen(*bind, config.workers.get(), net::FirstWord::Client)?;
            let name = Arc::clone(&listener.name);
            open.push(Arc::new(live::Listener::new(name, *bind, *bind, sockets)));
        }
    }
    Ok(open)
}

/// What a decision gives while every backend is up, for pools with one zone.
fn everything_up(config: &Config) -> Plan {
    let pools = config.pools.iter().map(|pool| {
        let members = expand(pool, &Addresses::default());
        let zone = members.first().map(|first| ZonePlan {
            region: Arc::clone(&first.region),
            zone: Arc::clone(&first.zone),
            standing: Standing::default(),
            share: 1.0,
            backends: members.iter().map(up).collect(),
        });
        PoolPlan { pool: Arc::clone(&pool.name), zones: zone.into_iter().collect() }
    });
    Plan { pools: pools.collect() }
}

fn up(member: &ResolvedBackend) -> BackendPlan {
    BackendPlan {
        name: Arc::clone(&member.key.name),
        address: member.address.clone(),
        weight: member.weight,
        effective_weight: f64::from(member.weight),
        health: Health::Up,
        admin: Admin::Ready,
        reason: None,
    }
}
