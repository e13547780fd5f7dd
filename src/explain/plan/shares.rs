//! Which part of each pool's traffic moves, and what is left to lose.

use super::view::{Pool, Zone};
use crate::decision::{Outlook, State};
use crate::model::{PoolPlan, ZonePlan};

/// Parts too small to be told from rounding.
const NOTHING: f64 = 1e-6;

/// The pools of both whose traffic moves, in the order of the new configuration.
pub(super) fn moves(before: &State, after: &State) -> Vec<Pool> {
    let pools = after.plan().pools.iter();
    pools.filter_map(|new| moved(pool_of(before, &new.pool)?.0, new)).collect()
}

/// What each pool would have lost: somebody to serve it, a part of its traffic, or the zone to spare.
pub(super) fn warnings(before: &State, after: &State) -> Vec<String> {
    let mut warnings = Vec::new();
    for (new, outlook) in after.plan().pools.iter().zip(after.outlooks()) {
        let name = &new.pool;
        let old = pool_of(before, name);
        let served = |plan: &PoolPlan| plan.zones.iter().any(|zone| zone.share > 0.0);
        if !served(new) {
            if old.as_ref().is_none_or(|(old, _)| served(old)) {
                warnings.push(format!("pool {name}: nobody would be left to serve it"));
            }
            continue;
        }
        let shed = old.as_ref().map_or(0.0, |(old, _)| old.shed);
        if new.shed > shed + NOTHING {
            let (from, to) = (shed * 100.0, new.shed * 100.0);
            warnings.push(format!(
                "pool {name}: would shed {to:.1} % of its traffic ({from:.1} % now)"
            ));
        }
        let spare = |headroom: Option<f64>| headroom.is_some_and(|it| it >= 1.0);
        let had = old.and_then(|(_, outlook)| outlook.headroom);
        if spare(had) && !spare(outlook.headroom) {
            let (from, to) = (had.unwrap_or_default(), outlook.headroom.unwrap_or_default());
            warnings.push(format!(
                "pool {name}: could no longer lose its largest zone (N-1 headroom {from:.2} -> {to:.2})"
            ));
        }
    }
    warnings
}

fn pool_of<'s>(state: &'s State, name: &str) -> Option<(&'s PoolPlan, Outlook)> {
    let mut pools = state.plan().pools.iter().zip(state.outlooks());
    let (plan, outlook) = pools.find(|(plan, _)| *plan.pool == *name)?;
    Some((plan, outlook))
}

fn moved(old: &PoolPlan, new: &PoolPlan) -> Option<Pool> {
    let share = |plan: &PoolPlan, like: &ZonePlan| {
        let same = |zone: &&ZonePlan| zone.zone == like.zone && zone.region == like.region;
        plan.zones.iter().find(same).map(|zone| zone.share)
    };
    let gone = old.zones.iter().filter(|zone| share(new, zone).is_none());
    let zones = new.zones.iter().chain(gone).filter_map(|zone| {
        let before = share(old, zone).unwrap_or_default();
        let after = share(new, zone).unwrap_or_default();
        let (region, name) = (zone.region.to_string(), zone.zone.to_string());
        let differs = (after - before).abs() > NOTHING;
        differs.then_some(Zone { region, zone: name, before, after })
    });
    let zones: Vec<Zone> = zones.collect();
    let shed = (new.shed - old.shed).max(0.0);
    let moved = zones.iter().map(|zone| (zone.after - zone.before).max(0.0)).sum::<f64>() + shed;
    (!zones.is_empty()).then(|| Pool { name: new.pool.to_string(), moved, zones })
}
