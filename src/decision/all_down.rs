//! Step 6: what is done when nothing can take traffic, by the pool's own choice.
//!
//! Only when all is *known* to be down: while a backend waits for its first verdict, waiting is
//! better than guessing. And what an operator has removed stays removed, whatever the choice.

use std::sync::Arc;

use super::pool::PoolCore;
use super::report::{PoolReport, Stage, Why};
use super::share::Decided;
use crate::config::{Pool, WhenAllDown};
use crate::model::{Admin, BackendPlan, PoolPlan};

/// What is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relief {
    /// Nothing, or there is no need.
    None,
    /// Everybody whom no order has removed is used.
    Everybody,
    /// What took traffic last goes on.
    LastKnownGood,
}

/// Whether all is down, and what is done then.
pub(super) fn relief(
    core: &PoolCore,
    pool: &Pool,
    shares: &Decided,
    report: &mut PoolReport,
) -> Relief {
    let anybody = core.zones.iter().map(|zone| zone.tally.anybody).sum::<f64>() > 0.0;
    let waits = core.zones.iter().any(|zone| zone.tally.waits);
    // What is up and has no weight, or is out by order, is not down.
    let up = core.zones.iter().any(|zone| zone.tally.primaries + zone.tally.backups > 0.0);
    if shares.total() > 0.0 || waits || up || !anybody {
        return Relief::None;
    }
    let (did, relief) = match &pool.failover.when_all_down {
        WhenAllDown::Refuse => ("refuses all requests", Relief::None),
        WhenAllDown::Respond(_) => ("answers by a fixed response", Relief::None),
        WhenAllDown::All => ("uses everybody", Relief::Everybody),
        WhenAllDown::LastKnownGood => ("uses what took traffic last", Relief::LastKnownGood),
    };
    report.add(Stage::AllDown, did.to_owned(), Why::Because("all is down".to_owned()));
    relief
}

/// Gives zones and backends what they had when anything took traffic last, but for what has been
/// removed by order since.
pub(super) fn as_last_known(good: Option<&PoolPlan>, plan: &mut PoolPlan) {
    let Some(good) = good else { return };
    let mut total = 0.0;
    for zone in &mut plan.zones {
        let same = good.zones.iter().find(|it| it.zone == zone.zone && it.region == zone.region);
        let Some(before) = same else { continue };
        let weight = |backend: &BackendPlan| {
            let before = before.backends.iter().find(|it| it.name == backend.name);
            match backend.admin {
                Admin::Ready => before.map_or(0.0, |before| before.effective_weight),
                Admin::Drain | Admin::Maint => 0.0,
            }
        };
        let weighed = |backend: &BackendPlan| BackendPlan {
            effective_weight: weight(backend),
            ..backend.clone()
        };
        let backends: Arc<[BackendPlan]> = zone.backends.iter().map(weighed).collect();
        if backends.iter().any(|backend| backend.effective_weight > 0.0) {
            zone.share = before.share;
            total += before.share;
        }
        zone.backends = backends;
    }
    if total > 0.0 {
        plan.zones.iter_mut().for_each(|zone| zone.share /= total);
    }
}
