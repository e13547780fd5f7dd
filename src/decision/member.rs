//! The backends that exist, each with its evidence, and how that is carried over when the set of
//! backends changes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::Ordered;
use super::start::Start;
use crate::config::{Config, Pool, ResolvedBackend, expand};
use crate::health::{self, BackendHealth};
use crate::model::{Address, Addresses, BackendKey, Health, PoolName};

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

/// The members of every pool of a config, in config order, with the evidence of those before.
pub(super) fn carried_over(
    config: &Config,
    addresses: &Addresses,
    before: &[Vec<Member>],
    now: Instant,
) -> (Vec<Vec<Member>>, Changes) {
    let known = Known::new(before);
    let mut changes = Changes::new();
    let members = |pool| known.members(pool, addresses, now, &mut changes);
    let pools = config.pools.iter().map(members).collect();
    (pools, changes)
}

/// The members before, by all that makes one the same as a member now.
struct Known<'a> {
    pools: HashSet<&'a PoolName>,
    by_key: HashMap<&'a BackendKey, &'a Member>,
    by_address: HashMap<(&'a PoolName, &'a Address), &'a Member>,
    /// Of each hostname, one that was up if there was one.
    by_authority: HashMap<(&'a PoolName, &'a Arc<str>), &'a Member>,
}

impl<'a> Known<'a> {
    fn new(before: &'a [Vec<Member>]) -> Self {
        let count = before.iter().map(Vec::len).sum();
        let mut known = Self {
            pools: before.iter().flatten().map(|member| &member.backend.key.pool).collect(),
            by_key: HashMap::with_capacity(count),
            by_address: HashMap::with_capacity(count),
            by_authority: HashMap::new(),
        };
        for member in before.iter().flatten() {
            let ResolvedBackend { key, address, authority, .. } = &member.backend;
            known.by_key.insert(key, member);
            known.by_address.entry((&key.pool, address)).or_insert(member);
            let of_name = known.by_authority.entry((&key.pool, authority)).or_insert(member);
            if of_name.health.health().0 != Health::Up {
                *of_name = member;
            }
        }
        known
    }

    fn members(
        &self,
        pool: &Pool,
        addresses: &Addresses,
        now: Instant,
        changes: &mut Changes,
    ) -> Vec<Member> {
        let backends = expand(pool, addresses);
        let mut stays: HashMap<Arc<str>, bool> = HashMap::new();
        for backend in &backends {
            let known = self.by_address.contains_key(&(&backend.key.pool, &backend.address));
            *stays.entry(Arc::clone(&backend.authority)).or_default() |= known;
        }
        let member = |backend: ResolvedBackend| {
            let replaced = !stays.get(&backend.authority).copied().unwrap_or_default();
            let health = self.health(&backend, replaced, pool, now, changes);
            let same = self.by_key.get(&backend.key);
            let start = same.and_then(|member| member.start.clone());
            let newcomer = match same {
                Some(member) => member.newcomer,
                None => self.pools.contains(&pool.name),
            };
            Member { backend, health, ordered: Ordered::default(), start, newcomer }
        };
        backends.into_iter().map(member).collect()
    }

    /// The evidence a backend starts with. `replaced`: its name or address stands for nothing that
    /// was there before.
    fn health(
        &self,
        backend: &ResolvedBackend,
        replaced: bool,
        config: &Pool,
        now: Instant,
        changes: &mut Changes,
    ) -> BackendHealth {
        let (pool, checks) = (&config.name, backend.checks(config));
        let same_address = |member: &&&Member| member.backend.address == backend.address;
        let same = self.by_key.get(&backend.key).filter(same_address);
        let same = same.or_else(|| self.by_address.get(&(pool, &backend.address)));
        // A hostname that moved as a whole: its new addresses are on trial, not out, or every such
        // answer would be an outage until the first probe is back.
        let moved = self.by_authority.get(&(pool, &backend.authority));
        let moved = moved.filter(|_| replaced && is_named(backend));
        let (mut health, moves) = match (same, moved) {
            (Some(member), _) => (member.health.clone(), false),
            (None, Some(member)) => (member.health.clone(), true),
            (None, None) => (BackendHealth::new(checks, now), false),
        };
        health.watch(config.regions.iter().map(|region| region.zones.len()).sum::<usize>() > 1);
        let before = health.health().0;
        let moved = if moves { health.moved(now) } else { None };
        let change = health.reconfigure(checks, now).or(moved);
        if let Some(change) = change.filter(|change| change.to != before) {
            changes.push((backend.key.clone(), health::Change { from: before, ..change }));
        }
        health
    }
}

/// Whether a backend was configured by hostname.
fn is_named(backend: &ResolvedBackend) -> bool {
    matches!(&backend.address, Address::Inet(address) if *backend.authority != address.to_string())
}
