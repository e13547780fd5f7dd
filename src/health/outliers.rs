//! Which backends of a pool answer so much worse than the others that they should be out.
//!
//! One by one, the worst first, as far as the pool can spare them; whoever is as bad as all the
//! others stays, because it is not what ails them. And while the pool can spare nobody, nobody waits
//! for time to pass alone.

use std::time::Instant;

use super::backend::{BackendHealth, Change};
use super::ejection::is_bad;
use super::window::Tally;
use crate::config::TrafficCheck;
use crate::model::Health;

/// Ejects outliers among the backends that take part in a pool's traffic, and lets back whom it
/// cannot spare; returns the place and the change of each.
pub fn eject_outliers(pool: &mut [&mut BackendHealth], now: Instant) -> Vec<(usize, Change)> {
    let mut changes = release(pool, now);
    let backends = pool.len() as f64;
    let most = |settings: &TrafficCheck| ((backends * settings.max_ejected) as usize).max(1);
    let mut out = pool.iter().filter(|health| health.is_ejected()).count();
    let mut serving = pool.iter().filter(|health| serves(health)).count();
    let mut tallies: Vec<(usize, Tally)> =
        pool.iter_mut().enumerate().filter_map(|(at, it)| Some((at, it.tally(now)?))).collect();
    let badness = |tally: &Tally| {
        let (failed, slow) = tally.parts();
        failed.max(slow)
    };
    tallies.sort_by(|(_, a), (_, b)| badness(b).total_cmp(&badness(a)));
    let mut all = Tally::default();
    tallies.iter().for_each(|(_, tally)| all.add(*tally));
    for (at, own) in tallies {
        if serving < 2 {
            break;
        }
        let rest = all.without(own);
        let Some(settings) = pool[at].traffic_check() else { continue };
        if out >= most(settings) || !is_bad(own, rest, settings) || !serves(pool[at]) {
            continue;
        }
        if let Some(change) = pool[at].eject(now) {
            changes.push((at, change));
            (all, out, serving) = (rest, out + 1, serving - 1);
        }
    }
    changes
}

/// Lets those back who wait for nothing but their time, while fewer than half of the pool serve, or
/// only one: the next failure must find somebody else to take its requests.
fn release(pool: &mut [&mut BackendHealth], now: Instant) -> Vec<(usize, Change)> {
    let serving = pool.iter().filter(|health| serves(health)).count();
    if can_spare_one(serving, pool.len()) {
        return Vec::new();
    }
    let waiting = pool.iter_mut().enumerate().filter(|(_, health)| !serves(health));
    waiting.filter_map(|(at, health)| Some((at, health.hasten(serving == 0, now)?))).collect()
}

/// Whether a pool of so many, so many of which serve, can do without one for a while: not while fewer
/// than half of it serve, or only one.
#[must_use]
pub fn can_spare_one(serving: usize, all: usize) -> bool {
    serving >= 2 && 2 * serving >= all
}

fn serves(health: &BackendHealth) -> bool {
    matches!(health.health().0, Health::Up | Health::Degraded(_))
}
