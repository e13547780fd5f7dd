//! Steps 3 and 4: which zones and regions go out, and how those that are out come back.
//!
//! The tree: a backend is out by its own checks; a zone whose health falls below its limit is failed
//! over; a region is failed over when its health is below its own limit *and* two of its zones are
//! out, or what is left of it cannot carry its load; and a region of whose zones four in five are
//! dead has failed at once. What does not recover is escalated.
//!
//! Four interlocks keep automation from doing more harm than the failure: the last zone that can
//! take traffic is never taken out, what is left of a region stays while the others cannot carry the
//! load without it, no more zones than a set number are out at a time, and nothing moves where
//! automation is paused. The worst place goes first.

use std::time::Instant;

use super::orders::Orders;
use super::place::{Place, Rules, Sight, Wait};
use super::report::{PoolReport, Stage, Why};
use super::share::Carry;
use super::zone::{Mode, Zone};
use crate::config::{Pool, Region};
use crate::model::{Action, Phase};

/// A zone below this health is dead.
const DEAD: f64 = 0.1;
/// A region has failed at once when this part of its zones is dead.
const MOST_DEAD: f64 = 0.8;

/// A pool's places, and what is known of them.
pub(super) struct Places<'a> {
    pub(super) pool: &'a Pool,
    /// Regions in config order, zones in config order within.
    pub(super) zones: &'a [Zone],
    pub(super) zone_places: &'a mut [Place],
    pub(super) region_places: &'a mut [Place],
    pub(super) orders: &'a Orders,
    pub(super) mode: Mode,
    /// For each region, whether what is left of it can carry its load, and is needed.
    pub(super) carries: &'a [Carry],
    pub(super) now: Instant,
}

/// When the step is due again though nothing happens.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due(pub(super) Option<Instant>);

impl Due {
    pub(super) fn at(&mut self, at: Option<Instant>) {
        self.0 = self.0.into_iter().chain(at).min();
    }
}

impl Places<'_> {
    /// Lets zones, then regions, follow orders, evidence and time.
    pub(super) fn step(&mut self, report: &mut PoolReport) -> Due {
        let mut due = Due::default();
        self.obey();
        self.zones(report, &mut due);
        self.regions(report, &mut due);
        due
    }

    /// The zones' places in the pool's list, region by region.
    fn ranges(pool: &Pool) -> impl Iterator<Item = (usize, &Region, std::ops::Range<usize>)> {
        let mut start = 0;
        pool.regions.iter().enumerate().map(move |(at, region)| {
            let zones = start..start + region.zones.len();
            start = zones.end;
            (at, region, zones)
        })
    }

    fn obey(&mut self) {
        let out =
            |action: &Action| matches!(action, Action::Maint | Action::Stop | Action::Drain { .. });
        let failed = |action: &Action| matches!(action, Action::Fail { .. });
        for (at, region, zones) in Self::ranges(self.pool) {
            let names = (&*self.pool.name, &*region.name);
            let order = self.orders.of_region(names, |action| out(action) || failed(action));
            self.region_places[at].obey(order, self.now);
            for (zone, config) in zones.zip(&region.zones) {
                let names = (&*self.pool.name, &*region.name, &*config.name);
                let order = self.orders.of_zone(names, out);
                let order = order.or_else(|| self.orders.of_zone_alone(names, failed));
                self.zone_places[zone].obey(order, self.now);
            }
        }
    }

    fn zones(&mut self, report: &mut PoolReport, due: &mut Due) {
        let pool = self.pool;
        let rules = rules(pool, pool.failover.zone);
        let limit = zones_out_max(pool);
        let mut failing = Vec::new();
        // Where there is one zone, there is nowhere to go.
        let several = Self::ranges(pool).filter(|_| self.zones.len() > 1);
        for (region, config, zones) in several {
            for (at, zone) in zones.zip(&config.zones) {
                let sight = self.zone_sight(region, (&config.name, &zone.name), at);
                if let Some(outcome) = self.zone_places[at].failing(&sight, &rules, self.now) {
                    let name = format!("{}/{}", config.name, zone.name);
                    failing.push((sight.health.unwrap_or(0.0), at, name, outcome));
                }
            }
        }
        failing.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (_, at, name, outcome) in failing {
            let outcome = outcome.and_then(|why| self.zone_may_go(at, limit).map(|()| why));
            match outcome {
                Ok(why) => {
                    report.add(
                        Stage::Failover,
                        format!("took {name} out"),
                        Why::Because(why.clone()),
                    );
                    self.zone_places[at].fail(why, &rules, self.now);
                }
                Err(wait) => {
                    due.at(wait.until);
                    let waits = Why::WaitsFor(wait.what);
                    report.add(Stage::Failover, format!("would take {name} out"), waits);
                }
            }
        }
        for (region, config, zones) in Self::ranges(pool) {
            for (at, zone) in zones.zip(&config.zones) {
                let sight = self.zone_sight(region, (&config.name, &zone.name), at);
                let place = &mut self.zone_places[at];
                let wait = place.advance(&sight, &rules, self.now);
                due.at(place.escalation(&rules));
                tell(&format!("{}/{}", config.name, zone.name), place, wait, report, due);
            }
        }
    }

    /// Whether the interlocks let a zone go.
    fn zone_may_go(&self, at: usize, limit: usize) -> Result<(), Wait> {
        let wait = |what: String| Err(Wait { what, until: None });
        let others = self.zone_places.iter().zip(self.zones).enumerate();
        let takes = |(other, (place, zone)): (usize, (&Place, &Zone))| {
            other != at && place.takes_part() && zone.tally.eligible(self.mode) > 0.0
        };
        if !others.clone().any(takes) {
            return wait("another zone that can take its traffic".to_owned());
        }
        let out = others.filter(|(other, (place, _))| *other != at && place.held_back()).count();
        if out >= limit {
            return wait(format!("one of the {out} zones that are out already"));
        }
        Ok(())
    }

    fn zone_sight(&self, region: usize, (within, name): (&str, &str), at: usize) -> Sight {
        let names = (&*self.pool.name, within, name);
        Sight {
            health: self.zones[at].tally.health(),
            paused: self.orders.of_zone(names, |action| *action == Action::Pause).is_some(),
            guarded: self.region_places[region].standing.phase != Phase::Active,
        }
    }

    fn regions(&mut self, report: &mut PoolReport, due: &mut Due) {
        let pool = self.pool;
        if pool.regions.len() < 2 {
            return;
        }
        let rules = rules(pool, pool.failover.region);
        for (at, config, zones) in Self::ranges(pool) {
            let sight = self.region_sight(config, zones.clone());
            if let Some(outcome) = self.region_places[at].failing(&sight, &rules, self.now) {
                let outcome = outcome.and_then(|why| {
                    self.region_may_go(at, zones.clone()).map(|more| format!("{why}, and {more}"))
                });
                match outcome {
                    Ok(why) => {
                        let did = format!("took {} out", config.name);
                        report.add(Stage::Failover, did, Why::Because(why.clone()));
                        self.region_places[at].fail(why, &rules, self.now);
                    }
                    Err(wait) => {
                        due.at(wait.until);
                        let did = format!("would take {} out", config.name);
                        report.add(Stage::Failover, did, Why::WaitsFor(wait.what));
                    }
                }
            }
            let place = &mut self.region_places[at];
            let wait = place.advance(&sight, &rules, self.now);
            due.at(place.escalation(&rules));
            tell(&config.name, place, wait, report, due);
        }
    }

    fn region_sight(&self, config: &Region, zones: std::ops::Range<usize>) -> Sight {
        let tallies = || self.zones[zones.clone()].iter().map(|zone| &zone.tally);
        let known = tallies().map(|tally| tally.known).sum::<f64>();
        let well = tallies().map(|tally| tally.well).sum::<f64>();
        let names = (&*self.pool.name, &*config.name);
        Sight {
            health: (known > 0.0).then(|| well / known),
            paused: self.orders.of_region(names, |action| *action == Action::Pause).is_some(),
            guarded: false,
        }
    }

    /// Why a region that is not well enough goes as a whole, and not only its zones; `Err` = it
    /// does not.
    fn region_may_go(&self, at: usize, zones: std::ops::Range<usize>) -> Result<String, Wait> {
        let wait = |what: &str| Err(Wait { what: what.to_owned(), until: None });
        let place = &self.region_places[at];
        if matches!(place.standing.phase, Phase::Restoring { .. } | Phase::Watching) {
            return Ok("it is on its way back".to_owned());
        }
        let health = |at: usize| self.zones[at].tally.health();
        let limit = self.pool.failover.zone.min_health;
        let below = |limit: f64| {
            zones.clone().filter(|at| health(*at).is_some_and(|health| health < limit)).count()
        };
        let out = zones.clone().filter(|at| self.zone_places[*at].held_back()).count();
        let (dead, out) = (below(DEAD), out.max(below(limit)));
        let others = || (0..self.zones.len()).filter(|other| !zones.contains(other));
        let takes = |other: usize| {
            self.zone_places[other].takes_part()
                && self.zones[other].tally.eligible(self.mode) > 0.0
        };
        if !others().any(takes) {
            return wait("another region that can take its traffic");
        }
        if self.carries[at].needed {
            return wait("room elsewhere for what is left of it");
        }
        let out_elsewhere = others().filter(|other| self.zone_places[*other].held_back()).count();
        if zones.len() + out_elsewhere > zones_out_max(self.pool) {
            return wait("zones elsewhere that are out already");
        }
        if zones.len() > 1 && dead as f64 >= MOST_DEAD * zones.len() as f64 {
            Ok(format!("{dead} of its {} zones are dead", zones.len()))
        } else if out >= 2 {
            Ok(format!("{out} of its zones are out"))
        } else if self.carries[at].own == Some(false) {
            Ok("what is left cannot carry its load".to_owned())
        } else {
            wait("a second zone of it to be out")
        }
    }
}

/// Says where a place stands that is not simply active, and what it waits for.
fn tell(name: &str, place: &Place, wait: Wait, report: &mut PoolReport, due: &mut Due) {
    due.at(wait.until);
    let phase = place.standing.phase;
    if phase == Phase::Active {
        return;
    }
    let did = format!("{name} is {}", phase.name());
    let did = match phase {
        Phase::Restoring { stage } => format!("{did}, stage {}", stage + 1),
        _ => did,
    };
    let stage = Stage::Standing;
    report.add(stage, did.clone(), Why::Because(place.standing.cause.to_string()));
    if !wait.what.is_empty() {
        report.add(stage, did, Why::WaitsFor(wait.what));
    }
}

pub(super) fn rules(pool: &Pool, limits: crate::config::Thresholds) -> Rules<'_> {
    Rules { failover: &pool.failover, restoration: &pool.restoration, limits }
}

/// The most zones that may be out by automation at a time.
pub(super) fn zones_out_max(pool: &Pool) -> usize {
    let zones = || pool.regions.iter().map(|region| region.zones.len());
    let default = || (zones().sum::<usize>() / 2).max(zones().max().unwrap_or(0)).max(1);
    pool.failover.max_zones_out.map_or_else(default, |max| max as usize)
}
