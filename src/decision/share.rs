//! Steps 3 and 4: which part of the pool's traffic each region and zone gets.

use std::collections::HashMap;

use super::Candidate;
use super::orders::Orders;
use super::report::{PoolReport, Stage, Why};
use crate::config::{self, Pool, Region};
use crate::model::{Action, Phase, PoolPlan, Standing, ZonePlan};

/// A zone with what is eligible in it.
#[derive(Debug)]
pub(super) struct Zone<'a> {
    pub(super) region: &'a Region,
    pub(super) zone: &'a config::Zone,
    /// Its backends, as places in the pool's list.
    pub(super) members: Vec<usize>,
    /// Its weight among the region's zones; 0 = nothing in it can take traffic.
    weight: f64,
    /// What is being done with it.
    pub(super) standing: Standing,
    /// The part of the pool's traffic it gets, 0..=1.
    pub(super) share: f64,
}

/// The pool's zones, regions in config order, with their weights and no share yet.
pub(super) fn zones<'a>(
    pool: &'a Pool,
    candidates: &[Candidate<'_>],
    weights: &[f64],
    orders: &Orders,
    report: &mut PoolReport,
) -> Vec<Zone<'a>> {
    let mut places: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (place, Candidate { backend, .. }) in candidates.iter().enumerate() {
        places.entry((&backend.region, &backend.zone)).or_default().push(place);
    }
    let mut zones = Vec::new();
    for region in &pool.regions {
        for zone in &region.zones {
            let members = places.remove(&(&*region.name, &*zone.name)).unwrap_or_default();
            let eligible = members.iter().map(|&place| weights[place]).sum::<f64>();
            let names = (&*pool.name, &*region.name, &*zone.name);
            let standing = standing(names, orders, report);
            let eligible = if standing.phase == Phase::Out { 0.0 } else { eligible };
            let weight = match orders.zone_weight(names).or(zone.weight) {
                Some(weight) if eligible > 0.0 => f64::from(weight) * kept(&members, candidates),
                Some(_) => 0.0,
                None => eligible,
            };
            zones.push(Zone { region, zone, members, weight, standing, share: 0.0 });
        }
    }
    zones
}

/// What the orders make of a zone.
fn standing(names: (&str, &str, &str), orders: &Orders, report: &mut PoolReport) -> Standing {
    let takes_out = |action: &Action| {
        matches!(action, Action::Fail { .. } | Action::Maint | Action::Stop | Action::Drain { .. })
    };
    let Some(order) = orders.of_zone(names, takes_out) else { return Standing::default() };
    let drains = matches!(order.action, Action::Drain { .. });
    let phase = if drains { Phase::Draining } else { Phase::Out };
    let did = format!("{}/{} is {}", names.1, names.2, phase.name());
    report.add(Stage::Orders, did, Why::Because(order.to_string()));
    let (since, cause) = (Some(order.since), order.to_string().into());
    Standing { phase, since, cause, ..Standing::default() }
}

/// The part of its weight that drains leave a zone, 0..=1.
fn kept(members: &[usize], candidates: &[Candidate<'_>]) -> f64 {
    let weigh = |part: fn(&Candidate<'_>) -> f64| {
        let weighed = members.iter().map(|&place| &candidates[place]);
        weighed.map(|one| f64::from(one.weight()) * part(one)).sum::<f64>()
    };
    part(weigh(|one| one.ordered.remains), weigh(|_| 1.0))
}

/// Each region's part of the pool's traffic and the weight of its zones, in config order.
pub(super) fn of_regions(
    pool: &Pool,
    zones: &[Zone<'_>],
    orders: &Orders,
    report: &mut PoolReport,
) -> Vec<RegionShare> {
    let mut rest = zones;
    let mut regions = Vec::new();
    for region in &pool.regions {
        let (own, others) = rest.split_at(region.zones.len());
        rest = others;
        let zones = own.iter().map(|zone| zone.weight).sum::<f64>();
        let ordered = orders.region_weight((&pool.name, &region.name));
        let weight = match ordered.or(region.weight) {
            Some(weight) if zones > 0.0 => f64::from(weight),
            Some(_) => 0.0,
            None => zones,
        };
        regions.push(RegionShare { zones, share: weight });
    }
    let total = regions.iter().map(|region| region.share).sum::<f64>();
    for region in &mut regions {
        region.share = part(region.share, total);
    }
    if total <= 0.0 {
        let waits =
            Why::WaitsFor("an eligible backend in a region and zone with weight".to_owned());
        report.add(Stage::Regions, "gave nothing to anybody".to_owned(), waits);
        return regions;
    }
    for (region, part) in pool.regions.iter().zip(&regions).filter(|(_, part)| part.share <= 0.0) {
        let none_eligible = part.zones <= 0.0 && region.weight != Some(0);
        let why = if none_eligible { "nothing in it is eligible" } else { "its weight is 0" };
        let what = format!("gave nothing to {}", region.name);
        report.add(Stage::Regions, what, Why::Because(why.to_owned()));
    }
    regions
}

/// A region's part.
#[derive(Debug)]
pub(super) struct RegionShare {
    /// The weights of its zones, summed.
    zones: f64,
    /// The part of the pool's traffic it gets, 0..=1.
    share: f64,
}

/// Hands each region's part down to its zones.
pub(super) fn of_zones(zones: &mut [Zone<'_>], regions: &[RegionShare], report: &mut PoolReport) {
    let mut rest = zones;
    for region in regions {
        let Some(first) = rest.first() else { return };
        let (own, others) = rest.split_at_mut(first.region.zones.len());
        rest = others;
        for zone in own {
            zone.share = region.share * part(zone.weight, region.zones);
            if region.share > 0.0 && zone.share <= 0.0 {
                let zero = zone.zone.weight == Some(0);
                let why = if zero { "its weight is 0" } else { "nothing in it is eligible" };
                let what = format!("gave nothing to {}/{}", zone.region.name, zone.zone.name);
                report.add(Stage::Zones, what, Why::Because(why.to_owned()));
            }
        }
    }
}

/// Says which zones' shares are not what they were.
pub(super) fn tell_moves(zones: &[Zone<'_>], previous: Option<&PoolPlan>, report: &mut PoolReport) {
    for zone in zones {
        let same_zone =
            |before: &&ZonePlan| before.region == zone.region.name && before.zone == zone.zone.name;
        let before = previous.and_then(|plan| plan.zones.iter().find(same_zone));
        let before = before.map_or(0.0, |before| before.share);
        if (before - zone.share).abs() > 1e-9 {
            report.moved(zone.region, zone.zone, before, zone.share);
        }
    }
}

fn part(weight: f64, total: f64) -> f64 {
    if total > 0.0 { weight / total } else { 0.0 }
}
