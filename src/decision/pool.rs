//! One pool's decision, step by step, and what it remembers from one to the next.
//!
//! Most news is about one backend of one zone of one pool. So a pool that nothing happened to is not
//! decided again, a zone nothing happened to is not summed up again, and what is as before is shared
//! with the plan before: a world of 65,000 backends is decided anew in the time it takes to look at
//! the one zone that changed.

use std::sync::Arc;
use std::time::Instant;

use super::all_down::Relief;
use super::failover::{Due, Places};
use super::headroom::Headroom;
use super::load::Load;
use super::memory::keys;
use super::mix::{Mix, admission};
use super::orders::Orders;
use super::place::Place;
use super::report::{PoolReport, Stage, Why};
use super::trial::Flow;
use super::zone::{Mode, Zone};
use super::{Candidate, all_down, moves, restoration, share};
use crate::config::Pool;
use crate::health::CircuitBreaker;
use crate::model::{Admission, Circuit, PlaceKey, PoolPlan, RegionPlan, Standing, ZonePlan};

/// What happened to a zone or region.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// Which.
    pub place: PlaceKey,
    /// How it stood before.
    pub from: Standing,
    /// How it stands now.
    pub to: Standing,
    /// It has been out for too long without being proven.
    pub escalated: bool,
}

/// A pool's memory.
#[derive(Clone, Debug)]
pub(super) struct PoolCore {
    pub(super) zones: Vec<Zone>,
    pub(super) zone_places: Vec<Place>,
    pub(super) region_places: Vec<Place>,
    /// What was seen of each zone's traffic since it was last judged.
    pub(super) flows: Vec<Flow>,
    /// Anything was.
    pub(super) seen: bool,
    /// Traffic is judged here now.
    pub(super) judging: bool,
    /// The load matters to its shares.
    pub(super) bounded: bool,
    /// Requests in flight at each backend.
    pub(super) in_flight: Vec<u64>,
    pub(super) load: Load,
    /// Whether it may lose its largest zone.
    pub(super) headroom: Headroom,
    /// Which classes arrive.
    pub(super) mix: Mix,
    /// Whether it is left alone for how requests end.
    pub(super) breaker: CircuitBreaker,
    /// The weight that carried everything when zones began to come back.
    pub(super) carried: Option<f64>,
    pub(super) plan: Arc<PoolPlan>,
    /// The last plan in which anything took traffic.
    pub(super) last_good: Option<Arc<PoolPlan>>,
    pub(super) decided_at: Option<Instant>,
    pub(super) report: Arc<PoolReport>,
    /// Something has happened to it.
    pub(super) changed: bool,
    /// And a decision about it must not wait.
    pub(super) urgent: bool,
    /// When it is due again though nothing happens.
    pub(super) due: Due,
}

/// What one decision about one pool looks at.
pub(super) struct Inputs<'a, C> {
    pub(super) pool: &'a Pool,
    /// The backend at a place in the pool's list.
    pub(super) candidate: C,
    pub(super) orders: &'a Orders,
    pub(super) now: Instant,
}

impl PoolCore {
    /// A pool nothing is known of, with so many backends in each of its zones.
    pub(super) fn new(pool: &Pool, sizes: impl Iterator<Item = usize>) -> Self {
        let mut start = 0;
        let zones: Vec<Zone> = sizes
            .map(|size| {
                let members = start..start + size;
                start = members.end;
                Zone::new(members)
            })
            .collect();
        let plan = PoolPlan {
            pool: pool.name.clone(),
            zones: vec![],
            regions: vec![],
            shed: 0.0,
            admission: Admission::ALL,
            circuit: Circuit::Closed,
        };
        Self {
            zone_places: vec![Place::default(); zones.len()],
            region_places: vec![Place::default(); pool.regions.len()],
            flows: vec![Flow::default(); zones.len()],
            in_flight: vec![0; start],
            zones,
            seen: false,
            judging: false,
            bounded: is_bounded(pool),
            load: Load::default(),
            headroom: Headroom::default(),
            mix: Mix::default(),
            breaker: CircuitBreaker::default(),
            carried: None,
            plan: Arc::new(plan),
            last_good: None,
            decided_at: None,
            report: Arc::new(PoolReport::new(&pool.name)),
            changed: true,
            urgent: false,
            due: Due::default(),
        }
    }

    /// Decides anew; returns which places stand otherwise than before.
    pub(super) fn decide<'a, C>(&mut self, inputs: &Inputs<'_, C>) -> Vec<Moved>
    where
        C: Fn(usize) -> Candidate<'a>,
    {
        let Inputs { pool, candidate, orders, now } = inputs;
        let mut report = PoolReport::new(&pool.name);
        self.zones.iter_mut().for_each(|zone| zone.sum_up(candidate));
        report.entries.extend(self.zones.iter().flat_map(|zone| zone.entries.iter().cloned()));
        let mode = self.call_backups(&mut report);

        let carries = share::regions_carry(pool, &self.zones, &self.zone_places, &self.load);
        let mut places = Places {
            pool,
            zones: &self.zones,
            zone_places: &mut self.zone_places,
            region_places: &mut self.region_places,
            orders,
            mode,
            carries: &carries,
            now: *now,
        };
        self.due = places.step(&mut report);
        let moved = self.moved(pool, *now);

        let mut shares = share::out(self, pool, orders, mode, &mut report);
        let relief = all_down::relief(self, pool, &shares, &mut report);
        let mode = if relief == Relief::Everybody { Mode::All } else { mode };
        if mode == Mode::All {
            shares = share::among_anybody(self, pool, orders);
        }
        moves::limit(self, pool, &mut shares, *now);
        self.zones.iter_mut().for_each(|zone| zone.plan(mode, candidate));
        let mut plan = self.plan(pool, &shares);
        if relief == Relief::LastKnownGood {
            all_down::as_last_known(self.last_good.as_deref(), &mut plan);
        }
        moves::tell(&plan, &self.plan, &mut report);
        self.report = Arc::new(report);
        self.take_over(plan, relief == Relief::None, *now);
        moved
    }

    /// Judges the traffic seen since the last call; asks for a decision if it tells anything new.
    pub(super) fn judge(&mut self, pool: &Pool) {
        if !std::mem::take(&mut self.seen) {
            return;
        }
        if restoration::judge(self, pool) {
            (self.changed, self.urgent) = (true, true);
        }
        self.flows.iter_mut().for_each(|flow| *flow = Flow::default());
    }

    /// What its breaker says.
    fn circuit(&self, pool: &Pool) -> Circuit {
        pool.breaker.as_ref().map_or(Circuit::Closed, |terms| self.breaker.circuit(terms))
    }

    /// Lets its breaker judge what was seen; what it was before, if it is another now.
    pub(super) fn judge_breaker(&mut self, pool: &Pool, now: Instant) -> Option<Circuit> {
        let terms = pool.breaker.as_ref()?;
        let before = self.breaker.circuit(terms);
        let turned = self.breaker.elapse(terms, now);
        if turned {
            (self.changed, self.urgent) = (true, true);
        }
        turned.then_some(before)
    }

    fn call_backups(&self, report: &mut PoolReport) -> Mode {
        let mode = self.mode();
        if !self.zones.iter().any(|zone| zone.tally.backups > 0.0) {
            return mode;
        }
        let (did, why) = match mode {
            Mode::Backups => ("called the backups in", "no other is eligible"),
            Mode::Primaries | Mode::All => ("held the backups back", "others are eligible"),
        };
        report.add(Stage::Backups, did.to_owned(), Why::Because(why.to_owned()));
        mode
    }

    /// The places that stand otherwise than when they were last told of.
    fn moved(&mut self, pool: &Pool, now: Instant) -> Vec<Moved> {
        let places = self.zone_places.iter_mut().chain(&mut self.region_places);
        let mut moved = Vec::new();
        for (place, key) in places.zip(keys(pool)) {
            let rules = super::failover::rules(pool, pool.failover.zone);
            let escalated = place.escalates(&rules, now);
            let turned = place.turned();
            if escalated || turned.is_some() {
                let to = place.standing.clone();
                let from = turned.unwrap_or_else(|| to.clone());
                moved.push(Moved { place: key, from, to, escalated });
            }
        }
        moved
    }

    fn plan(&self, pool: &Pool, shares: &share::Decided) -> PoolPlan {
        let mut places = self.zone_places.iter().zip(&self.zones).zip(&shares.zones);
        let mut zones = Vec::with_capacity(self.zones.len());
        for region in &pool.regions {
            for (zone, ((place, known), share)) in region.zones.iter().zip(&mut places) {
                zones.push(ZonePlan {
                    region: region.name.clone(),
                    zone: zone.name.clone(),
                    standing: place.standing.clone(),
                    share: *share,
                    backends: Arc::clone(&known.backends),
                });
            }
        }
        let regions = pool.regions.iter().zip(&self.region_places);
        let regions = regions.map(|(region, place)| RegionPlan {
            region: region.name.clone(),
            standing: place.standing.clone(),
        });
        let circuit = self.circuit(pool);
        let (pool, regions) = (pool.name.clone(), regions.collect());
        let (shed, admission) = (shares.shed, admission(shares.shed, self.mix.planned()));
        PoolPlan { pool, zones, regions, shed, admission, circuit }
    }

    fn take_over(&mut self, plan: PoolPlan, good: bool, now: Instant) {
        if !same(&plan, &self.plan) {
            self.plan = Arc::new(plan);
        }
        if good && self.plan.zones.iter().any(|zone| zone.share > 0.0) {
            self.last_good = Some(Arc::clone(&self.plan));
        }
        (self.changed, self.urgent, self.decided_at) = (false, false, Some(now));
        let mut places = self.zone_places.iter().chain(&self.region_places);
        self.judging = places.any(Place::on_trial);
    }
}

/// Whether two plans of a pool are equal; what they share is not compared.
fn same(a: &PoolPlan, b: &PoolPlan) -> bool {
    let zone = |(a, b): (&ZonePlan, &ZonePlan)| {
        a.share == b.share
            && a.standing == b.standing
            && a.zone == b.zone
            && a.region == b.region
            && (Arc::ptr_eq(&a.backends, &b.backends) || a.backends == b.backends)
    };
    a.shed == b.shed
        && a.admission == b.admission
        && a.circuit == b.circuit
        && a.regions == b.regions
        && a.zones.len() == b.zones.len()
        && a.zones.iter().zip(&b.zones).all(zone)
}

fn is_bounded(pool: &Pool) -> bool {
    pool.regions.iter().flat_map(|region| &region.zones).any(|zone| zone.capacity.is_some())
}
