//! Step 5: from what zones are and how they stand to the shares they get.
//!
//! Gathers each zone's [`Claim`] and lets [`Claims`] reconcile them. A zone or region without a
//! weight of its own has that of what is in it.

use super::load::Load;
use super::mix::admission;
use super::orders::Orders;
use super::place::Place;
use super::pool::PoolCore;
use super::report::{PoolReport, Stage, Why};
use super::spill::{Claim, Claims, Shares, carried};
use super::zone::{Mode, Zone};
use crate::config::{self, Capacity, Pool, Region};
use crate::model::{Action, Phase};

/// Shares too small to be told from rounding.
const NOTHING: f64 = 1e-9;

/// The shares of a pool's zones, and what is shed.
#[derive(Clone, Debug, Default)]
pub(super) struct Decided {
    /// Regions in config order, zones in config order within.
    pub(super) zones: Vec<f64>,
    /// What each could have at most; 0 = it must not have anything, or cannot take it.
    pub(super) rooms: Vec<f64>,
    pub(super) shed: f64,
}

impl Decided {
    /// What all zones together get.
    pub(super) fn total(&self) -> f64 {
        self.zones.iter().sum()
    }
}

/// Shares the pool's traffic out among all that may take it.
pub(super) fn out(
    core: &mut PoolCore,
    pool: &Pool,
    orders: &Orders,
    mode: Mode,
    report: &mut PoolReport,
) -> Decided {
    let amount = orders.traffic(&pool.name);
    let mut gathered = Gathered::new(core, pool, orders, mode, Who::TakesPart);
    let rest_carries = gathered.rest_carries(&mut core.carried);
    let mut shares = gathered.share_out(amount, rest_carries);
    if shares.zones.iter().sum::<f64>() <= NOTHING {
        gathered = Gathered::new(core, pool, orders, mode, Who::HeldBackToo);
        shares = gathered.share_out(amount, 1.0);
        if shares.zones.iter().sum::<f64>() > NOTHING {
            let did = "used zones that automation had taken out".to_owned();
            report.add(Stage::Shares, did, Why::Because("no other zone is left".to_owned()));
        }
    }
    tell(pool, core, &gathered, &shares, amount, report);
    decided(&gathered, shares, amount)
}

/// Shares the traffic out among all whom no order has removed.
pub(super) fn among_anybody(core: &PoolCore, pool: &Pool, orders: &Orders) -> Decided {
    let amount = orders.traffic(&pool.name);
    let gathered = Gathered::new(core, pool, orders, Mode::All, Who::HeldBackToo);
    decided(&gathered, gathered.share_out(amount, 1.0), amount)
}

fn decided(gathered: &Gathered, shares: Shares, amount: f64) -> Decided {
    let total = shares.zones.iter().sum::<f64>();
    let shed = if total > NOTHING { 1.0 - amount + shares.unplaced } else { 0.0 };
    let room = |claim: &Claim| match gathered.regions[claim.region] {
        Some(0.0) => 0.0,
        _ if claim.pull <= 0.0 => 0.0,
        _ => claim.room,
    };
    let rooms = gathered.claims.iter().map(room).collect();
    let shed = if shed > NOTHING { shed.min(1.0) } else { 0.0 };
    Decided { zones: shares.zones, rooms, shed }
}

/// Which places are asked.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Who {
    /// Those that take part.
    TakesPart,
    /// Also those that automation has taken out, with all they are entitled to.
    HeldBackToo,
}

/// Everything zones claim.
pub(super) struct Gathered {
    pub(super) claims: Vec<Claim>,
    /// The regions' own weights, where they have one.
    pub(super) regions: Vec<Option<f64>>,
}

impl Gathered {
    pub(super) fn new(core: &PoolCore, pool: &Pool, orders: &Orders, mode: Mode, who: Who) -> Self {
        let mut claims = Vec::with_capacity(core.zones.len());
        let mut regions = Vec::with_capacity(pool.regions.len());
        let mut known = core.zone_places.iter().zip(&core.zones);
        for (at, (region, around)) in pool.regions.iter().zip(&core.region_places).enumerate() {
            let ordered = orders.region_weight((&pool.name, &region.name));
            regions.push(ordered.or(region.weight).map(f64::from));
            for (config, (place, zone)) in region.zones.iter().zip(&mut known) {
                let names = (&*pool.name, &*region.name, &*config.name);
                let ordered = orders.zone_weight(names);
                let asked = match who {
                    Who::TakesPart => place.takes_part() && around.takes_part(),
                    Who::HeldBackToo => {
                        let may = |place: &Place| place.takes_part() || !place.is_ordered();
                        may(place) && may(around)
                    }
                };
                let mut claim = claim(config, ordered, zone, mode, asked, core.load.planned());
                claim.region = at;
                if who == Who::TakesPart {
                    let stages = &pool.restoration.stages;
                    claim.stage = place.stage(stages) * around.stage(stages);
                }
                claims.push(claim);
            }
        }
        let mut gathered = Self { claims, regions };
        gathered.hand_over(pool, orders);
        gathered
    }

    /// Shares out `amount`, a part of the pool's traffic.
    pub(super) fn share_out(&self, amount: f64, rest_carries: f64) -> Shares {
        Claims { zones: &self.claims, regions: &self.regions, rest_carries }.share_out(amount)
    }

    /// Gives the weight of places that were failed over by order to those that shall have it.
    fn hand_over(&mut self, pool: &Pool, orders: &Orders) {
        for order in orders.all() {
            let Action::Fail { to: Some(to) } = &order.action else { continue };
            let names = pool.regions.iter().flat_map(|region| {
                region.zones.iter().map(move |zone| (&*region.name, &*zone.name))
            });
            let (mut lost, mut regions_lost, mut heirs) = (0.0, Vec::new(), Vec::new());
            for (at, (region, zone)) in names.enumerate() {
                let claim = &mut self.claims[at];
                if order.scope.covers_zone(&pool.name, region, zone) {
                    lost += std::mem::take(&mut claim.full);
                    if order.scope.covers_region(&pool.name, region) {
                        regions_lost.push(claim.region);
                    }
                } else if *zone == **to || *region == **to {
                    heirs.push(at);
                }
            }
            let there = heirs.iter().map(|at| self.claims[*at].full).sum::<f64>();
            let (Some(first), true) = (heirs.first(), there > 0.0) else { continue };
            let heir = self.claims[*first].region;
            for at in heirs {
                let claim = &mut self.claims[at];
                let grown = 1.0 + lost / there;
                claim.full *= grown;
                claim.pull *= grown;
                claim.healthy *= grown;
            }
            regions_lost.dedup();
            for region in regions_lost {
                let weight = self.regions[region].take();
                if let (Some(weight), Some(whole)) = (weight, &mut self.regions[heir]) {
                    *whole += weight;
                }
            }
        }
    }

    /// The part of what it carried when zones began to come back that the rest can carry now.
    fn rest_carries(&self, carried_then: &mut Option<f64>) -> f64 {
        if self.claims.iter().all(|claim| claim.stage >= 1.0) {
            *carried_then = None;
            return 1.0;
        }
        let rest = self.claims.iter().filter(|claim| claim.stage >= 1.0);
        let now = rest.map(|claim| claim.pull).sum::<f64>();
        let then = carried_then.map_or(now, |then| then.max(now));
        *carried_then = Some(then);
        carried(now, then)
    }
}

fn claim(
    config: &config::Zone,
    ordered: Option<u32>,
    zone: &Zone,
    mode: Mode,
    asked: bool,
    load: super::load::Amount,
) -> Claim {
    let tally = &zone.tally;
    let part = tally.part(mode);
    let explicit = ordered.or(config.weight).map(f64::from);
    let full =
        explicit.unwrap_or(if mode == Mode::Primaries { tally.total } else { tally.anybody });
    let takes = asked && tally.eligible(mode) > 0.0;
    let pull = match explicit {
        _ if !takes => 0.0,
        Some(weight) => {
            let kept = tally.kept();
            weight * carried(part, kept) * kept
        }
        None => tally.eligible(mode),
    };
    let room = match config.capacity {
        Some(Capacity::Rps(rps)) => f64::from(rps) * part / load.rps,
        Some(Capacity::Concurrent(concurrent)) => f64::from(concurrent) * part / load.concurrent,
        None => f64::INFINITY,
    };
    Claim {
        region: 0,
        priority: config.priority,
        full,
        pull,
        healthy: if takes { full * part } else { 0.0 },
        room: if room.is_nan() { f64::INFINITY } else { room },
        bounded: config.capacity.is_some(),
        stage: 1.0,
    }
}

/// Whether a region can go.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Carry {
    /// Whether what is left of it can carry its part of the load; `None` where its zones do not all
    /// declare what they can take.
    pub(super) own: Option<bool>,
    /// Something is left of it, and the other regions cannot carry the load without it.
    pub(super) needed: bool,
}

/// What each region can carry of the load, and whether it is needed for that.
pub(super) fn regions_carry(
    pool: &Pool,
    zones: &[Zone],
    places: &[Place],
    load: &Load,
) -> Vec<Carry> {
    let load = load.planned();
    let weight = |region: &Region, zones: &[Zone]| {
        region.weight.map_or_else(|| zones.iter().map(|z| z.tally.total).sum::<f64>(), f64::from)
    };
    let mut rest = (zones, places);
    let mut regions = Vec::new();
    for region in &pool.regions {
        let (own, own_places) = (&rest.0[..region.zones.len()], &rest.1[..region.zones.len()]);
        rest = (&rest.0[own.len()..], &rest.1[own.len()..]);
        let room = |((config, zone), place): ((&config::Zone, &Zone), &Place)| {
            let part = if place.takes_part() { zone.tally.part(Mode::Primaries) } else { 0.0 };
            match config.capacity? {
                Capacity::Rps(rps) => Some(f64::from(rps) * part / load.rps),
                Capacity::Concurrent(all) => Some(f64::from(all) * part / load.concurrent),
            }
        };
        let rooms = region.zones.iter().zip(own).zip(own_places).map(room);
        let room = rooms.sum::<Option<f64>>().filter(|room| !room.is_nan());
        regions.push((weight(region, own), room));
    }
    let total = regions.iter().map(|(weight, _)| weight).sum::<f64>();
    let all = regions.iter().map(|(_, room)| *room).sum::<Option<f64>>();
    let carries = |(weight, room): (f64, Option<f64>)| Carry {
        own: room.map(|room| room >= weight / total),
        needed: room.zip(all).is_some_and(|(own, all)| own > NOTHING && all - own < 1.0),
    };
    regions.into_iter().map(carries).collect()
}

fn tell(
    pool: &Pool,
    core: &PoolCore,
    gathered: &Gathered,
    shares: &Shares,
    amount: f64,
    report: &mut PoolReport,
) {
    let mut add = |did: String, why: &str| {
        report.add(Stage::Shares, did, Why::Because(why.to_owned()));
    };
    if shares.zones.iter().sum::<f64>() <= NOTHING {
        let waits =
            Why::WaitsFor("an eligible backend in a region and zone with weight".to_owned());
        report.add(Stage::Shares, "gave nothing to anybody".to_owned(), waits);
        return;
    }
    let mut known = gathered.claims.iter().zip(&shares.zones).zip(&core.zone_places);
    for (region, around) in pool.regions.iter().zip(&core.region_places) {
        let own: Vec<_> = known.by_ref().take(region.zones.len()).collect();
        let active = around.standing.phase == Phase::Active;
        if active && own.iter().all(|((_, share), _)| **share <= NOTHING) {
            let why =
                own.first().map_or("it has no zone", |((claim, _), _)| nothing_because(claim));
            add(format!("gave nothing to {}", region.name), why);
            continue;
        }
        for (zone, ((claim, share), place)) in region.zones.iter().zip(own) {
            let name = format!("{}/{}", region.name, zone.name);
            if *share <= NOTHING && active && place.standing.phase == Phase::Active {
                add(format!("gave nothing to {name}"), nothing_because(claim));
            } else if claim.pull > 0.0 && *share >= claim.room - NOTHING {
                add(format!("held {name} back"), "it is at its capacity");
            }
        }
    }
    if shares.yielded > NOTHING {
        let more = shares.yielded * 100.0;
        add(format!("gave {more:.1} % to zones on their way back"), "the rest cannot carry it");
    }
    if shares.unplaced > NOTHING {
        let shed = shares.unplaced * 100.0;
        add(format!("sheds {shed:.1} %"), "no zone has room for it");
    }
    if amount < 1.0 {
        add(format!("sheds {:.1} %", (1.0 - amount) * 100.0), "that was ordered");
    }
    let shed = 1.0 - amount + shares.unplaced;
    if shed > NOTHING && core.mix.is_mixed() {
        let admission = admission(shed, core.mix.planned());
        add(format!("admits {admission}"), "the lowest priority class goes first");
    }
}

fn nothing_because(claim: &Claim) -> &'static str {
    if claim.full <= 0.0 {
        "its weight is 0"
    } else if claim.pull <= 0.0 {
        "nothing in it is eligible"
    } else {
        "those of higher priority carry it all"
    }
}
