//! The core as a whole: facts in, changes and a plan out.
//!
//! Everything control knows is in [`State`], and only [`State::step`] changes it. It is told the
//! time, so that a simulation or a replay can drive it exactly as the real process does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::decide::{Inputs, decide};
use super::member::{Changes, carried_over};
use super::pace::Pace;
use super::report::Report;
use super::{Candidate, Member};
use crate::config::{Config, Pool, Target};
use crate::health;
use crate::model::{
    Addresses, Admin, BackendKey, Lookup, LookupPlan, LookupSpec, Observation, Plan, Resolution,
    Traffic,
};

/// One fact.
#[derive(Clone, Debug)]
pub enum Input {
    /// A probe ended.
    Observed(Observation),
    /// Live traffic to a backend was sampled.
    Sampled(Traffic),
    /// A hostname lookup ended.
    LookedUp(Lookup),
    /// An operator ordered something for a backend. It holds until the next order, also for a
    /// backend that is not configured now.
    Ordered(BackendKey, Admin),
    /// There is a new configuration.
    Configured(Arc<Config>),
}

/// What a fact changed, besides the plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A backend's verdict.
    Health(BackendKey, health::Change),
    /// A hostname's addresses: how many it has now.
    Resolved(LookupSpec, usize),
    /// A hostname can no longer be resolved, or for another reason than before.
    Unresolved(LookupSpec, Arc<str>),
    /// Which backends there are, where they are, or what is asked of them: probes, lookups and
    /// samples must follow.
    Members,
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
    orders: HashMap<BackendKey, Admin>,
    /// Each pool's members, the pools in config order.
    pools: Vec<Vec<Member>>,
    /// Where each member is in `pools`.
    places: HashMap<BackendKey, (usize, usize)>,
    plan: Arc<Plan>,
    report: Report,
    pace: Pace,
}

impl State {
    /// Nothing observed yet; decided once, so that there is a plan.
    #[must_use]
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let mut state = Self {
            lookups: lookups(&config).map(|spec| (spec, None)).collect(),
            config,
            addresses: Addresses::default(),
            orders: HashMap::new(),
            pools: Vec::new(),
            places: HashMap::new(),
            plan: Arc::default(),
            report: Report::default(),
            pace: Pace::default(),
        };
        state.gather(now);
        state.decide();
        state
    }

    /// Takes facts in, and decides if that is due.
    pub fn step(&mut self, inputs: impl IntoIterator<Item = Input>, now: Instant) -> Step {
        let mut changes = Vec::new();
        for input in inputs {
            self.apply(input, now, &mut changes);
        }
        let decided = self.pace.take(now) && self.decide();
        Step { changes, plan: decided.then(|| Arc::clone(&self.plan)) }
    }

    /// When a step is due although nothing new happened; `None` = when something does.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.pace.due()
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
        self.orders.get(backend).copied().unwrap_or_default()
    }

    /// The hostnames to follow, in config order.
    #[must_use]
    pub fn lookup_plan(&self) -> LookupPlan {
        LookupPlan { lookups: lookups(&self.config).collect() }
    }

    /// Why a hostname's last lookup failed, while that is not mended.
    #[must_use]
    pub fn lookup_failure(&self, spec: &LookupSpec) -> Option<&Arc<str>> {
        self.lookups.get(spec)?.as_ref()
    }

    fn apply(&mut self, input: Input, now: Instant, changes: &mut Vec<Change>) {
        match input {
            Input::Observed(seen) => {
                let change = self.member(&seen.backend).and_then(|m| m.health.observe(&seen));
                self.turned(seen.backend, change, now, changes);
            }
            Input::Sampled(sample) => {
                let member = self.member(&sample.backend);
                let change = member.and_then(|m| m.health.traffic(&sample, now));
                self.turned(sample.backend, change, now, changes);
            }
            Input::LookedUp(lookup) => self.looked_up(lookup, now, changes),
            Input::Ordered(backend, admin) => {
                self.orders.insert(backend, admin);
                self.pace.at_once(now);
            }
            Input::Configured(config) => self.configured(config, now, changes),
        }
    }

    fn member(&mut self, key: &BackendKey) -> Option<&mut Member> {
        let (pool, place) = *self.places.get(key)?;
        self.pools.get_mut(pool)?.get_mut(place)
    }

    /// Notes a verdict that changed, and how urgent that is.
    fn turned(
        &mut self,
        key: BackendKey,
        change: Option<health::Change>,
        now: Instant,
        changes: &mut Vec<Change>,
    ) {
        let Some(change) = change else { return };
        if change.to.factor() < change.from.factor() {
            self.pace.at_once(now);
        } else {
            self.pace.soon(now);
        }
        changes.push(Change::Health(key, change));
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
                    self.regather(now, changes);
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
        self.config = config;
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
        self.regather(now, changes);
        self.pace.at_once(now);
    }

    fn regather(&mut self, now: Instant, changes: &mut Vec<Change>) {
        for (key, change) in self.gather(now) {
            self.turned(key, Some(change), now, changes);
        }
        changes.push(Change::Members);
    }

    /// Finds the members anew, keeping what is known of them.
    fn gather(&mut self, now: Instant) -> Changes {
        let (pools, changes) = carried_over(&self.config, &self.addresses, &self.pools, now);
        self.pools = pools;
        self.places.clear();
        for (index, pool) in self.pools.iter().enumerate() {
            for (place, member) in pool.iter().enumerate() {
                self.places.insert(member.backend.key.clone(), (index, place));
            }
        }
        changes
    }

    /// Decides; true if the plan is another now.
    fn decide(&mut self) -> bool {
        let candidate = |member| self.candidate(member);
        let pools: Vec<Vec<Candidate<'_>>> =
            self.pools.iter().map(|pool| pool.iter().map(candidate).collect()).collect();
        let inputs = Inputs { config: &self.config, pools: &pools, previous: &self.plan };
        let (plan, report) = decide(&inputs);
        self.report = report;
        if plan == *self.plan {
            return false;
        }
        self.plan = Arc::new(plan);
        true
    }

    fn candidate<'a>(&self, member: &'a Member) -> Candidate<'a> {
        let (health, reason) = member.health.health();
        let admin = self.admin(&member.backend.key);
        Candidate { backend: &member.backend, health, reason, admin }
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
