//! What the pools' protections did.

use crate::control::Status;
use crate::events::wire::Action;
use crate::live::{Limiter, Live};
use crate::metrics::{Exposition, Family, names};
use crate::model::Circuit;

/// What was sent again, and what was not.
pub(super) fn retries(out: &mut Exposition, status: &Status, live: &Live) {
    let counted: Vec<_> =
        status.pools.iter().map(|it| (&it.name, live.retries(&it.name).counted())).collect();
    let mut sent = out.family(&names::POOL_RETRIES);
    for (pool, (count, _)) in &counted {
        sent.add(&[pool], *count as f64);
    }
    let mut refused = out.family(&names::POOL_RETRIES_REFUSED);
    for (pool, (_, count)) in &counted {
        refused.add(&[pool], *count as f64);
    }
}

/// Who has a place, who waits for one, and who got none.
pub(super) fn queues(out: &mut Exposition, status: &Status, live: &Live) {
    let queues: Vec<_> = status.pools.iter().map(|it| (&it.name, live.queue(&it.name))).collect();
    let mut taken = out.family(&names::POOL_PLACES);
    for (pool, queue) in &queues {
        taken.add(&[pool], f64::from(queue.taken()));
    }
    let mut waiting = out.family(&names::POOL_WAITING);
    for (pool, queue) in &queues {
        waiting.add(&[pool], queue.waiting() as f64);
    }
    let mut unplaced = out.family(&names::POOL_NOT_PLACED);
    for (pool, queue) in &queues {
        let (full, late) = queue.counted();
        unplaced.add(&[pool, "full"], full as f64);
        unplaced.add(&[pool, "late"], late as f64);
    }
}

/// What is ordered about requests themselves.
pub(super) fn exceptions(out: &mut Exposition, status: &Status) {
    let mut level_in_force = out.family(&names::DEGRADATION);
    for order in &status.exceptions {
        if let Action::Degrade { level: Some(level) } = &order.action {
            level_in_force.add(&[level], 1.0);
        }
    }
    let faults = status.exceptions.iter();
    let faults = faults.filter(|order| matches!(order.action, Action::Fault { .. })).count();
    out.family(&names::FAULTS).add(&[], faults as f64);
}

/// How the pools' circuit breakers stand.
pub(super) fn breakers(out: &mut Exposition, status: &Status, live: &Live) {
    let with = || status.pools.iter().filter_map(|it| Some((&it.name, it.breaker.as_ref()?)));
    let mut states = out.family(&names::BREAKER_STATE);
    for (pool, breaker) in with() {
        for name in Circuit::NAMES {
            states.add(&[pool, name], f64::from(u8::from(breaker.circuit.name() == name)));
        }
    }
    let mut opened = out.family(&names::BREAKER_OPENED);
    for (pool, breaker) in with() {
        opened.add(&[pool], breaker.opened as f64);
    }
    let mut refused = out.family(&names::BREAKER_REFUSED);
    for (pool, _) in with() {
        refused.add(&[pool], live.arrivals(pool).kept_out() as f64);
    }
}

/// How much those pools have to do that shed by load.
pub(super) fn loads(out: &mut Exposition, status: &Status, live: &Live) {
    let loads: Vec<_> = status.pools.iter().map(|it| (&it.name, live.pressure(&it.name))).collect();
    let mut under_way = out.family(&names::POOL_UNDER_WAY);
    for (pool, pressure) in &loads {
        under_way.add(&[pool], f64::from(pressure.under_way()));
    }
    let mut limit = out.family(&names::POOL_LIMIT);
    for (pool, pressure) in loads.iter().filter(|(_, pressure)| pressure.limit() < u32::MAX) {
        limit.add(&[pool], f64::from(pressure.limit()));
    }
    let mut refused = out.family(&names::POOL_OVERLOADED);
    for (pool, pressure) in &loads {
        refused.add(&[pool], pressure.refused() as f64);
    }
}

/// What came too soon.
pub(super) fn rate_limits(out: &mut Exposition, live: &Live) {
    type Counted = fn(&Limiter) -> u64;
    let limiters = live.limiters();
    let families: [(&Family, Counted); 2] = [
        (&names::RATE_LIMITED, Limiter::refused),
        (&names::RATE_LIMIT_FORGOTTEN, Limiter::forgotten),
    ];
    for (family, counted) in families {
        let mut samples = out.family(family);
        for (key, limiter) in &limiters {
            let route = key.route.as_deref().unwrap_or_default();
            samples.add(&[&key.listener, route, &key.limit], counted(limiter) as f64);
        }
    }
}
