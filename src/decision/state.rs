//! The core as a whole: facts in, changes and a plan out.
//!
//! Everything control knows is in [`State`], and only [`State::step`] changes it. It is told the
//! time, so that a simulation or a replay can drive it exactly as the real process does.

mod deciding;
mod recalling;
mod starting;

pub use recalling::Recalled;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::alarms::{Alarms, Place};
use super::index::Index;
use super::member::{Before, Changes, carried_over};
use super::orders::Orders;
use super::pace::Pace;
use super::pool::PoolCore;
use super::report::Report;
use super::start::Starts;
use super::watches::Watches;
use super::{Change, Member};
use crate::config::{Config, Pool, Target};
use crate::health::{self, BackendHealth, Symptom, Turn};
use crate::model::{
    Addresses, Admin, Arrivals, BackendKey, Layer, Lookup, LookupPlan, LookupSpec, Observation,
    Order, Plan, PoolName, Resolution, Traffic,
};

/// One fact.
#[derive(Clone, Debug)]
pub enum Input {
    /// A probe ended.
    Observed(Observation),
    /// Live traffic to a backend was sampled.
    Sampled(Traffic),
    /// What arrived at a pool was sampled.
    Arrived(Arrivals),
    /// A hostname lookup ended.
    LookedUp(Lookup),
    /// An operator ordered something. It holds until another order or its own end, also for what is
    /// not configured now.
    Ordered(Order),
    /// There is a new configuration.
    Configured(Arc<Config>),
}

/// What one step led to.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// In the order they happened.
    pub changes: Vec<Change>,
    /// The new plan, if one was decided and it differs from the one before.
    pub plan: Option<Arc<Plan>>,
}

/// Everything known, and what was decided from it.
#[derive(Clone, Debug)]
pub struct State {
    config: Arc<Config>,
    addresses: Addresses,
    /// The hostnames of the config, each with its last failure while that is not mended.
    lookups: HashMap<LookupSpec, Option<Arc<str>>>,
    orders: Orders,
    /// When an order ends or takes its next step.
    order_due: Option<Instant>,
    /// Each pool's members, the pools in config order.
    pools: Vec<Vec<Member>>,
    /// What each pool's decisions remember.
    cores: Vec<PoolCore>,
    /// Where each member is in `pools`.
    index: Index,
    plan: Arc<Plan>,
    report: Report,
    pace: Pace,
    alarms: Alarms,
    watches: Watches,
    /// Pools in which somebody answers badly.
    outliers: HashSet<PoolName>,
    /// What a process before knew of backends that are not there yet.
    recalled: HashMap<BackendKey, Recalled>,
    /// Who starts slowly, and what is seen of them.
    starts: Starts,
    /// When one of them takes its next step.
    next_start: Option<Instant>,
}

impl State {
    /// Nothing observed yet; decided once, so that there is a plan.
    #[must_use]
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let mut state = Self {
            lookups: lookups(&config).map(|spec| (spec, None)).collect(),
            config,
            addresses: Addresses::default(),
            orders: Orders::default(),
            order_due: None,
            pools: Vec::new(),
            cores: Vec::new(),
            index: Index::default(),
            plan: Arc::default(),
            report: Report::default(),
            pace: Pace::default(),
            alarms: Alarms::default(),
            watches: Watches::default(),
            outliers: HashSet::new(),
            recalled: HashMap::new(),
            starts: Starts::default(),
            next_start: None,
        };
        let config = Arc::clone(&state.config);
        state.gather(&config, now);
        state.decide(now, &mut Vec::new());
        state
    }

    /// Takes facts in, and decides if that is due.
    pub fn step(&mut self, inputs: impl IntoIterator<Item = Input>, now: Instant) -> Step {
        let mut changes = Vec::new();
        for input in inputs {
            self.apply(input, now, &mut changes);
        }
        self.keep_orders(now, &mut changes);
        self.elapse(now, &mut changes);
        self.eject_outliers(now, &mut changes);
        self.judge_starts(now, &mut changes);
        self.keep_starting(now);
        self.judge_traffic(now);
        self.judge_breakers(now, &mut changes);
        let decided = self.is_due(now) && self.decide(now, &mut changes);
        self.judge_headroom(now, &mut changes);
        Step { changes, plan: decided.then(|| Arc::clone(&self.plan)) }
    }

    /// When a step is due although nothing new happened; `None` = when something does.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let looks = self.alarms.next().into_iter().chain(self.watches.due());
        let pools = self.cores.iter().filter_map(|core| core.due.0);
        let limits = self.config.pools.iter().zip(&self.cores);
        let headroom =
            limits.filter_map(|(pool, core)| core.headroom.due(pool.failover.headroom.as_ref()?));
        let breakers = self.cores.iter().filter_map(|core| core.breaker.due());
        let own = self.pace.due().into_iter().chain(self.order_due).chain(self.next_start);
        own.chain(looks).chain(pools).chain(headroom).chain(breakers).min()
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The plan in force.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// What the last decision did and why.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The addresses known of hostnames.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Each pool with its members, in config order.
    pub fn pools(&self) -> impl Iterator<Item = (&Pool, &[Member])> {
        self.config.pools.iter().zip(self.pools.iter().map(Vec::as_slice))
    }

    /// What was ordered for a backend.
    #[must_use]
    pub fn admin(&self, backend: &BackendKey) -> Admin {
        let place = self.index.get(backend);
        let member = place.and_then(|(pool, place)| self.pools.get(pool)?.get(place));
        member.map(|member| member.ordered.admin).unwrap_or_default()
    }

    /// The orders that stand, oldest first.
    #[must_use]
    pub fn orders(&self) -> &[Order] {
        self.orders.all()
    }

    /// The hostnames to follow, in config order.
    #[must_use]
    pub fn lookup_plan(&self) -> LookupPlan {
        LookupPlan { lookups: lookups(&self.config).collect() }
    }

    /// The business failure that every zone of a pool shows, and since when.
    #[must_use]
    pub fn common_cause(&self, pool: &PoolName) -> Option<(Symptom, Instant)> {
        self.watches.active(pool)
    }

    /// Why a hostname's last lookup failed, while that is not mended.
    #[must_use]
    pub fn lookup_failure(&self, spec: &LookupSpec) -> Option<&Arc<str>> {
        self.lookups.get(spec)?.as_ref()
    }

    fn apply(&mut self, input: Input, now: Instant, changes: &mut Vec<Change>) {
        match input {
            Input::Observed(seen) => {
                let mut held = false;
                self.judge(&seen.backend, now, changes, |health| {
                    let change = health.observe(&seen);
                    held = health.is_held();
                    change
                });
                if held {
                    self.outliers.insert(seen.backend.pool.clone());
                }
                if seen.layer == Layer::Business && self.watches.awaits_end(&seen.backend.pool) {
                    self.watch(&seen.backend.pool, now, changes);
                }
            }
            Input::Sampled(sample) => {
                if let Some(place) = self.index.get(&sample.backend) {
                    self.count(place, &sample, now);
                }
                let mut bad = false;
                self.judge(&sample.backend, now, changes, |health| {
                    let change = health.traffic(&sample, now);
                    bad = health.answers_badly(now);
                    change
                });
                if bad {
                    self.outliers.insert(sample.backend.pool);
                }
            }
            Input::Arrived(arrivals) => self.arrived(&arrivals),
            Input::LookedUp(lookup) => self.looked_up(lookup, now, changes),
            Input::Ordered(order) => {
                self.restore(&order, now);
                self.reset_breakers(&order, now, changes);
                self.orders.give(order);
                self.order_due = Some(now);
            }
            Input::Configured(config) => self.configured(config, now, changes),
        }
    }

    /// Ends orders whose time is over, and lets the members follow those that stand.
    fn keep_orders(&mut self, now: Instant, changes: &mut Vec<Change>) {
        if self.order_due.is_none_or(|due| due > now) {
            return;
        }
        changes.extend(self.orders.expire(now).into_iter().map(Change::Expired));
        self.follow_orders(now);
        self.pace.at_once(now);
    }

    fn follow_orders(&mut self, now: Instant) {
        for (members, core) in self.pools.iter_mut().zip(&mut self.cores) {
            core.changed = true;
            for (place, member) in members.iter_mut().enumerate() {
                let ordered = self.orders.of_backend(&member.backend, now);
                if std::mem::replace(&mut member.ordered, ordered) != ordered {
                    core.touch(place);
                }
            }
        }
        self.order_due = self.orders.due(now);
    }

    /// Lets a backend's health take something over.
    fn judge(
        &mut self,
        key: &BackendKey,
        now: Instant,
        changes: &mut Vec<Change>,
        take: impl FnOnce(&mut BackendHealth) -> Option<health::Change>,
    ) {
        let Some(place) = self.index.get(key) else { return };
        let Some(member) = self.pools.get_mut(place.0).and_then(|pool| pool.get_mut(place.1))
        else {
            return;
        };
        let change = take(&mut member.health);
        self.alarms.set(place, member.health.due());
        self.turned(key, change, now, changes);
    }

    /// Lets those take over that time has passed who asked for it.
    fn elapse(&mut self, now: Instant, changes: &mut Vec<Change>) {
        let due: Vec<Place> = std::iter::from_fn(|| self.alarms.pop(now)).collect();
        for (pool, place) in due {
            let member = self.pools.get(pool).and_then(|pool| pool.get(place));
            let Some(member) = member else { continue };
            let key = member.backend.key.clone();
            if member.health.business_due(now) {
                self.watch(&key.pool, now, changes);
            }
            self.judge(&key, now, changes, |health| health.elapse(now));
        }
        while let Some(pool) = self.watches.overdue(now) {
            self.watch(&pool, now, changes);
        }
    }

    /// Takes those out that answer much worse than the rest of their pool.
    fn eject_outliers(&mut self, now: Instant, changes: &mut Vec<Change>) {
        for name in std::mem::take(&mut self.outliers) {
            let mut pools = self.config.pools.iter().zip(&mut self.pools);
            let Some((_, members)) = pools.find(|(pool, _)| pool.name == name) else { continue };
            let takes_part = |member: &&mut Member| {
                member.backend.weight > 0 && member.ordered.admin == Admin::Ready
            };
            let members: Vec<&mut Member> = members.iter_mut().filter(takes_part).collect();
            let (keys, mut health): (Vec<_>, Vec<_>) =
                members.into_iter().map(|it| (it.backend.key.clone(), &mut it.health)).unzip();
            for (at, change) in health::eject_outliers(&mut health, now) {
                self.turned(&keys[at], Some(change), now, changes);
                self.set_alarm(&keys[at]);
            }
        }
    }

    fn set_alarm(&mut self, key: &BackendKey) {
        let Some(place) = self.index.get(key) else { return };
        let member = self.pools.get(place.0).and_then(|pool| pool.get(place.1));
        self.alarms.set(place, member.and_then(|member| member.health.due()));
    }

    /// Looks for a common cause in a pool.
    fn watch(&mut self, name: &PoolName, now: Instant, changes: &mut Vec<Change>) {
        let mut pools = self.config.pools.iter().zip(&mut self.pools);
        let Some((pool, members)) = pools.find(|(pool, _)| pool.name == *name) else { return };
        let Some((turn, told)) = self.watches.judge(pool, members, now) else { return };
        let symptom = match turn {
            Turn::Began(symptom) => Some(symptom),
            Turn::Ended => None,
        };
        changes.push(Change::CommonCause(name.clone(), symptom));
        for (key, change) in told {
            self.turned(&key, Some(change), now, changes);
        }
    }

    /// Notes a verdict that changed, and how urgent that is.
    fn turned(
        &mut self,
        key: &BackendKey,
        change: Option<health::Change>,
        now: Instant,
        changes: &mut Vec<Change>,
    ) {
        let Some(change) = change else { return };
        if let Some(place) = self.index.get(key) {
            self.touch(place);
            if change.from.factor() <= 0.0 && change.to.factor() > 0.0 {
                self.start(place, change.from, now);
            }
        }
        if change.to.factor() <= 0.0 {
            // It may have been the last one that served, or beside whom another starts slowly.
            self.outliers.insert(key.pool.clone());
            self.next_start = self.next_start.map(|_| now);
        }
        if change.to.factor() < change.from.factor() {
            self.pace.at_once(now);
        } else {
            self.pace.soon(now);
        }
        changes.push(Change::Health(key.clone(), change));
    }

    fn looked_up(&mut self, lookup: Lookup, now: Instant, changes: &mut Vec<Change>) {
        let Lookup { spec, outcome } = lookup;
        // An answer to a question that a reload has withdrawn meanwhile is no answer.
        let Some(failure) = self.lookups.get_mut(&spec) else { return };
        match outcome {
            Ok(addresses) => {
                *failure = None;
                let count = addresses.len();
                let (pool, backend) = (spec.pool.clone(), spec.backend.clone());
                if self.addresses.learn(Resolution { pool, backend, addresses }) {
                    changes.push(Change::Resolved(spec, count));
                    let config = Arc::clone(&self.config);
                    self.regather(&config, now, changes);
                    self.pace.soon(now);
                }
            }
            Err(detail) => {
                if failure.replace(Arc::clone(&detail)).as_ref() != Some(&detail) {
                    changes.push(Change::Unresolved(spec, detail));
                }
            }
        }
    }

    fn configured(&mut self, config: Arc<Config>, now: Instant, changes: &mut Vec<Change>) {
        let config = std::mem::replace(&mut self.config, config);
        let before = std::mem::take(&mut self.lookups);
        let failure = |spec: &LookupSpec| before.get(spec).cloned().flatten();
        self.lookups = lookups(&self.config).map(|spec| (spec.clone(), failure(&spec))).collect();
        // Only the same question keeps its answer: another hostname or port is another one.
        let same: HashSet<(&str, &str)> = self
            .lookups
            .keys()
            .filter(|spec| before.contains_key(*spec))
            .map(|spec| (&*spec.pool, &*spec.backend))
            .collect();
        self.addresses.retain(|pool, backend| same.contains(&(pool, backend)));
        self.recalled.clear();
        self.regather(&config, now, changes);
        self.pace.at_once(now);
    }

    fn regather(&mut self, before: &Config, now: Instant, changes: &mut Vec<Change>) {
        for (key, change) in self.gather(before, now) {
            self.turned(&key, Some(change), now, changes);
        }
        changes.push(Change::Members);
    }

    /// Finds the members anew, keeping what is known of them by the config before.
    fn gather(&mut self, before: &Config, now: Instant) -> Changes {
        let before = Before { config: before, members: std::mem::take(&mut self.pools) };
        let (pools, mut changes) = carried_over(&self.config, &self.addresses, before, now);
        self.pools = pools;
        self.watches.retain(&self.config.pools);
        for (pool, members) in self.config.pools.iter().zip(&mut self.pools) {
            changes.extend(self.watches.follow(pool, members, now));
        }
        self.remember();
        self.follow_orders(now);
        self.index = Index::of(&self.pools);
        self.alarms = Alarms::default();
        for (pool, members) in self.pools.iter().enumerate() {
            for (place, member) in members.iter().enumerate() {
                self.alarms.set((pool, place), member.health.due());
            }
        }
        changes.extend(self.resumed(now));
        self.follow_starts(now);
        changes
    }
}

/// The backends of a config that are named by hostname.
fn lookups(config: &Config) -> impl Iterator<Item = LookupSpec> {
    config.pools.iter().flat_map(|pool| {
        let zones = pool.regions.iter().flat_map(|region| &region.zones);
        zones.flat_map(|zone| &zone.backends).filter_map(|backend| match &backend.target {
            Target::Host { name, port } => Some(LookupSpec {
                pool: pool.name.clone(),
                backend: backend.name.clone(),
                host: name.clone(),
                port: *port,
            }),
            Target::Inet(_) | Target::Unix(_) => None,
        })
    })
}
