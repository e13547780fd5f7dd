//! The backends that exist, each with its evidence, and how that is carried over when the set of
//! backends changes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::Ordered;
use super::start::Start;
use crate::config::{Config, HealthChecks, Pool, ResolvedBackend, expand};
use crate::health::{self, BackendHealth};
use crate::model::{Address, Addresses, BackendKey, Health};

/// A backend and all that was observed of it.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who and where it is.
    pub backend: ResolvedBackend,
    /// What was observed.
    pub health: BackendHealth,
    /// What was ordered.
    pub ordered: Ordered,
    /// Its way back to its whole weight, while it is on it.
    pub(super) start: Option<Start>,
    /// It came later than its pool.
    pub newcomer: bool,
}

/// Verdicts that the carrying over itself changed.
pub(super) type Changes = Vec<(BackendKey, health::Change)>;

/// All members before, the pools in the order of the config before.
pub(super) struct Before<'a> {
    pub(super) config: &'a Config,
    pub(super) members: Vec<Vec<Member>>,
}

/// The members of every pool of a config, in config order, with the evidence of those before.
pub(super) fn carried_over(
    config: &Config,
    addresses: &Addresses,
    before: Before<'_>,
    now: Instant,
) -> (Vec<Vec<Member>>, Changes) {
    let before = before.config.pools.iter().zip(before.members);
    let mut before: HashMap<_, _> = before.map(|(pool, it)| (&pool.name, (pool, it))).collect();
    let mut changes = Changes::new();
    let members = |pool: &Pool| {
        let (asked, members) = before.remove(&pool.name).unzip();
        let members = members.unwrap_or_default();
        let backends = expand(pool, addresses);
        let mut gathering = Gathering { pool, asked, now, changes: &mut changes };
        match are_the_same(&members, &backends) {
            true => gathering.kept(members, backends),
            false => gathering.matched(&members, backends),
        }
    };
    let pools = config.pools.iter().map(members).collect();
    (pools, changes)
}

/// Whether the backends of a pool are who and where they were, one by one: so it is after nearly
/// every reload and lookup, and then nobody has to be looked for.
fn are_the_same(members: &[Member], backends: &[ResolvedBackend]) -> bool {
    let same = |(member, backend): (&Member, &ResolvedBackend)| {
        member.backend.key == backend.key && member.backend.address == backend.address
    };
    members.len() == backends.len() && members.iter().zip(backends).all(same)
}

/// Gathers the members of one pool.
struct Gathering<'a> {
    pool: &'a Pool,
    /// The pool as it was before, if it was there.
    asked: Option<&'a Pool>,
    now: Instant,
    changes: &'a mut Changes,
}

impl Gathering<'_> {
    /// The same members; their settings may differ.
    fn kept(&mut self, mut members: Vec<Member>, backends: Vec<ResolvedBackend>) -> Vec<Member> {
        let asks_the_same = self.asked.is_some_and(|asked| {
            asked.health == self.pool.health && several_zones(asked) == several_zones(self.pool)
        });
        for (member, backend) in members.iter_mut().zip(backends) {
            let own_health = member.backend.own_health == backend.own_health;
            member.backend = backend;
            if !(asks_the_same && own_health) {
                self.ask(&member.backend, &mut member.health, false);
            }
        }
        members
    }

    /// Other members, some of whom may have been there under another name or address.
    fn matched(&mut self, members: &[Member], backends: Vec<ResolvedBackend>) -> Vec<Member> {
        let (known, unseen) = (Known::new(members), self.unseen(&self.pool.health));
        let is_known = |backend: &&ResolvedBackend| known.by_address.contains_key(&backend.address);
        let stay: HashSet<Arc<str>> =
            backends.iter().filter(is_known).filter_map(|it| it.host.clone()).collect();
        let member = |backend: ResolvedBackend| {
            let same = known.by_name.get(&*backend.key.name);
            let start = same.and_then(|member| member.start.clone());
            let newcomer = same.map_or(!members.is_empty(), |member| member.newcomer);
            let moved_host = backend.host.as_ref().filter(|host| !stay.contains(*host));
            let health = self.health((&known, &unseen), &backend, moved_host);
            Member { backend, health, ordered: Ordered::default(), start, newcomer }
        };
        backends.into_iter().map(member).collect()
    }

    /// The evidence a backend starts with; `unseen` is that of one whom nothing is known of.
    /// `moved_host`: its hostname stands for no address that was there before.
    fn health(
        &mut self,
        (known, unseen): (&Known<'_>, &BackendHealth),
        backend: &ResolvedBackend,
        moved_host: Option<&Arc<str>>,
    ) -> BackendHealth {
        let same_address = |member: &&&Member| member.backend.address == backend.address;
        let same = known.by_name.get(&*backend.key.name).filter(same_address);
        let same = same.or_else(|| known.by_address.get(&backend.address));
        // A hostname that moved as a whole: its new addresses are on trial, not out, or every such
        // answer would be an outage until the first probe is back.
        let moved = moved_host.filter(|_| same.is_none()).and_then(|host| known.by_host.get(host));
        let Some(known) = same.or(moved) else {
            return match &backend.own_health {
                Some(own) => self.unseen(&own.checks),
                None => unseen.clone(),
            };
        };
        let mut health = known.health.clone();
        self.ask(backend, &mut health, moved.is_some());
        health
    }

    /// A backend nothing is known about yet.
    fn unseen(&self, checks: &HealthChecks) -> BackendHealth {
        let mut health = BackendHealth::new(checks, self.now);
        health.watch(several_zones(self.pool));
        health
    }

    /// Has a backend asked what its pool asks now. `moved`: it was elsewhere before.
    fn ask(&mut self, backend: &ResolvedBackend, health: &mut BackendHealth, moved: bool) {
        health.watch(several_zones(self.pool));
        let before = health.health().0;
        let moved = if moved { health.moved(self.now) } else { None };
        let change = health.reconfigure(backend.checks(self.pool), self.now).or(moved);
        if let Some(change) = change.filter(|change| change.to != before) {
            self.changes.push((backend.key.clone(), health::Change { from: before, ..change }));
        }
    }
}

/// The members of one pool before, by all that makes one the same as a member now.
struct Known<'a> {
    by_name: HashMap<&'a str, &'a Member>,
    by_address: HashMap<&'a Address, &'a Member>,
    /// Of each hostname, one that was up if there was one.
    by_host: HashMap<&'a Arc<str>, &'a Member>,
}

impl<'a> Known<'a> {
    fn new(members: &'a [Member]) -> Self {
        let mut known = Self {
            by_name: HashMap::with_capacity(members.len()),
            by_address: HashMap::with_capacity(members.len()),
            by_host: HashMap::new(),
        };
        for member in members {
            let ResolvedBackend { key, address, host, .. } = &member.backend;
            known.by_name.insert(&*key.name, member);
            known.by_address.entry(address).or_insert(member);
            let Some(host) = host else { continue };
            let of_host = known.by_host.entry(host).or_insert(member);
            if of_host.health.health().0 != Health::Up {
                *of_host = member;
            }
        }
        known
    }
}

fn several_zones(pool: &Pool) -> bool {
    pool.regions.iter().map(|region| region.zones.len()).sum::<usize>() > 1
}
