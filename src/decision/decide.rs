//! From everything known to a plan, one pool after the other.

use super::orders::Orders;
use super::report::{PoolReport, Report};
use super::{Candidate, eligible, share};
use crate::config::{Config, Pool};
use crate::model::{BackendPlan, Plan, PoolPlan, ZonePlan};

/// All that a decision looks at.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Each pool's backends, the pools in the config's order.
    pub pools: &'a [Vec<Candidate<'a>>],
    /// The orders that stand.
    pub orders: &'a Orders,
    /// The plan before this one; the report tells what moved since.
    pub previous: &'a Plan,
}

/// Decides anew, for all pools.
#[must_use]
pub fn decide(inputs: &Inputs<'_>) -> (Plan, Report) {
    let mut plan = Plan::default();
    let mut report = Report::default();
    for (pool, candidates) in inputs.config.pools.iter().zip(inputs.pools) {
        let previous = inputs.previous.pools.iter().find(|before| before.pool == pool.name);
        let (decided, told) = decide_pool(pool, candidates, inputs.orders, previous);
        plan.pools.push(decided);
        report.pools.push(told);
    }
    (plan, report)
}

fn decide_pool(
    pool: &Pool,
    candidates: &[Candidate<'_>],
    orders: &Orders,
    previous: Option<&PoolPlan>,
) -> (PoolPlan, PoolReport) {
    let mut report = PoolReport::new(&pool.name);
    let weights = eligible::own(candidates, &mut report);
    let weights = eligible::without_idle_backups(candidates, weights, &mut report);
    let mut zones = share::zones(pool, candidates, &weights, orders, &mut report);
    let regions = share::of_regions(pool, &zones, orders, &mut report);
    share::of_zones(&mut zones, &regions, &mut report);
    share::tell_moves(&zones, previous, &mut report);

    let planned = |zone: share::Zone<'_>| ZonePlan {
        region: zone.region.name.clone(),
        zone: zone.zone.name.clone(),
        standing: zone.standing,
        share: zone.share,
        backends: zone.members.iter().map(|&i| planned(&candidates[i], weights[i])).collect(),
    };
    let zones = zones.into_iter().map(planned).collect();
    (PoolPlan { pool: pool.name.clone(), zones }, report)
}

fn planned(candidate: &Candidate<'_>, effective_weight: f64) -> BackendPlan {
    BackendPlan {
        name: candidate.backend.key.name.clone(),
        address: candidate.backend.address.clone(),
        weight: candidate.weight(),
        effective_weight,
        health: candidate.health,
        admin: candidate.ordered.admin,
        reason: candidate.reason.clone(),
    }
}
