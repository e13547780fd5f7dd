//! Step 7: how fast traffic moves, and what has moved.

use std::time::{Duration, Instant};

use super::pool::PoolCore;
use super::report::PoolReport;
use super::share::Decided;
use crate::config::Pool;
use crate::model::{PoolPlan, ZonePlan};

/// How often a slow move goes on.
const STEP: Duration = Duration::from_millis(100);
/// Shares that differ by less are the same.
const SAME: f64 = 1e-9;

/// Lets no more traffic move away from zones that could go on than the config allows per second.
/// What a zone can no longer take moves at once, and what is shed does not move.
pub(super) fn limit(core: &mut PoolCore, pool: &Pool, shares: &mut Decided, now: Instant) {
    let Some(rate) = pool.failover.max_share_per_second else { return };
    let Some(decided_at) = core.decided_at else { return };
    let total = core.plan.zones.iter().map(|zone| zone.share).sum::<f64>();
    if core.plan.zones.len() != shares.zones.len() || total <= SAME {
        return;
    }
    let (stays, more) = ((shares.total() / total).min(1.0), shares.total() - total);
    let admitted = if more > SAME { more } else { 0.0 };
    let before: Vec<f64> = core.plan.zones.iter().map(|zone| zone.share * stays).collect();
    let could_go_on = |at: usize| {
        let room = shares.rooms[at];
        !core.zone_places[at].is_ordered() && room > 0.0 && before[at] <= room + SAME
    };
    let rises = |at: usize| (shares.zones[at] - before[at]).max(0.0);
    let falls = |at: usize| (before[at] - shares.zones[at]).max(0.0);
    let zones = 0..before.len();
    let rising = zones.clone().map(rises).sum::<f64>();
    let forced = zones.clone().filter(|at| !could_go_on(*at)).map(falls).sum::<f64>();
    let free = zones.clone().filter(|at| could_go_on(*at)).map(falls).sum::<f64>();
    // A long quiet saves nothing up.
    let passed = now.saturating_duration_since(decided_at).min(STEP);
    let allowed = rate * passed.as_secs_f64();
    if free <= allowed + SAME || rising <= SAME {
        return;
    }
    // What rises is all that is forced, the allowed part of what is free, and what was shed before.
    let fall = |at: usize| if could_go_on(at) { falls(at) * allowed / free } else { falls(at) };
    let rise = ((forced + allowed + admitted) / rising).min(1.0);
    shares.zones = zones.map(|at| before[at] - fall(at) + rises(at) * rise).collect();
    core.due.at(Some(now + STEP));
}

/// Says which zones' shares are not what they were.
pub(super) fn tell(plan: &PoolPlan, before: &PoolPlan, report: &mut PoolReport) {
    for (at, zone) in plan.zones.iter().enumerate() {
        let same = |it: &&ZonePlan| it.region == zone.region && it.zone == zone.zone;
        let at_its_place = before.zones.get(at).filter(same);
        let was = at_its_place.or_else(|| before.zones.iter().find(same));
        let share = was.map_or(0.0, |was| was.share);
        if (share - zone.share).abs() > SAME {
            report.moved(zone, share);
        }
    }
}
