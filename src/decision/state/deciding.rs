//! From facts taken in to a plan: which pools are to be decided anew, and when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::State;
use crate::config::Pool;
use crate::decision::pool::{Inputs, PoolCore};
use crate::decision::{Candidate, Change, Member, Outlook, Report, outlook};
use crate::health::CircuitEvidence;
use crate::model::{Action, Arrivals, Circuit, Health, Order, PlaceKey, Plan, Standing, Traffic};

/// How often a pool's load is measured.
const MEASURE: Duration = Duration::from_millis(100);

impl State {
    /// Finds each pool's memory anew, keeping what is known of zones and regions.
    pub(super) fn remember(&mut self) {
        let before = std::mem::take(&mut self.cores);
        for (pool, members) in self.config.pools.iter().zip(&self.pools) {
            let zones = pool.regions.iter().flat_map(|region| {
                region.zones.iter().map(move |zone| (&*region.name, &*zone.name))
            });
            // They are in the zones' order.
            let mut rest = members.iter().peekable();
            let size = |(region, zone): (&str, &str)| {
                let within = |member: &&Member| {
                    *member.backend.zone == *zone && *member.backend.region == *region
                };
                std::iter::from_fn(|| rest.next_if(within)).count()
            };
            let mut core = PoolCore::new(pool, zones.map(size));
            if let Some(before) = before.iter().find(|before| before.plan.pool == pool.name) {
                core.carry_over(pool, before);
            }
            self.cores.push(core);
        }
    }

    /// Notes that something about a member has changed.
    pub(super) fn touch(&mut self, (pool, place): (usize, usize)) {
        if let Some(core) = self.cores.get_mut(pool) {
            core.touch(place);
        }
    }

    /// Lets a restoring order do its part on the places it is about.
    pub(super) fn restore(&mut self, order: &Order, now: Instant) {
        if !matches!(order.action, Action::Restore { .. }) {
            return;
        }
        for (pool, core) in self.config.pools.iter().zip(&mut self.cores) {
            core.restore(pool, order, now);
        }
    }

    /// Counts what was seen of a member's traffic.
    pub(super) fn count(&mut self, (pool, place): (usize, usize), sample: &Traffic, now: Instant) {
        if let (Some(core), Some(settings)) =
            (self.cores.get_mut(pool), self.config.pools.get(pool))
        {
            core.count(settings, place, sample, now);
            let member = self.pools.get(pool).and_then(|members| members.get(place));
            let well = member.is_some_and(|member| member.health.health().0 == Health::Up);
            self.starts.count((pool, core.zone_at(place)), place, well, sample);
        }
    }

    /// Counts what arrived at a pool.
    pub(super) fn arrived(&mut self, arrivals: &Arrivals) {
        let mut cores = self.cores.iter_mut();
        if let Some(core) = cores.find(|core| core.plan.pool == arrivals.pool) {
            core.mix.count(&arrivals.by_class);
        }
    }

    /// Lets the pools' breakers judge what was seen, and that time has passed.
    pub(super) fn judge_breakers(&mut self, now: Instant, changes: &mut Vec<Change>) {
        for (pool, core) in self.config.pools.iter().zip(&mut self.cores) {
            if let Some(from) = core.judge_breaker(pool, now) {
                changes.extend(circuit_change(pool, core, from));
            }
        }
    }

    /// Closes the breakers of the pools that an order is about.
    pub(super) fn reset_breakers(
        &mut self,
        order: &Order,
        now: Instant,
        changes: &mut Vec<Change>,
    ) {
        if order.action != Action::ResetBreaker {
            return;
        }
        for (pool, core) in self.config.pools.iter().zip(&mut self.cores) {
            let Some(terms) = pool.breaker.as_ref().filter(|_| order.scope.covers_pool(&pool.name))
            else {
                continue;
            };
            let from = core.breaker.circuit(terms);
            if core.breaker.reset(now) {
                (core.changed, core.urgent) = (true, true);
                changes.extend(circuit_change(pool, core, from));
            }
        }
    }

    /// How each pool's breaker stands, in config order; `None` where there is none.
    pub fn breakers(&self) -> impl Iterator<Item = Option<CircuitEvidence>> {
        let pools = self.config.pools.iter().zip(&self.cores);
        pools.map(|(pool, core)| Some(core.breaker.evidence(pool.breaker.as_ref()?)))
    }

    /// Judges what traffic has shown in this step.
    pub(super) fn judge_traffic(&mut self, now: Instant) {
        for (pool, core) in self.config.pools.iter().zip(&mut self.cores) {
            core.judge(pool);
            core.look_at_mix(now);
            if core.bounded && core.load.last().is_none_or(|last| now >= last + MEASURE) {
                core.measure(now);
            }
        }
    }

    /// Whether a decision is due, by news or by time.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let mut due = self.pace.take(now);
        for core in &mut self.cores {
            if core.due.0.is_some_and(|at| at <= now) {
                core.changed = true;
                due = true;
            }
            due |= core.urgent;
        }
        due
    }

    /// Decides for every pool that something has happened to; true if the plan is another now.
    pub(super) fn decide(&mut self, now: Instant, changes: &mut Vec<Change>) -> bool {
        let pools = self.config.pools.iter().zip(&self.pools);
        for ((pool, members), core) in pools.zip(&mut self.cores) {
            if !core.changed {
                continue;
            }
            let candidate = |place: usize| candidate(&members[place], pool, now);
            let moved = core.decide(&Inputs { pool, candidate, orders: &self.orders, now });
            if pool.failover.headroom.is_some() {
                core.headroom.see(outlook::of(core, pool, &self.orders).headroom);
            }
            changes.extend(moved.into_iter().map(Change::Moved));
        }
        self.report = Report { pools: self.cores.iter().map(|c| Arc::clone(&c.report)).collect() };
        let before = self.plan.pools.iter();
        let (degradation, faults) = (self.orders.degradation(), self.orders.faults());
        let same = (&self.plan.degradation, &self.plan.faults) == (&degradation, &faults)
            && self.cores.len() == before.len()
            && self.cores.iter().zip(before).all(|(core, plan)| Arc::ptr_eq(&core.plan, plan));
        if !same {
            let pools = self.cores.iter().map(|core| Arc::clone(&core.plan)).collect();
            self.plan = Arc::new(Plan { pools, degradation, faults });
        }
        !same
    }

    /// Tells which pools can no longer lose their largest zone, and which can again.
    pub(super) fn judge_headroom(&mut self, now: Instant, changes: &mut Vec<Change>) {
        for (pool, core) in self.config.pools.iter().zip(&mut self.cores) {
            let Some(limit) = &pool.failover.headroom else { continue };
            if let Some((low, headroom)) = core.headroom.judge(limit, now) {
                changes.push(Change::Headroom { pool: pool.name.clone(), low, headroom });
            }
        }
    }

    /// What each pool could do beyond what it does, in config order.
    pub fn outlooks(&self) -> impl Iterator<Item = Outlook> {
        let pools = self.config.pools.iter().zip(&self.cores);
        pools.map(|(pool, core)| outlook::of(core, pool, &self.orders))
    }

    /// How every zone and region stands that is not simply active: what a restart must not forget.
    #[must_use]
    pub fn standings(&self) -> Vec<(PlaceKey, Standing)> {
        let pools = self.config.pools.iter().zip(&self.cores);
        pools.flat_map(|(pool, core)| core.standings(pool)).collect()
    }

    /// Takes over how zones and regions stood before a restart; those that are no longer configured
    /// are forgotten. `stale` = it is too long ago that what was on its way back was seen there.
    pub fn resume(&mut self, standings: &[(PlaceKey, Standing)], stale: bool, now: Instant) {
        for (pool, core) in self.config.pools.iter().zip(&mut self.cores) {
            core.resume(pool, standings, stale, now);
        }
        self.pace.at_once(now);
    }

    /// Whether any zone or region is on its way back, judged by its traffic.
    #[must_use]
    pub fn is_restoring(&self) -> bool {
        self.cores.iter().any(|core| core.judging)
    }
}

fn circuit_change(pool: &Pool, core: &PoolCore, from: Circuit) -> Option<Change> {
    let CircuitEvidence { circuit: to, cause, .. } = core.breaker.evidence(pool.breaker.as_ref()?);
    Some(Change::Circuit { pool: pool.name.clone(), from, to, cause })
}

fn candidate<'a>(member: &'a Member, pool: &Pool, now: Instant) -> Candidate<'a> {
    let (health, reason) = member.health.health();
    let start = member.start.as_ref();
    Candidate {
        backend: &member.backend,
        health,
        reason,
        last_resort: member.health.is_last_resort(),
        ordered: member.ordered,
        ramp: start.and_then(|start| start.part(pool, now)).unwrap_or(1.0),
        setbacks: start.map_or(0, |start| start.setbacks),
    }
}
