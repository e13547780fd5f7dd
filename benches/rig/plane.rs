//! The data plane as it is shipped, with a loop in place of control: for tables that follow each
//! other faster than control ever publishes them.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use pulsegate::access_log::Writer;
use pulsegate::config::{Config, Loaded, ResolvedBackend, expand};
use pulsegate::l7::{Http, Readiness};
use pulsegate::live::{self, Live};
use pulsegate::model::{
    Addresses, Admin, Admission, BackendPlan, Circuit, Health, Plan, PoolPlan, Standing, Transport,
    UnixMillis, ZonePlan,
};
use pulsegate::net;
use pulsegate::table::{Inputs, Publisher, build};
use pulsegate::worker::{self, Settings, Shutdown, Worker};
use tokio::sync::{Notify, watch};

/// A running data plane.
pub(crate) struct Plane {
    config: Arc<Config>,
    live: Arc<Live>,
    listeners: Vec<Arc<live::Listener>>,
    plan: Plan,
    publisher: Publisher,
    /// Tables published after the first.
    published: u64,
    _running: watch::Sender<Shutdown>,
}

impl Plane {
    /// Serves as this file says, every backend up.
    pub(crate) fn start(file: &Path) -> Result<Self> {
        let Loaded { config, .. } =
            Config::load(file).map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let config = Arc::new(config);
        let live = Arc::new(Live::new(config.workers.get()));
        let listeners = open(&config)?;
        let plan = everything_up(&config);
        let (publisher, reader) = Publisher::new(build(&Inputs {
            config: &config,
            plan: &Arc::new(plan.clone()),
            live: &live,
            listeners: &listeners,
            previous: None,
            generation: 1,
        }));
        let (running, shutdown) = watch::channel(Shutdown::Running);
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
        Ok(Self { config, live, listeners, plan, publisher, published: 0, _running: running })
    }

    /// Publishes a table in which the next backend is out and the one before it back in; how many
    /// old tables somebody still holds.
    pub(crate) fn turn(&mut self) -> usize {
        self.published += 1;
        turn(&mut self.plan, self.published as usize);
        let previous = Arc::clone(self.publisher.current());
        self.publisher.publish(build(&Inputs {
            config: &self.config,
            plan: &Arc::new(self.plan.clone()),
            live: &self.live,
            listeners: &self.listeners,
            previous: Some(&previous),
            generation: 1 + self.published,
        }));
        drop(previous);
        self.reap()
    }

    /// Frees what nobody holds any more; how many tables that is not.
    pub(crate) fn reap(&mut self) -> usize {
        self.publisher.reap()
    }

    /// Tables published after the first.
    pub(crate) fn published(&self) -> u64 {
        self.published
    }
}

/// What the data plane serves: HTTP, as always ready.
fn planes(worker: &Rc<Worker>) -> Vec<Rc<dyn worker::Plane>> {
    vec![Rc::new(Http::new(worker, Readiness(Arc::new(|| true)), worker.index as u64))]
}

/// Takes the next backend out and the one before back in.
fn turn(plan: &mut Plan, step: usize) {
    let mut pools = plan.pools.iter_mut().map(Arc::make_mut);
    let Some(zone) = pools.find_map(|pool| pool.zones.first_mut()) else { return };
    let backends = Arc::make_mut(&mut zone.backends);
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
            let sockets = sockets.into_iter().map(live::Socket::Stream).collect();
            let listener = live::Listener::new(name, *bind, *bind, Transport::Tcp, sockets);
            open.push(Arc::new(listener));
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
        let (pool, zones) = (Arc::clone(&pool.name), zone.into_iter().collect());
        Arc::new(PoolPlan {
            pool,
            zones,
            regions: Vec::new(),
            shed: 0.0,
            admission: Admission::ALL,
            circuit: Circuit::Closed,
        })
    });
    Plan { pools: pools.collect(), ..Plan::default() }
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
        last_resort: false,
    }
}
