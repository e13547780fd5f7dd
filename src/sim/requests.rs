//! The requests that clients send, tick by tick, and where the plan takes them.
//!
//! Requests are spread as the data plane spreads them: each backend gets its part of every run of
//! requests, carried over from tick to tick, not a part by chance. Only a request that has to be
//! tried again is placed by chance, on a backend it was not tried on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::world::{Gone, World};
use crate::config::scenario::{Load, Scenario};
use crate::config::{Action, Config, defaults};
use crate::model::{BackendKey, Plan, PoolName, PoolPlan, Traffic};

/// How long one tick is: as often as control samples traffic.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// The requests of one pool.
#[derive(Debug)]
pub(super) struct Requests {
    load: Load,
    /// How often one request may be tried.
    attempts: usize,
    /// How long a try waits for a connection.
    connect: Duration,
    /// What is due to each backend of the world, in parts of a request.
    due: Vec<f64>,
    arriving: f64,
    shedding: f64,
    waiting: Vec<Try>,
}

/// Requests that have to be tried (again).
#[derive(Clone, Debug)]
struct Try {
    /// When their connection is given up.
    until: Duration,
    count: u64,
    /// Where they were tried; the last is where they wait now.
    tried: Vec<usize>,
    /// They were called off before their connection failed.
    rescued: bool,
}

/// What one tick showed.
#[derive(Clone, Debug)]
pub(super) struct Ticked {
    pub(super) pool: PoolName,
    /// Requests that came.
    pub(super) offered: u64,
    /// Requests that were answered with an error, or not at all.
    pub(super) failed: u64,
    /// Requests that the plan gives to nobody, although somebody takes some.
    pub(super) shed: u64,
    /// Requests that had to be tried again.
    pub(super) retried: u64,
    /// What the balancer sees, per backend that something happened to.
    pub(super) seen: BTreeMap<usize, Traffic>,
}

impl Requests {
    /// Of every pool that is offered something.
    pub(super) fn new(config: &Config, scenario: &Scenario, world: &World) -> Vec<Self> {
        let of = |load: &Load| {
            let pool = config.pools.iter().position(|pool| pool.name == load.pool)?;
            Some(Self {
                load: load.clone(),
                attempts: attempts(config, pool),
                connect: config.pools.get(pool)?.timeouts.connect,
                due: vec![0.0; world.backends.len()],
                arriving: 0.0,
                shedding: 0.0,
                waiting: Vec::new(),
            })
        };
        scenario.loads.iter().filter_map(of).collect()
    }

    /// A backend went down: what waits for its connection waits no longer.
    pub(super) fn rescue(&mut self, backend: usize, now: Duration) {
        for waiting in &mut self.waiting {
            if waiting.tried.last() == Some(&backend) && waiting.until > now {
                (waiting.until, waiting.rescued) = (now, true);
            }
        }
    }

    /// The requests of the tick that ends now.
    pub(super) fn tick(
        &mut self,
        at: Duration,
        plan: &Plan,
        world: &mut World,
        rng: &mut fastrand::Rng,
    ) -> Ticked {
        let mut tick = Tick { at, parts: Vec::new(), hits: vec![0; world.backends.len()], rng };
        if let Some(plan) = plan.pools.iter().find(|plan| plan.pool == self.load.pool) {
            tick.parts = parts(plan, world);
        }
        let mut ticked = Ticked {
            pool: Arc::clone(&self.load.pool),
            offered: 0,
            failed: 0,
            shed: 0,
            retried: 0,
            seen: BTreeMap::new(),
        };
        let arrived = self.arrive(&tick, &mut ticked);
        self.place(arrived, &mut tick, world);
        self.again(&mut tick, world, &mut ticked);
        for (place, hits) in tick.hits.into_iter().enumerate() {
            let one = &mut world.backends[place];
            if one.backend.key.pool != self.load.pool || one.truth.gone(at).is_some() {
                continue;
            }
            let seen = seen_of(&mut ticked.seen, place, &one.backend.key);
            one.truth.answer(hits, TICK, at, seen, tick.rng);
        }
        let errors = ticked.seen.values().map(|seen| seen.server_errors).sum::<u64>();
        ticked.failed += errors;
        ticked.seen.retain(|_, seen| seen.requests > 0 || seen.connect_failures > 0);
        ticked
    }

    /// How many came, less those that are shed, for each backend.
    fn arrive(&mut self, tick: &Tick<'_>, ticked: &mut Ticked) -> Vec<(usize, u64)> {
        let requests = self.load.at(tick.at) * TICK.as_secs_f64();
        self.arriving += requests;
        let offered = self.arriving.floor();
        self.arriving -= offered;
        ticked.offered = offered as u64;
        let placed = tick.parts.iter().map(|(_, part)| part).sum::<f64>();
        if placed <= 0.0 {
            ticked.failed += ticked.offered;
            return Vec::new();
        }
        self.shedding += offered * (1.0 - placed).max(0.0);
        let shed = (self.shedding + 1e-6).floor().clamp(0.0, offered);
        self.shedding -= shed;
        ticked.shed = shed as u64;
        self.spread(&tick.parts, ticked.offered - ticked.shed, placed)
    }

    /// Gives each backend its part of so many requests, and who waits for the most of one the rest.
    fn spread(&mut self, parts: &[(usize, f64)], count: u64, placed: f64) -> Vec<(usize, u64)> {
        let mut left = count;
        let mut given = Vec::with_capacity(parts.len());
        for &(place, part) in parts {
            let due = &mut self.due[place];
            *due += count as f64 * part / placed;
            let whole = ((*due + 1e-6).floor().max(0.0) as u64).min(left);
            *due -= whole as f64;
            left -= whole;
            given.push((place, whole));
        }
        let mut next: Vec<usize> = (0..given.len()).collect();
        next.sort_by(|a, b| self.due[given[*b].0].total_cmp(&self.due[given[*a].0]));
        for index in next.into_iter().cycle().take(left as usize) {
            self.due[given[index].0] -= 1.0;
            given[index].1 += 1;
        }
        given.retain(|(_, count)| *count > 0);
        given
    }

    /// Sends requests to the backends they were given to.
    fn place(&mut self, arrived: Vec<(usize, u64)>, tick: &mut Tick<'_>, world: &World) {
        for (place, count) in arrived {
            let tries = Try { until: tick.at, count, tried: vec![place], rescued: false };
            self.send(tries, tick, world);
        }
    }

    /// Sends requests to the backend last in `tried`; where nobody is there they are tried again.
    fn send(&mut self, tries: Try, tick: &mut Tick<'_>, world: &World) {
        let Some(&place) = tries.tried.last() else { return };
        match world.backends[place].truth.gone(tick.at) {
            None => tick.hits[place] += tries.count,
            Some(Gone::Refusing) => self.waiting.push(Try { until: tick.at, ..tries }),
            Some(Gone::Silent) => {
                self.waiting.push(Try { until: tick.at + self.connect, ..tries });
            }
        }
    }

    /// Tries again what found nobody; each on a backend it was not tried on.
    fn again(&mut self, tick: &mut Tick<'_>, world: &World, ticked: &mut Ticked) {
        loop {
            let due = |waiting: &mut Try| waiting.until <= tick.at;
            let waiting: Vec<Try> = self.waiting.extract_if(.., due).collect();
            if waiting.is_empty() {
                return;
            }
            for Try { count, tried, rescued, .. } in waiting {
                if let Some(&place) = tried.last().filter(|_| !rescued) {
                    let key = &world.backends[place].backend.key;
                    seen_of(&mut ticked.seen, place, key).connect_failures += count;
                }
                ticked.retried += count;
                for _ in 0..count {
                    let next = tick.draw(&tried).filter(|_| tried.len() < self.attempts);
                    let Some(next) = next else {
                        ticked.failed += 1;
                        continue;
                    };
                    let mut tried = tried.clone();
                    tried.push(next);
                    let next = Try { until: tick.at, count: 1, tried, rescued: false };
                    self.send(next, tick, world);
                }
            }
        }
    }
}

/// A tick under way.
struct Tick<'r> {
    at: Duration,
    /// The part of the pool's requests that each backend gets.
    parts: Vec<(usize, f64)>,
    /// Requests that reached each backend of the world.
    hits: Vec<u64>,
    rng: &'r mut fastrand::Rng,
}

impl Tick<'_> {
    /// A backend by its part, none of `tried`.
    fn draw(&mut self, tried: &[usize]) -> Option<usize> {
        let untried = |(place, _): &&(usize, f64)| !tried.contains(place);
        let total = self.parts.iter().filter(untried).map(|(_, part)| part).sum::<f64>();
        let mut left = self.rng.f64() * total;
        let mut last = None;
        for (place, part) in self.parts.iter().filter(untried) {
            last = Some(*place);
            left -= part;
            if left < 0.0 {
                break;
            }
        }
        last
    }
}

/// The part of a pool's requests that each backend gets by the plan; those that get none are left
/// out.
fn parts(plan: &PoolPlan, world: &World) -> Vec<(usize, f64)> {
    let mut parts = Vec::new();
    for zone in plan.zones.iter().filter(|zone| zone.share > 0.0) {
        let total = zone.backends.iter().map(|backend| backend.effective_weight).sum::<f64>();
        for backend in zone.backends.iter().filter(|backend| backend.effective_weight > 0.0) {
            let (pool, name) = (Arc::clone(&plan.pool), Arc::clone(&backend.name));
            if let Some(place) = world.place(&BackendKey { pool, name }) {
                parts.push((place, zone.share * backend.effective_weight / total));
            }
        }
    }
    parts
}

fn seen_of<'s>(
    seen: &'s mut BTreeMap<usize, Traffic>,
    place: usize,
    key: &BackendKey,
) -> &'s mut Traffic {
    seen.entry(place).or_insert_with(|| Traffic::none(key.clone()))
}

/// How often a request to this pool may be tried: as the first route says that leads there.
fn attempts(config: &Config, pool: usize) -> usize {
    let routes = config.listeners.iter().flat_map(|listener| &listener.routes);
    let leads = |action: &Action| match action {
        Action::Pools(pools) => pools.iter().any(|(to, _)| *to == pool),
        _ => false,
    };
    let mut leading = routes.filter(|route| leads(&route.action));
    leading.next().map_or(defaults::ATTEMPTS, |route| route.retries.attempts) as usize
}
