//! Smooth weighted round-robin whose only state is a number.
//!
//! A worker picks millions of times a second out of up to ten thousand backends, and the table
//! under it may be swapped between two picks. The classic smooth algorithm keeps a running score
//! per backend and scans them all for each pick: too slow, and its state is lost or wrong after a
//! swap. Here the members are laid out once in a fixed order of *slots*, and a pick is read off a
//! sequence number: its remainder names the slot, its quotient the *round*. A slot whose weight is
//! a fraction `w/m` of the heaviest possible takes its turn in that fraction of the rounds, evenly:
//! whenever `(round * w + phase) mod m` wraps. This is static stride scheduling, as in gRPC's
//! weighted round-robin (proposal A58), with two changes:
//!
//! - There, one member much heavier than the rest makes nearly every slot skip nearly every turn.
//!   Here a member heavier than the mean weight gets several slots, none heavier than the mean. So
//!   there are at most two slots per member, and a pick looks at two slots on average, whatever
//!   the weights.
//! - Weights are not rounded. The slots of one member have phases `k/slots` apart, and by Hermite's
//!   identity (`Σ floor(x + k/n) = floor(n·x)`) together they take `floor` or `ceil` of
//!   `rounds * weight / mean` turns in any number of whole rounds: never off by more than one turn,
//!   however long it runs.
//!
//! Within any run of picks, not only whole rounds, a member is off its due by less than
//! `2 + 2 * max(1, weight / mean)` (a property test walks random windows).
//! With equal weights the order is plain rotation.

use super::weight::PARTS_MAX;

/// The golden ratio's fraction, in 2^-32: successive multiples spread evenly over a cycle.
const GOLDEN: u32 = 0x9E37_79B9;

/// The fixed order of turns for a set of weighted members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    slots: Box<[Slot]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    member: u32,
    /// The slot takes its turn in `weight` of `modulus` rounds.
    weight: u32,
    modulus: u32,
    phase: u32,
}

impl Slot {
    fn takes_turn(&self, round: u64) -> bool {
        let Self { weight, modulus, phase, .. } = *self;
        // The product wraps after 2^34 rounds or more; one turn is then out of step.
        weight == modulus
            || round.wrapping_mul(u64::from(weight)).wrapping_add(u64::from(phase))
                % u64::from(modulus)
                >= u64::from(modulus - weight)
    }
}

impl Schedule {
    /// Lays out the slots of members with these weights; a weight of 0 gets no turns, one above
    /// 2^30 counts as 2^30.
    #[must_use]
    pub fn new(weights: &[u32]) -> Self {
        let weights = || weights.iter().map(|weight| u64::from((*weight).min(PARTS_MAX)));
        let members = weights().filter(|weight| *weight > 0).count() as u64;
        if members == 0 {
            return Self::default();
        }
        let mean = weights().sum::<u64>().div_ceil(members);
        let mut slots = Vec::with_capacity(members as usize);
        let mut split = false;
        for (member, weight) in weights().enumerate().filter(|(_, weight)| *weight > 0) {
            let count = weight.div_ceil(mean);
            split |= count > 1;
            let base = (u64::from((member as u32).wrapping_mul(GOLDEN)) * mean) >> 32;
            slots.extend((0..count).map(|k| Slot {
                member: member as u32,
                weight: weight as u32,
                modulus: (count * mean) as u32,
                phase: (k * mean + base) as u32,
            }));
        }
        if split {
            spread(&mut slots, weights().len() as u64, mean);
        }
        Self { slots: slots.into() }
    }

    /// Whose turn it is; advances the sequence. `None` if no member has any weight.
    pub fn next(&self, sequence: &mut u64) -> Option<usize> {
        let slots = self.slots.len() as u64;
        if slots == 0 {
            return None;
        }
        // Ends within a round: the heaviest member weighs the mean or more, so it takes a turn in
        // every round.
        loop {
            let (round, at) = (*sequence / slots, *sequence % slots);
            *sequence = sequence.wrapping_add(1);
            let slot = &self.slots[at as usize];
            if slot.takes_turn(round) {
                return Some(slot.member as usize);
            }
        }
    }

    /// The members in the order of their slots, beginning with the one next in turn; heavy
    /// members repeat. For a caller that may not use the member whose turn it is.
    pub fn after(&self, sequence: u64) -> impl Iterator<Item = usize> + '_ {
        let start = (sequence % self.slots.len().max(1) as u64) as usize;
        let (head, tail) = self.slots.split_at(start);
        tail.iter().chain(head).map(|slot| slot.member as usize)
    }
}

/// Orders the slots so that each member's lie evenly over the round.
fn spread(slots: &mut [Slot], members: u64, mean: u64) {
    slots.sort_by_cached_key(|slot| {
        let count = u64::from(slot.modulus) / mean;
        let k = u64::from(slot.phase) / mean;
        // (k + (member + 1/2) / members) / count, in 2^-63.
        let part = u128::from(2 * members * k + 2 * u64::from(slot.member) + 1);
        ((part << 63) / u128::from(2 * members * count)) as u64
    });
}

#[cfg(test)]
mod tests;
