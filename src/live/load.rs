//! How loaded a zone's backends are, kept so that the least loaded of thousands is found at once.
//!
//! The true counts are the backends' own, each on a cache line by itself. Reading ten thousand of
//! them for one choice is out of the question, so zones of more than one block keep a summary: a
//! dense copy of the counts, and for each block of backends its least load, the *floor*. A lease
//! refreshes its backend's entry when it begins and when it ends.
//!
//! All workers write here without locks. Two who refresh one entry at once may leave the older
//! value, and leases of a table before this one report to its summary, not to this; so each choice also checks
//! a few entries against the truth, in rotation ([`LoadSummary::heal`]). A stale entry costs evenness for a
//! moment, never a count: those are the backends' own. For the same reason workers that choose at
//! the same moment may choose the same backend.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::Backend;
use crate::balance::least_connections::{BLOCK, Load, Loads, least};

/// Entries that one call of [`LoadSummary::heal`] checks; divides [`BLOCK`].
const CHUNK: usize = 8;

/// The loads of some backends, for least-connections.
#[derive(Debug)]
pub struct LoadSummary {
    blocks: Box<[Arc<Block>]>,
    floors: Arc<[AtomicU64]>,
    len: usize,
}

#[derive(Debug)]
struct Block {
    backends: Box<[Arc<Backend>]>,
    /// One per backend; the rest of the last block has no weight.
    entries: [Entry; BLOCK],
    floors: Arc<[AtomicU64]>,
    index: usize,
}

#[derive(Debug, Default)]
struct Entry {
    /// A copy of the backend's own count.
    in_flight: AtomicU32,
    weight: u32,
}

impl Entry {
    fn load(&self) -> Load {
        Load::new(self.in_flight.load(Relaxed), self.weight)
    }
}

/// A backend's place in a summary. Keeps one block of it alive, not all.
#[derive(Debug)]
pub struct Seat {
    block: Arc<Block>,
    entry: usize,
}

impl LoadSummary {
    /// Summarises these backends and their weights (> 0), as loaded as they are now.
    #[must_use]
    pub fn new(members: &[(Arc<Backend>, u32)]) -> Self {
        let blocks = members.len().div_ceil(BLOCK);
        let floors: Arc<[AtomicU64]> = (0..blocks).map(|_| AtomicU64::default()).collect();
        let members_of = members.chunks(BLOCK).enumerate();
        let blocks = members_of
            .map(|(index, members)| Arc::new(Block::new(index, members, &floors)))
            .collect();
        Self { blocks, floors, len: members.len() }
    }

    /// The place to be refreshed when this member's count changes; `None` in a summary of one
    /// block, which reads the backends' own counts.
    #[must_use]
    pub fn seat(&self, member: usize) -> Option<Seat> {
        let block = self.blocks.get(member / BLOCK).filter(|_| self.blocks.len() > 1)?;
        Some(Seat { block: Arc::clone(block), entry: member % BLOCK })
    }

    /// Checks a few entries against the backends' own counts: others at each `turn`, all within
    /// as many turns as there are eights of backends.
    pub fn heal(&self, turn: usize) {
        if self.blocks.len() < 2 {
            return;
        }
        let chunk = turn % (self.blocks.len() * BLOCK / CHUNK);
        let block = &self.blocks[chunk * CHUNK / BLOCK];
        let first = chunk * CHUNK % BLOCK;
        for entry in first..(first + CHUNK).min(block.backends.len()) {
            if block.backends[entry].in_flight() != block.entries[entry].in_flight.load(Relaxed) {
                block.refresh(entry);
            }
        }
        if first + CHUNK == BLOCK {
            block.settle();
        }
    }
}

impl Loads for LoadSummary {
    fn len(&self) -> usize {
        self.len
    }

    fn load(&self, member: usize) -> Load {
        let block = &self.blocks[member / BLOCK];
        if self.blocks.len() > 1 {
            block.entries[member % BLOCK].load()
        } else {
            block.true_load(member)
        }
    }

    fn floor(&self, block: usize) -> Load {
        Load::from_bits(self.floors[block].load(Relaxed))
    }

    fn least(&self, members: Range<usize>) -> Option<(usize, Load)> {
        let block = self.blocks.get(members.start / BLOCK)?;
        let first = members.start / BLOCK * BLOCK;
        let entries = members.start - first..members.end - first;
        let least = if self.blocks.len() > 1 {
            block.least(entries)
        } else {
            least(entries.map(|entry| (entry, block.true_load(entry))))
        };
        least.map(|(entry, load)| (first + entry, load))
    }
}

impl Seat {
    /// Takes over the backend's own count.
    pub fn refresh(&self) {
        self.block.refresh(self.entry);
    }
}

impl Block {
    fn new(index: usize, members: &[(Arc<Backend>, u32)], floors: &Arc<[AtomicU64]>) -> Self {
        let mut entries: [Entry; BLOCK] = std::array::from_fn(|_| Entry::default());
        for (entry, (backend, weight)) in entries.iter_mut().zip(members) {
            *entry = Entry { in_flight: AtomicU32::new(backend.in_flight()), weight: *weight };
        }
        let backends = members.iter().map(|(backend, _)| Arc::clone(backend)).collect();
        let block = Self { backends, entries, floors: Arc::clone(floors), index };
        block.settle();
        block
    }

    fn true_load(&self, entry: usize) -> Load {
        Load::new(self.backends[entry].in_flight(), self.entries[entry].weight)
    }

    fn floor(&self) -> Load {
        Load::from_bits(self.floors[self.index].load(Relaxed))
    }

    fn refresh(&self, entry: usize) {
        let count = self.backends[entry].in_flight();
        let entry = &self.entries[entry];
        let before = entry.in_flight.load(Relaxed);
        entry.in_flight.store(count, Relaxed);
        if count >= before {
            self.settle();
        } else if entry.load() < self.floor() {
            self.set_floor(entry.load());
        }
    }

    /// Computes the floor anew.
    fn settle(&self) {
        let floor = self.least(0..self.backends.len());
        self.set_floor(floor.map_or(Load::EXCLUDED, |(_, load)| load));
    }

    fn least(&self, entries: Range<usize>) -> Option<(usize, Load)> {
        let first = entries.start;
        least(self.entries[entries].iter().enumerate().map(|(n, entry)| (first + n, entry.load())))
    }

    fn set_floor(&self, floor: Load) {
        let (cell, bits) = (&self.floors[self.index], floor.to_bits());
        // Written only when it changes: the line is read by every worker for every choice.
        if cell.load(Relaxed) != bits {
            cell.store(bits, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
