//! What a step decided, line by line: what a replay compares.

use super::Change;
use super::state::Step;
use crate::model::{Health, Phase, Plan, PoolPlan, ZonePlan};

impl Step {
    /// Every verdict, turn and share that changed; the same step gives the same lines. `before` is the
    /// plan before it.
    #[must_use]
    pub fn decided(&self, before: &Plan) -> Vec<String> {
        let mut lines: Vec<String> = self.changes.iter().filter_map(change).collect();
        for after in self.plan.iter().flat_map(|plan| &plan.pools) {
            let old = before.pools.iter().find(|before| before.pool == after.pool);
            shares(old.map(|old| &**old), after, &mut lines);
        }
        lines
    }
}

fn change(change: &Change) -> Option<String> {
    match change {
        Change::Health(key, change) => {
            let reason = change.reason.as_ref().filter(|_| change.to != Health::Up);
            let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
            let (from, to) = (health(change.from), health(change.to));
            Some(format!("backend {key} {from} -> {to}{reason}"))
        }
        Change::Moved(moved) => {
            let (from, to) = (phase(moved.from.phase), phase(moved.to.phase));
            let lasting = if moved.escalated { ", and does not recover" } else { "" };
            Some(format!("{} {from} -> {to}: {}{lasting}", moved.place, moved.to.cause))
        }
        Change::SetBack(key, why) => Some(format!("backend {key} starts again: {why}")),
        Change::CommonCause(pool, symptom) => Some(match symptom {
            Some((_, failure)) => {
                format!("pool {pool} fails alike in every zone: {}", failure.name())
            }
            None => format!("pool {pool} no longer fails alike in every zone"),
        }),
        Change::Headroom { pool, low, headroom } => {
            let now = if *low { "can not lose" } else { "can lose" };
            let percent = headroom * 100.0;
            Some(format!("pool {pool} {now} its largest zone: {percent:.0} % without it"))
        }
        Change::Circuit { pool, from, to, cause } => {
            Some(format!("circuit of {pool} {from} -> {to}: {cause}"))
        }
        Change::Expired(order) => Some(format!("order over: {order}")),
        Change::Resolved(..) | Change::Unresolved(..) | Change::Members => None,
    }
}

fn health(health: Health) -> String {
    match health {
        Health::Degraded(factor) => format!("degraded to {:.0} %", factor * 100.0),
        health => health.name().to_owned(),
    }
}

fn phase(phase: Phase) -> String {
    match phase {
        Phase::Restoring { stage } => format!("restoring, stage {}", stage + 1),
        phase => phase.name().to_owned(),
    }
}

fn shares(before: Option<&PoolPlan>, after: &PoolPlan, lines: &mut Vec<String>) {
    let of = |plan: &ZonePlan| (plan.region.clone(), plan.zone.clone());
    for zone in &after.zones {
        let old = before.and_then(|before| before.zones.iter().find(|old| of(old) == of(zone)));
        let old = old.map_or(0.0, |old| old.share);
        if (old - zone.share).abs() > 1e-9 {
            let (from, to) = (old * 100.0, zone.share * 100.0);
            let place = format!("{}/{}/{}", after.pool, zone.region, zone.zone);
            lines.push(format!("share {place} {from:.2} % -> {to:.2} %"));
        }
    }
    let (old, shed) = (before.map_or(0.0, |before| before.shed), after.shed);
    if (old - shed).abs() > 1e-9 {
        lines.push(format!("shed {} {:.2} % -> {:.2} %", after.pool, old * 100.0, shed * 100.0));
    } else if before.is_some_and(|before| before.admission != after.admission) {
        lines.push(format!("admits {}: {}", after.pool, after.admission));
    }
}
