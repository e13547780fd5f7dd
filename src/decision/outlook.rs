//! What would be: the share of each zone if none were held back, and if the largest one were lost.

use super::orders::Orders;
use super::pool::PoolCore;
use super::share::{Gathered, Who};
use super::zone::Mode;
use crate::config::Pool;
use crate::config::defaults::OVERPROVISIONING;

/// What a pool could do beyond what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// For each zone, regions in config order, the part of the pool's traffic (0..=1) that it would
    /// get with the backends it has now if automation held nobody back.
    pub entitled: Vec<f64>,
    /// The part of what is asked of the pool that it could carry without the zone that carries most
    /// (N−1); from 1 on, that zone may be lost. Where no capacity is declared, what is healthy is
    /// assumed to bear 1.4 times its part. `None` = nothing takes traffic, or nothing is asked.
    pub headroom: Option<f64>,
}

pub(super) fn of(core: &PoolCore, pool: &Pool, orders: &Orders) -> Outlook {
    let mode = core.mode();
    let back = Gathered::new(core, pool, orders, mode, Who::HeldBackToo);
    let entitled = back.share_out(orders.traffic(&pool.name), 1.0).zones;
    let headroom = headroom(&Gathered::new(core, pool, orders, mode, Who::TakesPart));
    Outlook { entitled, headroom }
}

fn headroom(gathered: &Gathered) -> Option<f64> {
    let bears = bears(gathered);
    let most = bears.iter().copied().max_by(f64::total_cmp).filter(|most| *most > 0.0)?;
    let rest = bears.iter().sum::<f64>() - most;
    rest.is_finite().then_some(rest.max(0.0))
}

/// The part of what is asked of the pool that each zone can carry.
fn bears(gathered: &Gathered) -> Vec<f64> {
    let Gathered { claims, regions } = gathered;
    let mut full = vec![0.0; regions.len()];
    claims.iter().for_each(|claim| full[claim.region] += claim.full);
    // What zones weigh in the whole pool, all of them well.
    let weight = |region: usize| regions[region].unwrap_or(full[region]);
    let parts = claims.iter().map(|claim| match full[claim.region] {
        0.0 => 0.0,
        full => weight(claim.region) * claim.full / full,
    });
    let parts: Vec<f64> = parts.collect();
    let of_level = |priority: u32| {
        let same = claims.iter().zip(&parts).filter(|(claim, _)| claim.priority == priority);
        same.map(|(_, part)| part).sum::<f64>()
    };
    let one = |(claim, part): (&super::spill::Claim, &f64)| {
        let takes = claim.pull > 0.0 && *part > 0.0;
        match claim.room {
            _ if !takes => 0.0,
            room if room.is_finite() => room * claim.stage,
            // Declared, but nothing is asked of it.
            room if claim.bounded => room,
            _ => {
                let healthy = part * claim.healthy / claim.full;
                OVERPROVISIONING * healthy * claim.stage / of_level(claim.priority)
            }
        }
    };
    claims.iter().zip(&parts).map(one).collect()
}

impl PoolCore {
    /// Who takes traffic, while anybody is eligible.
    pub(super) fn mode(&self) -> Mode {
        let sum = |part: fn(&super::zone::Zone) -> f64| self.zones.iter().map(part).sum::<f64>();
        let backups = sum(|zone| zone.tally.backups) > 0.0;
        let primaries = sum(|zone| zone.tally.primaries) > 0.0;
        if backups && !primaries { Mode::Backups } else { Mode::Primaries }
    }
}
