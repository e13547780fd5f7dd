//! From the route to the pools, and down to the backends: who gets which part, and why not more.

use std::collections::HashMap;
use std::sync::Arc;

use super::needs::{lost, needs};
use super::protections::protections;
use super::view;
use super::{Known, Question, nearest};
use crate::balance::ip_hash;
use crate::config::{Algorithm, HashKey};
use crate::model::{Admin, BackendPlan, PoolPlan, PriorityClass, ZonePlan};
use crate::table::{BackendOdds, Picker, Pool, RateLimit, Route, Split, ZoneOdds};

/// Where a route leads, and as what.
pub(super) struct Led<'t> {
    /// To one of these pools.
    pub(super) split: &'t Split,
    /// The priority class.
    pub(super) class: PriorityClass,
    /// That in words, and where it comes from.
    pub(super) told_class: String,
    /// The listener's name.
    pub(super) listener: &'t str,
    /// The name of the route, whatever is forwarded.
    pub(super) name: &'t str,
    /// The rate limits of the listener.
    pub(super) listener_rates: &'t [RateLimit],
    /// The route, if it is one of requests.
    pub(super) route: Option<&'t Route>,
}

/// The pools of the route that matched, if it leads to any.
pub(super) fn pools(
    known: Known<'_>,
    led: Option<&Led<'_>>,
    question: &Question,
) -> Result<Vec<view::Pool>, String> {
    let Some(led) = led else { return Ok(Vec::new()) };
    let mut pools = Vec::new();
    for (id, part) in led.split.parts() {
        let pool = known.table.pool(id);
        let plan =
            pool.and_then(|pool| known.table.plan.pools.iter().find(|p| p.pool == pool.name));
        if let (Some(pool), Some(plan)) = (pool, plan) {
            let asked = Asked { known, question, led, pool, plan };
            pools.push(view::Pool { part, ..asked.pool() });
        }
    }
    if let Some(wanted) = &question.zone {
        let zones = || known.table.plan.pools.iter().flat_map(|pool| &pool.zones);
        let regions = pools.iter().flat_map(|pool| &pool.regions);
        if !regions.flat_map(|region| &region.zones).any(|zone| zone.name == *wanted) {
            return Err(if zones().any(|zone| *zone.zone == **wanted) {
                format!("the request's pools have no zone `{wanted}`")
            } else {
                nearest("zone", wanted, zones().map(|zone| &zone.zone))
            });
        }
    }
    Ok(pools)
}

/// One pool that is asked about.
struct Asked<'a> {
    known: Known<'a>,
    question: &'a Question,
    led: &'a Led<'a>,
    pool: &'a Pool,
    plan: &'a PoolPlan,
}

impl Asked<'_> {
    fn pool(&self) -> view::Pool {
        let (key, told) = self.key();
        let chosen = key.and_then(|key| {
            let mut picker = Picker::new(0);
            let lease = self.pool.choose(&mut picker, Some(key), &[])?;
            Some(Arc::clone(lease.backend()))
        });
        let odds = self.pool.odds(key);
        let best = odds.iter().filter_map(|zone| zone.score).fold(0.0, f64::max);
        let mut regions: Vec<view::Region> = Vec::new();
        for (odds, plan) in odds.iter().zip(&self.plan.zones) {
            let mut zone = self.zone(odds, plan);
            if let Some(score) = odds.score.filter(|score| *score < best) {
                zone.lost = Some(format!("its score for this key, {score:.3}, is not the highest"));
            }
            let name = &*odds.zone.region;
            if regions.last().is_none_or(|region| region.name != name) {
                regions.push(view::Region { name: name.to_owned(), share: 0.0, zones: Vec::new() });
            }
            if let Some(region) = regions.last_mut() {
                region.share += zone.share;
                region.zones.push(zone);
            }
        }
        if let Some(chosen) = &chosen {
            tell_losers(&mut regions, chosen);
        }
        view::Pool {
            name: self.pool.name.to_string(),
            part: 1.0,
            algorithm: self.pool.algorithm.name().to_owned(),
            shed: (1.0 - self.plan.zones.iter().map(|zone| zone.share).sum::<f64>())
                .clamp(0.0, 1.0),
            class: self.led.told_class.clone(),
            admitted: self.pool.door.admission.of(self.led.class),
            protections: protections(self.known.table, self.led, self.pool),
            key: told,
            chosen: chosen.map(|backend| backend.name.to_string()),
            regions,
            decision: self.decision(),
        }
    }

    /// What ip-hash hashes of this request, and that in words.
    fn key(&self) -> (Option<u64>, Option<String>) {
        let Algorithm::IpHash(by) = &self.pool.algorithm else { return (None, None) };
        if let HashKey::Header(name) = by {
            let mut headers = self.question.headers().iter();
            if let Some((_, value)) = headers.find(|(header, _)| **header == **name) {
                let key = ip_hash::key(value.as_bytes());
                return (Some(key), Some(format!("header {name}: {value}")));
            }
        }
        match self.question.client {
            Some(client) => (Some(ip_hash::address_key(client)), Some(format!("client {client}"))),
            None => (None, Some(String::from("the client, who is not given: add --client"))),
        }
    }

    fn zone(&self, odds: &ZoneOdds<'_>, plan: &ZonePlan) -> view::Zone {
        let gets = odds.share > 0.0;
        let config = self.known.table.config.pools.iter().find(|pool| pool.name == self.pool.name);
        let region = self.plan.regions.iter().find(|region| region.region == plan.region);
        let asked = self.question.zone.as_deref() == Some(&*plan.zone);
        let needs = match config {
            Some(config) if !gets || asked => needs(config, plan, region, self.known.now),
            _ => Vec::new(),
        };
        let plans: HashMap<&str, &BackendPlan> =
            plan.backends.iter().map(|backend| (&*backend.name, backend)).collect();
        let backends = odds.backends.iter().filter_map(|odds| {
            let plan = plans.get(&*odds.backend.name)?;
            Some(backend(odds, plan))
        });
        view::Zone {
            name: plan.zone.to_string(),
            share: odds.share,
            phase: plan.standing.phase.name().to_owned(),
            score: odds.score,
            lost: if gets { None } else { Some(lost(plan, region)) },
            needs,
            backends: backends.collect(),
        }
    }

    /// What the decision says of the pool, but for the moves.
    fn decision(&self) -> Vec<String> {
        let reports = self.known.report.pools.iter();
        let of_pool = reports.filter(|report| report.pool == self.pool.name);
        let entries = of_pool.flat_map(|report| &report.entries);
        let worth = entries.filter(|entry| entry.stage != crate::decision::Stage::Moves);
        worth.map(ToString::to_string).collect()
    }
}

fn backend(odds: &BackendOdds<'_>, plan: &BackendPlan) -> view::Backend {
    let reason = plan.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    let lost = match (plan.admin, plan.weight) {
        _ if odds.weight > 0.0 => None,
        (Admin::Drain, _) => Some(String::from("drain was ordered")),
        (Admin::Maint, _) => Some(String::from("maintenance was ordered")),
        (Admin::Ready, 0) => Some(String::from("its weight is 0")),
        (Admin::Ready, _) if plan.health.factor() > 0.0 => {
            Some(String::from("it is a backup, and others can take traffic"))
        }
        (Admin::Ready, _) => Some(format!("it is {}{reason}", plan.health.name())),
    };
    view::Backend {
        name: plan.name.to_string(),
        address: plan.address.to_string(),
        share: odds.share,
        weight: odds.weight,
        health: plan.health.name().to_owned(),
        in_flight: odds.backend.live.in_flight(),
        lost,
    }
}

/// Where one backend has won, every other that gets traffic has lost to it.
fn tell_losers(regions: &mut [view::Region], chosen: &crate::table::Backend) {
    for zone in regions.iter_mut().flat_map(|region| &mut region.zones) {
        if zone.name != *chosen.zone {
            continue;
        }
        for backend in zone.backends.iter_mut().filter(|backend| backend.lost.is_none()) {
            if backend.name != *chosen.name {
                backend.lost = Some(String::from("the key falls to another of the zone"));
            }
        }
    }
}
