//! Which part of the pool's traffic each zone gets.
//!
//! Four things pull at once: weights say who is entitled to what, priorities who comes first, health
//! and capacity what can be borne, and restoration how much of what it is entitled to a zone may
//! have yet. They are reconciled by filling: levels of priority in order, regions by weight within a
//! level, zones by weight within a region, no zone beyond its *room*; what does not fit goes on to
//! the others, and what fits nowhere is shed.
//!
//! Where a zone declares no capacity, what is healthy is assumed to bear 1.4 times its part
//! ([`OVERPROVISIONING`], as in Envoy's priority and locality balancing): two zones in ten may be
//! lost before anything leaves the region, or the level of priority.

use crate::config::defaults::OVERPROVISIONING;

/// Parts of the traffic that are no more than the difference of two roundings.
const ROUNDING: f64 = 1e-12;

/// A zone's claim.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// Its region, as a place in the pool's list.
    pub(super) region: usize,
    /// Lower numbers come first.
    pub(super) priority: u32,
    /// Its weight among the region's zones, all its backends up.
    pub(super) full: f64,
    /// Its weight now; 0 = it can take nothing.
    pub(super) pull: f64,
    /// The part of `full` that takes traffic.
    pub(super) healthy: f64,
    /// The part of the pool's traffic that its declared capacity allows; infinite = not declared.
    pub(super) room: f64,
    /// It declares a capacity.
    pub(super) bounded: bool,
    /// The part of what it is entitled to that it may have yet, up to 1.
    pub(super) stage: f64,
}

/// What zones get.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    /// Of the pool's traffic, in the order of the claims.
    pub(super) zones: Vec<f64>,
    /// What fits nowhere.
    pub(super) unplaced: f64,
    /// What zones on their way back got beyond their stage, because the rest cannot carry it.
    pub(super) yielded: f64,
}

/// The claims of a pool, and its regions' weights (`None` = the weight of their zones).
#[derive(Clone, Copy, Debug)]
pub(super) struct Claims<'a> {
    pub(super) zones: &'a [Claim],
    pub(super) regions: &'a [Option<f64>],
    /// The part of what it had to carry that the rest can carry still, while there are stages.
    pub(super) rest_carries: f64,
}

impl Claims<'_> {
    /// Shares out `amount`, a part of the pool's traffic.
    pub(super) fn share_out(&self, amount: f64) -> Shares {
        let rooms: Vec<f64> = self.zones.iter().map(|claim| claim.room).collect();
        let entitled = self.fill_levels(amount, &rooms);
        let staged = |claim: &Claim| claim.stage < 1.0 && claim.pull > 0.0;
        if !self.zones.iter().any(staged) {
            return entitled;
        }
        let room = |(claim, entitled): (&Claim, &f64)| match staged(claim) {
            true => claim.room.min(claim.stage * entitled),
            false => claim.room,
        };
        let capped: Vec<f64> = self.zones.iter().zip(&entitled.zones).map(room).collect();
        // What is held back cannot be counted upon either.
        let counted = |claim: &Claim| Claim { healthy: claim.healthy * claim.stage, ..*claim };
        let zones: Vec<Claim> = self.zones.iter().map(counted).collect();
        let mut shares = Claims { zones: &zones, ..*self }.fill_levels(amount, &capped);
        // The caps yield when the rest cannot carry the load.
        let mut left = shares.unplaced;
        for (share, claim) in shares.zones.iter_mut().zip(self.zones) {
            if !staged(claim) {
                left += *share * (1.0 - self.rest_carries);
                *share *= self.rest_carries;
            }
        }
        if left > 0.0 {
            let mut more = shares.zones.clone();
            let unplaced = self.fill(&mut more, left, &rooms, staged);
            shares.yielded = left - unplaced;
            // What they cannot take either, the rest must.
            shares.unplaced = self.fill(&mut more, unplaced, &rooms, |claim| !staged(claim));
            shares.zones = more;
        }
        shares
    }

    /// Levels of priority in order, each as far as it can carry the traffic.
    fn fill_levels(&self, amount: f64, rooms: &[f64]) -> Shares {
        let mut levels: Vec<u32> = self.zones.iter().map(|claim| claim.priority).collect();
        levels.sort_unstable();
        levels.dedup();
        let carried: Vec<f64> = levels.iter().map(|level| self.carries(*level)).collect();
        let all = carried.iter().sum::<f64>();
        let mut zones = vec![0.0; self.zones.len()];
        let mut left = amount;
        for (level, carries) in levels.iter().zip(&carried) {
            let part = (amount * carries / all.min(1.0)).min(left);
            if part > ROUNDING {
                left -= part - self.fill(&mut zones, part, rooms, |claim| claim.priority == *level);
            }
        }
        // Rounding, or rooms that were smaller than a level's health let expect.
        for level in levels {
            if left > ROUNDING {
                left = self.fill(&mut zones, left, rooms, |claim| claim.priority == level);
            }
        }
        let unplaced = if left > 1e-9 { left } else { 0.0 };
        Shares { zones, unplaced, yielded: 0.0 }
    }

    /// The part of the pool's traffic that a level can carry, 0..=1.
    fn carries(&self, level: u32) -> f64 {
        let zones = || self.zones.iter().filter(|claim| claim.priority == level);
        if zones().all(|claim| claim.pull <= 0.0) {
            return 0.0;
        }
        if zones().any(|claim| claim.room.is_finite()) {
            let rooms = zones().filter(|claim| claim.pull > 0.0).map(|claim| claim.room.min(1.0));
            return rooms.sum::<f64>().min(1.0);
        }
        let healthy = zones().map(|claim| claim.healthy).sum::<f64>();
        let full = zones().map(|claim| claim.full).sum::<f64>();
        carried(healthy, full)
    }

    /// Adds `amount` to the zones that `open` picks, by weight, none beyond its room; returns what
    /// did not fit.
    fn fill(
        &self,
        shares: &mut [f64],
        mut amount: f64,
        rooms: &[f64],
        open: impl Fn(&Claim) -> bool,
    ) -> f64 {
        let mut full: Vec<bool> = vec![false; self.zones.len()];
        while amount > 0.0 {
            let pulls = self.pulls(|at, claim| open(claim) && !full[at] && rooms[at] > shares[at]);
            let total = pulls.iter().sum::<f64>();
            if total <= 0.0 {
                return amount;
            }
            let step = amount;
            let mut fitted = true;
            for (at, pull) in pulls.iter().enumerate().filter(|(_, pull)| **pull > 0.0) {
                let left = rooms[at] - shares[at];
                if step * pull / total > left {
                    (shares[at], full[at], fitted) = (rooms[at], true, false);
                    amount -= left;
                }
            }
            if fitted {
                for (share, pull) in shares.iter_mut().zip(&pulls) {
                    *share += step * pull / total;
                }
                return 0.0;
            }
        }
        0.0
    }

    /// Each zone's weight in the whole pool, through its region's.
    fn pulls(&self, open: impl Fn(usize, &Claim) -> bool) -> Vec<f64> {
        let zones = || self.zones.iter().enumerate();
        let mut by_region = vec![(0.0, 0.0, 0.0); self.regions.len()];
        for (at, claim) in zones() {
            let (pull, healthy, full) = &mut by_region[claim.region];
            if open(at, claim) {
                *pull += claim.pull;
            }
            *healthy += claim.healthy;
            *full += claim.full;
        }
        let pull = |(at, claim): (usize, &Claim)| {
            let (pull, healthy, full) = by_region[claim.region];
            if !open(at, claim) || claim.pull <= 0.0 {
                return 0.0;
            }
            match self.regions[claim.region] {
                Some(weight) => weight * carried(healthy, full) * claim.pull / pull,
                None => claim.pull,
            }
        };
        zones().map(pull).collect()
    }
}

/// The part of its traffic that something can carry of whose weight this much is healthy.
pub(super) fn carried(healthy: f64, full: f64) -> f64 {
    if full > 0.0 { (OVERPROVISIONING * healthy / full).clamp(0.0, 1.0) } else { 0.0 }
}
