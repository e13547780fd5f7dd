//! What a pool's memory takes in between two decisions, and how it is kept over a reload and a
//! restart.

use std::sync::Arc;
use std::time::Instant;

use super::place::Place;
use super::pool::PoolCore;
use super::zone::Zone;
use crate::config::Pool;
use crate::model::{Order, Phase, PlaceKey, Standing, Traffic};

impl PoolCore {
    /// Notes that something about a backend has changed.
    pub(super) fn touch(&mut self, place: usize) {
        self.changed = true;
        let at = self.zone_at(place);
        if let Some(zone) = self.zones.get_mut(at) {
            zone.changed = true;
        }
    }

    /// The zone a backend is in.
    pub(super) fn zone_of(&self, place: usize) -> Option<&Zone> {
        self.zones.get(self.zone_at(place))
    }

    /// The place of that zone in the pool.
    pub(super) fn zone_at(&self, place: usize) -> usize {
        self.zones.partition_point(|zone| zone.members.end <= place)
    }

    /// Counts what was seen of a backend's traffic.
    pub(super) fn count(&mut self, pool: &Pool, place: usize, sample: &Traffic, now: Instant) {
        if let Some(terms) = &pool.breaker {
            self.breaker.sample(sample, terms, now);
        }
        if self.bounded {
            self.load.count(sample.requests);
            if let Some(in_flight) = self.in_flight.get_mut(place) {
                *in_flight = sample.in_flight;
            }
        }
        let at = self.zone_at(place);
        if self.judging
            && let Some(flow) = self.flows.get_mut(at)
        {
            flow.add(sample);
            self.seen = true;
        }
    }

    /// Measures the load; asks for a decision if it has to be planned with anew.
    pub(super) fn measure(&mut self, now: Instant) {
        let admitted = (1.0 - self.plan.shed).max(f64::MIN_POSITIVE);
        if self.load.measure(self.in_flight.iter().sum(), admitted, now) {
            (self.changed, self.urgent) = (true, true);
        }
    }

    /// Looks at which classes arrive; asks for a decision if others are to be shed.
    pub(super) fn look_at_mix(&mut self, now: Instant) {
        if self.mix.measure(self.plan.shed, &self.plan.admission, now) {
            (self.changed, self.urgent) = (true, true);
        }
    }

    /// Lets an order bring places back.
    pub(super) fn restore(&mut self, pool: &Pool, order: &Order, now: Instant) {
        let mut zones = self.zone_places.iter_mut();
        for (region, around) in pool.regions.iter().zip(&mut self.region_places) {
            let whole = order.scope.covers_region(&pool.name, &region.name);
            if whole {
                around.restore(order, &pool.restoration, now);
            }
            for (zone, place) in region.zones.iter().zip(&mut zones) {
                // The zones of a region come back with it.
                if !whole && order.scope.covers_zone(&pool.name, &region.name, &zone.name) {
                    place.restore(order, &pool.restoration, now);
                }
            }
        }
        self.changed = true;
    }

    /// Takes over from the memory of the pool as it was configured before.
    pub(super) fn carry_over(&mut self, pool: &Pool, before: &Self) {
        for ((region, zone), place) in zones(pool).zip(&mut self.zone_places) {
            let known = before.plan.zones.iter().zip(&before.zone_places);
            let mut same = known.filter(|(plan, _)| plan.zone == *zone && plan.region == *region);
            if let Some((_, known)) = same.next() {
                *place = known.clone();
                place.fit(&pool.restoration);
            }
        }
        for (region, place) in pool.regions.iter().zip(&mut self.region_places) {
            let mut known = before.plan.regions.iter().zip(&before.region_places);
            if let Some((_, known)) = known.find(|(plan, _)| plan.region == region.name) {
                *place = known.clone();
                place.fit(&pool.restoration);
            }
        }
        self.load = before.load.clone();
        self.headroom = before.headroom.clone();
        self.mix = before.mix.clone();
        if pool.breaker.is_some() {
            self.breaker = before.breaker.clone();
        }
        self.carried = before.carried;
        self.plan = Arc::clone(&before.plan);
        self.last_good.clone_from(&before.last_good);
        self.decided_at = before.decided_at;
        self.due = before.due;
    }

    /// How its places stand that are not simply active, or have failed of late.
    pub(super) fn standings<'a>(
        &'a self,
        pool: &'a Pool,
    ) -> impl Iterator<Item = (PlaceKey, Standing)> + 'a {
        let places = self.zone_places.iter().chain(&self.region_places);
        let kept = |place: &Place| {
            let standing = &place.standing;
            let told = standing.phase != Phase::Active || standing.flaps > 0;
            (told && !place.is_ordered()).then(|| standing.clone())
        };
        keys(pool).zip(places).filter_map(move |(key, place)| Some((key, kept(place)?)))
    }

    /// Takes over how its places stood before a restart, unless an order says how they stand.
    pub(super) fn resume(
        &mut self,
        pool: &Pool,
        standings: &[(PlaceKey, Standing)],
        stale: bool,
        now: Instant,
    ) {
        let places = self.zone_places.iter_mut().chain(&mut self.region_places);
        for (key, place) in keys(pool).zip(places).filter(|(_, place)| !place.is_ordered()) {
            if let Some((_, standing)) = standings.iter().find(|(known, _)| *known == key) {
                *place = Place::resumed(standing, stale, pool, now);
            }
        }
        self.changed = true;
    }
}

fn zones(pool: &Pool) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
    pool.regions
        .iter()
        .flat_map(|region| region.zones.iter().map(move |zone| (&region.name, &zone.name)))
}

/// The pool's places: its zones, then its regions, in config order.
pub(super) fn keys(pool: &Pool) -> impl Iterator<Item = PlaceKey> + '_ {
    let key = |region: &Arc<str>, zone: Option<&Arc<str>>| PlaceKey {
        pool: Arc::clone(&pool.name),
        region: Arc::clone(region),
        zone: zone.map(Arc::clone),
    };
    let regions = pool.regions.iter().map(move |region| key(&region.name, None));
    zones(pool).map(move |(region, zone)| key(region, Some(zone))).chain(regions)
}
