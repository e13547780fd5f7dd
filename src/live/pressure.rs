//! How much a pool has to do: its requests under way, and how many it bears.
//!
//! Kept only for pools that shed by load: there each request counts itself in when it is let in and
//! out when it is over. All workers write one count, because all of them fill the same backends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crossbeam_utils::CachePadded;

/// A pool's load, as it lives across tables.
#[derive(Debug)]
pub struct Pressure {
    under_way: CachePadded<AtomicU32>,
    /// How many it bears, as far as that is known; written by control, rarely.
    limit: AtomicU32,
    refused: AtomicU64,
}

/// A request that is under way, for as long as this lives.
#[derive(Debug)]
pub struct UnderWay(Arc<Pressure>);

impl Default for Pressure {
    fn default() -> Self {
        let limit = AtomicU32::new(u32::MAX);
        Self { under_way: CachePadded::default(), limit, refused: AtomicU64::default() }
    }
}

impl Pressure {
    /// Counts a request in, if fewer than `most` are under way; counts it as refused otherwise. Those
    /// who come at the same moment may each take the last place.
    pub fn enter(self: &Arc<Self>, most: u32) -> Option<UnderWay> {
        if self.under_way.load(Relaxed) >= most {
            self.refuse();
            return None;
        }
        self.under_way.fetch_add(1, Relaxed);
        Some(UnderWay(Arc::clone(self)))
    }

    /// Counts a request as refused.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Requests under way, over all workers.
    #[must_use]
    pub fn under_way(&self) -> u32 {
        self.under_way.load(Relaxed)
    }

    /// Requests refused so far because the pool had enough to do.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// How many requests it bears by how its latency answers to load; `u32::MAX` = not known.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    /// Says how many.
    pub fn set_limit(&self, limit: u32) {
        // Written only when it changes: the line is read for every request.
        if self.limit() != limit {
            self.limit.store(limit, Relaxed);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_let_in_counts_until_it_is_over() {
        let pressure = Arc::<Pressure>::default();
        let inside: Vec<_> = (0..5).filter_map(|_| pressure.enter(3)).collect();
        assert_eq!((inside.len(), pressure.under_way(), pressure.refused()), (3, 3, 2));
        assert!(pressure.enter(4).is_some_and(|_| pressure.under_way() == 4));
        drop(inside);
        assert_eq!((pressure.under_way(), pressure.limit()), (0, u32::MAX));
    }
}
