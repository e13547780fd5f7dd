//! Judging zones and regions on their way back by their traffic.
//!
//! What comes back is compared with the healthy zones of the same pool *at the same time*: a slow
//! afternoon is slow for all, and rolls nobody back.

use super::place::Place;
use super::pool::PoolCore;
use super::trial::{Flow, errors};
use crate::config::Pool;
use crate::model::Phase;

/// Takes the traffic seen since the last call to every trial; true if one has just told something.
pub(super) fn judge(core: &mut PoolCore, pool: &Pool) -> bool {
    let mut others = Flow::default();
    let mut zones = core.zone_places.iter().zip(&core.flows);
    let mut of_regions = Vec::with_capacity(pool.regions.len());
    for (region, around) in pool.regions.iter().zip(&core.region_places) {
        let mut of_region = Flow::default();
        for (place, flow) in zones.by_ref().take(region.zones.len()) {
            of_region.add_all(flow);
            if is_healthy(place) && is_healthy(around) {
                others.add_all(flow);
            }
        }
        of_regions.push(of_region);
    }
    let errors = errors(&pool.restoration);
    let mut told = false;
    let zones = core.zone_places.iter_mut().zip(&core.flows);
    let regions = core.region_places.iter_mut().zip(&of_regions);
    for (place, flow) in zones.chain(regions).filter(|(place, _)| place.on_trial()) {
        told |= place.trial.take(flow, &others, &pool.restoration.gate, errors);
    }
    told
}

fn is_healthy(place: &Place) -> bool {
    place.standing.phase == Phase::Active
}
