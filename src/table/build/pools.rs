//! Pools and their zones, by the plan.

use std::sync::Arc;

use super::members::Terms;
use super::{Inputs, members};
use crate::balance::round_robin::Schedule;
use crate::balance::{ip_hash, share_parts};
use crate::config::{self, FixedResponse, WhenAllDown};
use crate::live::Live;
use crate::model::{Admission, Circuit, PoolPlan, ZoneKey, ZonePlan};
use crate::net::tls::ClientContext;
use crate::table::pool::Secured;
use crate::table::{Budget, Door, Pool, Shedding, Zone};

pub(super) fn build(inputs: &Inputs<'_>) -> Vec<Arc<Pool>> {
    let settings = inputs.config.pools.iter().enumerate();
    settings.map(|(at, settings)| pool(inputs, settings, plan_of(inputs, at, settings))).collect()
}

/// The pool's part of the plan: at the same place, by the plan's contract.
fn plan_of<'a>(
    inputs: &Inputs<'a>,
    at: usize,
    settings: &config::Pool,
) -> Option<&'a Arc<PoolPlan>> {
    inputs.plan.pools.get(at).filter(|plan| plan.pool == settings.name)
}

fn pool(inputs: &Inputs<'_>, settings: &config::Pool, plan: Option<&Arc<PoolPlan>>) -> Arc<Pool> {
    let id = inputs.live.pool_id(&settings.name);
    let before = inputs.previous.and_then(|previous| previous.shared_pool(id));
    let same_config =
        inputs.previous.is_some_and(|previous| Arc::ptr_eq(&previous.config, inputs.config));
    // Most pools are decided as before, which shows at a glance.
    if let (Some(plan), Some(before)) = (plan, before)
        && same_config
        && before.plan.as_ref().is_some_and(|before| Arc::ptr_eq(before, plan))
    {
        return Arc::clone(before);
    }
    let admission = plan.map_or(Admission::ALL, |plan| plan.admission);
    let circuit = plan.map_or(Circuit::Closed, |plan| plan.circuit);
    let plans = plan.map_or(&[][..], |plan| &plan.zones);
    let before_zones = before.map_or(&[][..], |pool| &pool.zones);
    let tls = secured(settings, before);
    let terms = Terms::of(settings, tls.as_ref(), same_config);
    let zones: Vec<Zone> =
        plans.iter().map(|plan| zone(inputs, settings, &terms, plan, before_zones)).collect();
    if let Some(before) = before
        && same_settings(before, settings)
        && before.door.admission == admission
        && before.door.circuit == circuit
        && same_zones(&before.zones, &zones)
    {
        return Arc::clone(before);
    }
    let shares: Vec<u32> = zones.iter().map(|zone| share_parts(zone.share)).collect();
    let name = &settings.name;
    Arc::new(Pool {
        id,
        name: Arc::clone(name),
        algorithm: settings.algorithm.clone(),
        timeouts: settings.timeouts,
        abort_on_close: settings.abort_on_close,
        unsafe_reuse_age: settings.unsafe_reuse_age,
        idle_connections: settings.idle_connections,
        on_down: settings.on_down,
        budget: Budget::new(
            settings.retries,
            inputs.live.retries(name),
            inputs.live.arrivals(name),
        ),
        concurrent: settings.concurrent,
        queue: settings.queue,
        proxy_protocol: settings.proxy_protocol,
        http2: settings.http2.is_some(),
        tls,
        waiting: inputs.live.queue(name),
        when_down: when_down(settings),
        door: Door::new(
            (admission, circuit),
            shedding(inputs.live, settings),
            inputs.live.arrivals(name),
        ),
        turns: Schedule::new(&shares),
        plan: plan.map(Arc::clone),
        zones,
    })
}

fn same_settings(before: &Pool, settings: &config::Pool) -> bool {
    before.algorithm == settings.algorithm
        && before.timeouts == settings.timeouts
        && before.abort_on_close == settings.abort_on_close
        && before.unsafe_reuse_age == settings.unsafe_reuse_age
        && before.idle_connections == settings.idle_connections
        && before.on_down == settings.on_down
        && before.budget.terms == settings.retries
        && before.concurrent == settings.concurrent
        && before.queue == settings.queue
        && before.proxy_protocol == settings.proxy_protocol
        && before.http2 == settings.http2.is_some()
        && before.door.shedding.as_ref().map(|it| it.terms) == settings.shed
        && before.tls.as_ref().map(|tls| &tls.terms) == settings.tls.as_ref()
        && before.when_down == when_down(settings)
}

fn shedding(live: &Live, settings: &config::Pool) -> Option<Shedding> {
    let (name, queue) = (&settings.name, settings.queue);
    Some(Shedding::new(settings.shed?, live.pressure(name), live.queue(name), queue))
}

/// How TLS is spoken with the backends: the same context as before where nothing of it has changed, so
/// that sessions are resumed.
fn secured(settings: &config::Pool, before: Option<&Arc<Pool>>) -> Option<Secured> {
    let (terms, http2) = (settings.tls.as_ref()?, settings.http2.is_some());
    let same = before
        .and_then(|before| before.tls.clone())
        .filter(|tls| tls.terms == *terms && tls.http2 == http2);
    Some(same.unwrap_or_else(|| Secured {
        terms: terms.clone(),
        context: ClientContext::new(terms, http2),
        http2,
    }))
}

/// What requests are answered with when nothing can take them, if the pool has a choice of its own.
fn when_down(settings: &config::Pool) -> Option<FixedResponse> {
    match &settings.failover.when_all_down {
        WhenAllDown::Respond(fixed) => Some(fixed.clone()),
        WhenAllDown::Refuse | WhenAllDown::All | WhenAllDown::LastKnownGood => None,
    }
}

fn same_zones(before: &[Zone], zones: &[Zone]) -> bool {
    let same = |(before, zone): (&Zone, &Zone)| {
        before.id == zone.id
            && before.share == zone.share
            && Arc::ptr_eq(&before.members, &zone.members)
    };
    before.len() == zones.len() && before.iter().zip(zones).all(same)
}

fn zone(
    inputs: &Inputs<'_>,
    settings: &config::Pool,
    terms: &Terms<'_>,
    plan: &ZonePlan,
    before: &[Zone],
) -> Zone {
    let key = ZoneKey {
        pool: Arc::clone(&settings.name),
        region: Arc::clone(&plan.region),
        zone: Arc::clone(&plan.zone),
    };
    let id = inputs.live.zone_id(&key);
    let before = before.iter().find(|zone| zone.id == id);
    Zone {
        id,
        region: Arc::clone(&plan.region),
        name: Arc::clone(&plan.zone),
        share: plan.share,
        identity: before
            .map_or_else(|| ip_hash::key(key.to_string().as_bytes()), |zone| zone.identity),
        members: members::build(
            inputs.live,
            settings,
            terms,
            plan,
            before.map(|zone| &zone.members),
        ),
    }
}
