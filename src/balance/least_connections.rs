//! Weighted least-connections: the member with the fewest requests in flight for its weight.
//!
//! Scanning ten thousand counts for each request costs more than the request. So the members are
//! seen in *blocks* of [`BLOCK`], and the counts' owner tells each block's minimum, its *floor*: a
//! choice reads all floors and then one block, or two. Which of several equally loaded members is chosen
//! depends on where the search starts; a caller that starts after its last choice uses equals in
//! turn, exactly as one long scan would.
//!
//! Loads are compared as fractions, by cross-multiplication: no rounding, so equal loads are equal.

use std::cmp::Ordering;
use std::ops::Range;

/// Members per block. Near the square root of the largest pools, so that neither the floors nor
/// a block is long.
pub const BLOCK: usize = 64;

/// How loaded a member would be with one request more, for its weight.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    requests: u32,
    weight: u32,
}

impl Load {
    /// The load of a member that must not be chosen: above every other.
    pub const EXCLUDED: Self = Self { requests: 1, weight: 0 };

    /// The load of a member with this many requests in flight and this weight (> 0).
    #[must_use]
    pub fn new(in_flight: u32, weight: u32) -> Self {
        Self { requests: in_flight.saturating_add(1), weight }
    }

    /// As one word, to be kept in an atomic.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        u64::from(self.requests) << 32 | u64::from(self.weight)
    }

    /// From [`to_bits`](Self::to_bits).
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self { requests: (bits >> 32) as u32, weight: bits as u32 }
    }
}

impl Ord for Load {
    fn cmp(&self, other: &Self) -> Ordering {
        let ours = u64::from(self.requests) * u64::from(other.weight);
        let theirs = u64::from(other.requests) * u64::from(self.weight);
        ours.cmp(&theirs)
    }
}

impl PartialOrd for Load {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Load {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Load {}

/// The loads to choose by.
pub trait Loads {
    /// Number of members.
    fn len(&self) -> usize;

    /// The load of a member.
    fn load(&self, member: usize) -> Load;

    /// The least load of a block's members.
    fn floor(&self, block: usize) -> Load {
        self.least(self.members(block)).map_or(Load::EXCLUDED, |(_, load)| load)
    }

    /// The first of some members of one block with the least load of them; `None` if all of them
    /// are excluded.
    fn least(&self, members: Range<usize>) -> Option<(usize, Load)> {
        least(members.map(|member| (member, self.load(member))))
    }

    /// Whether there are no members.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A block's members.
    fn members(&self, block: usize) -> Range<usize> {
        block * BLOCK..((block + 1) * BLOCK).min(self.len())
    }
}

/// Loads without some members, for a choice that must not fall on them.
#[derive(Debug)]
pub struct Without<'a, L> {
    /// All loads.
    pub loads: &'a L,
    /// The members left out; few.
    pub excluded: &'a [usize],
}

impl<L: Loads> Loads for Without<'_, L> {
    fn len(&self) -> usize {
        self.loads.len()
    }

    fn load(&self, member: usize) -> Load {
        if self.excluded.contains(&member) { Load::EXCLUDED } else { self.loads.load(member) }
    }

    fn floor(&self, block: usize) -> Load {
        let members = self.members(block);
        if self.excluded.iter().any(|member| members.contains(member)) {
            self.least(members).map_or(Load::EXCLUDED, |(_, load)| load)
        } else {
            self.loads.floor(block)
        }
    }

    fn least(&self, members: Range<usize>) -> Option<(usize, Load)> {
        if self.excluded.iter().any(|member| members.contains(member)) {
            least(members.map(|member| (member, self.load(member))))
        } else {
            self.loads.least(members)
        }
    }
}

/// The first least-loaded member at or after `start`, going round. `None` if there are no members
/// or all are excluded.
pub fn choose(loads: &impl Loads, start: usize) -> Option<usize> {
    let start = start % loads.len().max(1);
    if loads.len() <= BLOCK {
        let (at_end, before) = (loads.least(start..loads.len()), loads.least(0..start));
        return lesser(at_end, before);
    }
    let (first, blocks) = (start / BLOCK, loads.len().div_ceil(BLOCK));
    let in_order = (first..blocks).chain(0..first);
    let (best, floor) = least(in_order.clone().map(|block| (block, loads.floor(block))))?;
    if best != first {
        return loads.least(loads.members(best)).map(|(member, _)| member);
    }
    // The block where the search starts is cut in two: its end comes first, its beginning last.
    let at_end = loads.least(start..loads.members(first).end);
    if let Some((member, _)) = at_end.filter(|(_, load)| *load <= floor) {
        return Some(member);
    }
    let equal = in_order.skip(1).find(|block| loads.floor(*block) <= floor);
    let elsewhere = equal.map_or(first * BLOCK..start, |block| loads.members(block));
    // A floor that is out of date must not hide the lower load already seen.
    lesser(loads.least(elsewhere), at_end)
}

/// The less loaded of two members; the first if they are equal.
fn lesser(a: Option<(usize, Load)>, b: Option<(usize, Load)>) -> Option<usize> {
    least(a.into_iter().chain(b)).map(|(member, _)| member)
}

/// The first of these members with the least load of them; `None` if all are excluded.
pub fn least(mut members: impl Iterator<Item = (usize, Load)>) -> Option<(usize, Load)> {
    let mut best = (0, Load::EXCLUDED);
    // Searching on for a lower one, instead of keeping the lower of each two, lets the processor
    // compare many at a time: the best so far seldom changes.
    while let Some(lower) = members.find(|(_, load)| *load < best.1) {
        best = lower;
    }
    (best.1 < Load::EXCLUDED).then_some(best)
}

#[cfg(test)]
mod tests;
