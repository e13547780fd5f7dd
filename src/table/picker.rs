//! What a worker remembers from one choice to the next.

use std::collections::HashMap;

use crate::live::{PoolId, ZoneId};
use crate::model::{PRIORITY_CLASSES, PriorityClass};

/// A worker's cursors: where it is in each pool's, zone's and split's order.
///
/// They are kept by identity, so they survive table swaps, and each starts at a random place, so
/// that workers (and nodes) do not all begin with the same backend. Every zone has its own cursor:
/// one shared by all would step in time with the zones' own order and skip backends for ever.
#[derive(Debug)]
pub struct Picker {
    random: fastrand::Rng,
    admissions: [Vec<u64>; PRIORITY_CLASSES],
    trials: Vec<u64>,
    pools: Vec<u64>,
    zones: Vec<u64>,
    splits: HashMap<u64, u64>,
}

impl Picker {
    /// A picker whose places start at random by this seed; give each worker another.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self {
            random,
            admissions: Default::default(),
            trials: Vec::new(),
            pools: Vec::new(),
            zones: Vec::new(),
            splits: HashMap::new(),
        }
    }

    pub(super) fn admission(&mut self, id: PoolId, class: PriorityClass) -> &mut u64 {
        cursor(&mut self.admissions[class as usize], id.0, &mut self.random)
    }

    pub(super) fn trial(&mut self, id: PoolId) -> &mut u64 {
        cursor(&mut self.trials, id.0, &mut self.random)
    }

    pub(super) fn pool(&mut self, id: PoolId) -> &mut u64 {
        cursor(&mut self.pools, id.0, &mut self.random)
    }

    pub(super) fn zone(&mut self, id: ZoneId) -> &mut u64 {
        cursor(&mut self.zones, id.0, &mut self.random)
    }

    pub(super) fn split(&mut self, identity: u64) -> &mut u64 {
        let random = &mut self.random;
        self.splits.entry(identity).or_insert_with(|| start(random))
    }

    /// A part of 0..1, by chance.
    pub fn part(&mut self) -> f64 {
        self.random.f64()
    }

    pub(super) fn key(&mut self) -> u64 {
        self.random.u64(..)
    }
}

fn cursor<'a>(cursors: &'a mut Vec<u64>, id: u32, random: &mut fastrand::Rng) -> &'a mut u64 {
    let index = id as usize;
    if cursors.len() <= index {
        cursors.resize_with(index + 1, || start(random));
    }
    &mut cursors[index]
}

/// Low enough that a sequence never comes near its end.
fn start(random: &mut fastrand::Rng) -> u64 {
    u64::from(random.u32(..))
}
