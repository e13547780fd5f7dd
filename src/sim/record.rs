//! Watches a run and keeps what is worth telling.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::incident::{Incidents, SHARE_STEP};
use super::place::Names;
use super::requests::{TICK, Ticked};
use super::run::Totals;
use super::sample::{Rates, Sample, Samples, ZoneSample};
use super::text;
use super::timeline::{self, What};
use super::world::{World, zone_of};
use crate::config::ResolvedBackend;
use crate::config::scenario::Event;
use crate::decision::{Change, Entry, Moved, PoolReport, Stage, State, Step, Why};
use crate::model::{BackendKey, Health, Phase, Plan, Scope};

/// News of one kind within this time is one entry.
const TOGETHER: Duration = Duration::from_secs(1);

/// What a step of the decision said within this time is no news.
const AGAIN: Duration = Duration::from_secs(300);

/// What a run leaves behind.
pub(super) struct Recorder<'a> {
    pub(super) names: &'a Names,
    pub(super) timeline: Vec<timeline::Entry>,
    pub(super) samples: Samples,
    pub(super) incidents: Incidents,
    pub(super) totals: Totals,
    backends: Vec<ResolvedBackend>,
    plan: Arc<Plan>,
    reports: Vec<Arc<PoolReport>>,
    /// What steps of decisions said, and when last.
    told: HashMap<(Arc<str>, String), Duration>,
    second: Second,
}

/// The second that is not over.
#[derive(Default)]
struct Second {
    ticks: u32,
    rates: Rates,
    pools: BTreeMap<Arc<str>, (u64, u64)>,
    hits: Vec<u64>,
    overloaded: Vec<bool>,
    failing: HashSet<Arc<str>>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(names: &'a Names, duration: Duration) -> Self {
        Self {
            names,
            timeline: Vec::new(),
            samples: Samples::new(duration),
            incidents: Incidents::default(),
            totals: Totals::default(),
            backends: Vec::new(),
            plan: Arc::default(),
            reports: Vec::new(),
            told: HashMap::new(),
            second: Second::default(),
        }
    }

    /// The scenario begins.
    pub(super) fn begin(&mut self, state: &State, world: &World) {
        self.plan = Arc::clone(state.plan());
        self.backends = world.backends.iter().map(|one| one.backend.clone()).collect();
        self.reports.clone_from(&state.report().pools);
        let told = told(state).map(|(pool, _, text)| ((Arc::clone(pool), text), Duration::ZERO));
        self.told = told.collect();
        self.second.hits = vec![0; self.names.zones.len()];
        self.second.overloaded = vec![false; self.names.zones.len()];
    }

    /// Something of the scenario happens.
    pub(super) fn happened(&mut self, event: &Event, world: &World) {
        let what = text::event(event, world);
        self.incidents.happened(event, &what, &self.plan, &self.backends);
        self.tell(event.at, What::Scenario(what));
    }

    /// The core took a step.
    pub(super) fn stepped(&mut self, at: Duration, step: &Step, state: &State) {
        for change in &step.changes {
            match change {
                Change::Health(key, change) => {
                    let reason = change.reason.as_ref().map(|reason| reason.to_string().into());
                    self.health(at, key, change.from, change.to, reason);
                }
                Change::Expired(order) => self.tell(at, What::Expired(order.to_string())),
                Change::Moved(moved) => self.phase(at, moved),
                Change::CommonCause(pool, symptom) => {
                    let text = match symptom {
                        Some((_, failure)) => {
                            self.incidents.out(at, |scope| scope.covers_pool(pool));
                            let failure = failure.name();
                            format!(
                                "business checks fail alike in every zone ({failure}): no failover"
                            )
                        }
                        None => String::from("business checks no longer fail alike in every zone"),
                    };
                    self.tell(at, What::Alert { about: Arc::clone(pool), text });
                }
                Change::Circuit { pool, from, to, cause } => {
                    let text = format!("circuit breaker {from} -> {to}: {cause}");
                    self.tell(at, What::Alert { about: Arc::clone(pool), text });
                }
                Change::Headroom { pool, low, headroom } => {
                    let now = if *low { "could not lose" } else { "can lose" };
                    let percent = headroom * 100.0;
                    let text = format!("{now} its largest zone: {percent:.0} % without it");
                    self.tell(at, What::Alert { about: Arc::clone(pool), text });
                }
                _ => {}
            }
        }
        if !same(&self.reports, &state.report().pools) {
            self.reports.clone_from(&state.report().pools);
            self.steps(at, state);
        }
        if let Some(plan) = &step.plan {
            self.shares(at, plan);
            self.incidents.planned(at, plan);
            self.plan = Arc::clone(plan);
        }
    }

    /// A pool's requests of one tick.
    pub(super) fn ticked(&mut self, ticked: &Ticked, world: &World) {
        let Self { second, totals, .. } = self;
        totals.offered += ticked.offered;
        totals.failed += ticked.failed;
        totals.shed += ticked.shed;
        totals.retried += ticked.retried;
        second.rates.offered += ticked.offered as f64;
        second.rates.failed += ticked.failed as f64;
        second.rates.shed += ticked.shed as f64;
        second.rates.retried += ticked.retried as f64;
        let pool = second.pools.entry(Arc::clone(&ticked.pool)).or_default();
        *pool = (pool.0 + ticked.offered, pool.1 + ticked.failed);
        for (place, seen) in &ticked.seen {
            let key = zone_of(&world.backends[*place].backend);
            if let Some(zone) = self.names.zones.iter().position(|(zone, _)| *zone == key) {
                second.hits[zone] += seen.requests;
            }
        }
    }

    /// All pools had their tick.
    pub(super) fn tick_over(&mut self, at: Duration, world: &World) {
        self.second.ticks += 1;
        if u128::from(self.second.ticks) * TICK.as_millis() >= 1_000 {
            self.second_over(at, world);
        }
    }

    fn second_over(&mut self, at: Duration, world: &World) {
        let planned = self.plan.pools.iter().flat_map(|pool| &pool.zones);
        let mut zones: Vec<ZoneSample> = planned
            .map(|zone| ZoneSample {
                share: zone.share,
                phase: zone.standing.phase,
                ..ZoneSample::default()
            })
            .collect();
        for (zone, hits) in zones.iter_mut().zip(&self.second.hits) {
            zone.rps = *hits as f64;
        }
        self.capacities(at, world, &mut zones);
        self.overloads(at, &zones);
        self.failures(at);
        let second = std::mem::take(&mut self.second);
        self.samples.push(Sample { at, rates: second.rates, zones });
        self.second.hits = vec![0; second.hits.len()];
        (self.second.overloaded, self.second.failing) = (second.overloaded, second.failing);
    }

    /// What the backends of each zone that are there can answer.
    fn capacities(&self, at: Duration, world: &World, zones: &mut [ZoneSample]) {
        let mut counts = vec![0_u32; zones.len()];
        let mut index = 0;
        for one in &world.backends {
            let key = zone_of(&one.backend);
            // Backends are in config order, as zones are.
            while self.names.zones.get(index).is_some_and(|(zone, _)| *zone != key) {
                index += 1;
            }
            let Some(zone) = zones.get_mut(index) else { return };
            let there = one.truth.gone(at).is_none();
            counts[index] += 1;
            zone.there += f64::from(u8::from(there));
            if let Some(rps) = one.truth.rps() {
                let rps = if there { rps } else { 0.0 };
                zone.capacity = Some(zone.capacity.unwrap_or(0.0) + rps);
            }
        }
        for (zone, count) in zones.iter_mut().zip(counts) {
            zone.there /= f64::from(count.max(1));
        }
    }

    fn overloads(&mut self, at: Duration, zones: &[ZoneSample]) {
        for (index, zone) in zones.iter().enumerate() {
            let Some(capacity) = zone.capacity.filter(|capacity| *capacity > 0.0) else { continue };
            let load = zone.rps / capacity;
            let name = Arc::clone(&self.names.zones[index].1);
            let worst = self.totals.worst.as_ref().map_or(0.0, |(_, load, _)| *load);
            if load > worst {
                self.totals.worst = Some((Arc::clone(&name), load, at));
            }
            let was = self.second.overloaded[index];
            self.totals.overloaded += u64::from(load > 1.0);
            // A second's count of requests is a whole number: up to 1 % too many is no overload.
            let is = if was { load > 0.99 } else { load > 1.01 };
            if was != is {
                self.second.overloaded[index] = is;
                self.tell(at, What::Overload { zone: name, load: is.then_some(load) });
            }
        }
    }

    fn failures(&mut self, at: Duration) {
        for (pool, (offered, failed)) in std::mem::take(&mut self.second.pools) {
            let part = failed as f64 / offered.max(1) as f64;
            let was = self.second.failing.contains(&pool);
            if !was && part >= 0.01 {
                self.second.failing.insert(Arc::clone(&pool));
                self.tell(at, What::Failing { pool, part: Some(part) });
            } else if was && failed == 0 {
                self.second.failing.remove(&pool);
                self.tell(at, What::Failing { pool, part: None });
            }
        }
    }

    fn health(
        &mut self,
        at: Duration,
        key: &BackendKey,
        from: Health,
        to: Health,
        reason: Option<Arc<str>>,
    ) {
        let Some(backend) = self.backends.iter().find(|one| one.key == *key) else { return };
        if to.factor() < from.factor() {
            self.incidents.worse(at, backend);
        }
        let zone = self.names.zone(&zone_of(backend));
        let together = self.timeline.iter_mut().rev().take_while(|one| at - one.at <= TOGETHER);
        for entry in together {
            if let What::Health { zone: of, to: same, backends, .. } = &mut entry.what
                && *of == zone
                && *same == to
                && !backends.contains(&key.name)
            {
                backends.push(Arc::clone(&key.name));
                return;
            }
        }
        let same = |one: &&ResolvedBackend| zone_of(one) == zone_of(backend);
        let of = self.backends.iter().filter(same).count();
        let backends = vec![Arc::clone(&key.name)];
        let reason = reason.filter(|_| to != Health::Up);
        self.tell(at, What::Health { zone, to, backends, of, reason });
    }

    /// A zone or region stands otherwise than before, or does not recover.
    fn phase(&mut self, at: Duration, Moved { place, from, to, escalated }: &Moved) {
        let (name, cause) = (self.names.place(place), Arc::clone(&to.cause));
        if from.phase != to.phase {
            self.totals.transitions += u64::from(place.zone.is_some());
            let (from, to, place) = (from.phase, to.phase, Arc::clone(&name));
            self.tell(at, What::Phase { place, from, to, cause });
        }
        if *escalated {
            let text = String::from("out for long without being proven: somebody should look");
            self.tell(at, What::Alert { about: name, text });
        }
        if from.phase == Phase::Active {
            let covers = |scope: &Scope| match &place.zone {
                Some(zone) => scope.covers_zone(&place.pool, &place.region, zone),
                None => scope.covers_region(&place.pool, &place.region),
            };
            self.incidents.out(at, covers);
        }
    }

    /// What steps of the decision say that they did not say lately.
    fn steps(&mut self, at: Duration, state: &State) {
        for (pool, step, text) in told(state) {
            let news = (Arc::clone(pool), text);
            let before = self.told.insert(news.clone(), at);
            if before.is_none_or(|before| at - before > AGAIN) {
                let (pool, text) = news;
                self.tell(at, What::Decision { pool, step, text });
            }
        }
    }

    fn shares(&mut self, at: Duration, plan: &Plan) {
        let before = Arc::clone(&self.plan);
        let names: Vec<Arc<str>> = self.names.zones.iter().map(|(_, name)| name.clone()).collect();
        let mut names = names.iter();
        for (pool, old) in plan.pools.iter().zip(&before.pools) {
            let mut moved = Vec::new();
            for (zone, old) in pool.zones.iter().zip(&old.zones) {
                let Some(name) = names.next() else { return };
                if (zone.share - old.share).abs() > 1e-9 {
                    moved.push((Arc::clone(name), old.share, zone.share));
                }
            }
            if !moved.is_empty() {
                self.move_shares(at, &pool.pool, moved);
            }
        }
    }

    /// Adds to the last entry of the pool's shares while the news goes on.
    fn move_shares(&mut self, at: Duration, pool: &Arc<str>, news: Vec<(Arc<str>, f64, f64)>) {
        let of_pool = |entry: &&mut timeline::Entry| matches!(&entry.what, What::Shares { pool: of, .. } if of == pool);
        if let Some(entry) = self.timeline.iter_mut().rev().find(of_pool)
            && let What::Shares { moved, until, .. } = &mut entry.what
            && at - *until <= 2 * TOGETHER
        {
            *until = at;
            for (zone, from, to) in news {
                match moved.iter_mut().find(|(of, ..)| *of == zone) {
                    Some((_, _, last)) => *last = to,
                    None => moved.push((zone, from, to)),
                }
            }
            return;
        }
        let pool = Arc::clone(pool);
        self.tell(at, What::Shares { pool, moved: news, until: at });
    }

    fn tell(&mut self, at: Duration, what: What) {
        self.timeline.push(timeline::Entry { at, what });
    }

    /// The scenario ends.
    pub(super) fn end(&mut self) {
        self.timeline.retain_mut(|entry| match &mut entry.what {
            What::Shares { moved, .. } => {
                moved.retain(|(_, from, to)| (from - to).abs() >= SHARE_STEP);
                !moved.is_empty()
            }
            _ => true,
        });
        self.timeline.sort_by_key(|entry| entry.at);
    }
}

fn same(some: &[Arc<PoolReport>], others: &[Arc<PoolReport>]) -> bool {
    some.len() == others.len()
        && some.iter().zip(others).all(|(one, other)| Arc::ptr_eq(one, other))
}

/// What the decision's steps say, but for what other entries tell: that a place went out, and why it
/// stands as it does, are told when its phase changes.
fn told(state: &State) -> impl Iterator<Item = (&Arc<str>, &'static str, String)> {
    state.report().pools.iter().flat_map(|pool| {
        let worth = |entry: &&Entry| {
            let stage = entry.stage;
            let turn = matches!(stage, Stage::Failover | Stage::Standing);
            let told = turn && matches!(entry.why, Why::Because(_));
            !told && !matches!(stage, Stage::Eligibility | Stage::Moves)
        };
        let entries = pool.entries.iter().filter(worth);
        entries.map(move |entry| (&pool.pool, entry.stage.name(), entry.to_string()))
    })
}
