//! Places of which there are only so many: at a backend, in a pool, on a route.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use super::Queue;

/// How many places are taken, over all workers.
#[derive(Debug, Default)]
pub struct Places(AtomicU32);

impl Places {
    /// How many are taken now.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.0.load(SeqCst)
    }
}

/// One place, given back when dropped: then the first of those who wait in its queue is called.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    queue: Arc<Queue>,
}

impl Place {
    /// Takes one of `max` places, for which this queue waits; `None` if all are taken.
    #[must_use]
    pub fn take(queue: &Arc<Queue>, places: &Arc<Places>, max: u32) -> Option<Self> {
        let more = |taken: u32| (taken < max).then_some(taken + 1);
        places.0.fetch_update(SeqCst, SeqCst, more).ok()?;
        Some(Self { places: Arc::clone(places), queue: Arc::clone(queue) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.0.fetch_sub(1, SeqCst);
        self.queue.call();
    }
}
