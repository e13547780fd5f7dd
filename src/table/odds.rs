//! Who is chosen how often, read off the same structures that choose.
//!
//! What an operator is told must be what the data plane does. So the odds are not computed from the
//! plan again: they are those of the turns, weights and rings that [`Pool::choose`] uses.

use std::sync::Arc;

use super::chooser::Chooser;
use super::{Backend, Pool, Zone};
use crate::balance::{ip_hash, share_parts, weight_parts};
use crate::config::Algorithm;

/// A zone, and how often it is chosen.
#[derive(Debug)]
pub struct ZoneOdds<'a> {
    /// The zone.
    pub zone: &'a Zone,
    /// The part of the pool's requests that it gets, 0..=1.
    pub share: f64,
    /// What it scores for the key, where zones are chosen by one: the highest wins.
    pub score: Option<f64>,
    /// In plan order.
    pub backends: Vec<BackendOdds<'a>>,
}

/// A backend, and how often it is chosen.
#[derive(Debug)]
pub struct BackendOdds<'a> {
    /// The backend.
    pub backend: &'a Arc<Backend>,
    /// The weight it has now.
    pub weight: f64,
    /// The part of the pool's requests that it gets, 0..=1; with least-connections, while the
    /// loads are in proportion to the weights.
    pub share: f64,
}

impl Pool {
    /// How often each zone and backend is chosen; with a `key` also what zones score for it.
    ///
    /// A request that must be tried again is not in it: it goes where it has not been.
    #[must_use]
    pub fn odds(&self, key: Option<u64>) -> Vec<ZoneOdds<'_>> {
        let parts: Vec<f64> =
            self.zones.iter().map(|zone| f64::from(share_parts(zone.share))).collect();
        let total = parts.iter().sum::<f64>();
        let by_key = matches!(self.algorithm, Algorithm::IpHash(_));
        let key = key.filter(|_| by_key);
        let zones = self.zones.iter().zip(parts).map(|(zone, part)| {
            let share = if total > 0.0 { part / total } else { 0.0 };
            let key = key.filter(|_| zone.share > 0.0);
            ZoneOdds { score: key.map(|key| zone.score(key)), ..zone.odds(share) }
        });
        zones.collect()
    }
}

impl Zone {
    fn score(&self, key: u64) -> f64 {
        ip_hash::score(key, self.identity, self.share)
    }

    fn odds(&self, share: f64) -> ZoneOdds<'_> {
        let members = &self.members;
        let parts: Vec<f64> = match &members.chooser {
            Chooser::IpHash(ring) => ring.ring.shares(&ring.parts),
            _ => {
                let parts = members.weights.iter().map(|weight| f64::from(weight_parts(*weight)));
                let parts: Vec<f64> = parts.collect();
                let total = parts.iter().sum::<f64>();
                parts.iter().map(|part| if total > 0.0 { part / total } else { 0.0 }).collect()
            }
        };
        let backends = members.backends.iter().zip(&members.weights).zip(parts);
        let backends = backends.map(|((backend, weight), part)| BackendOdds {
            backend,
            weight: *weight,
            share: share * part,
        });
        ZoneOdds { zone: self, share, score: None, backends: backends.collect() }
    }
}
