//! Publishing tables: one writer swaps, many readers load, and only the writer frees.
//!
//! A request that happens to hold the last reference to an old table would have to free it:
//! thousands of allocations in the middle of its work. So the publisher keeps every table it
//! replaced until nobody else holds it, and frees it then, at a time of its choosing.

use std::sync::Arc;

use arc_swap::ArcSwap;
use arc_swap::cache::Cache;
use tokio::sync::watch;

use super::Table;

/// The writing end; there is one.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<ArcSwap<Table>>,
    current: Arc<Table>,
    /// Replaced, and perhaps still held by readers.
    old: Vec<Arc<Table>>,
    generation: watch::Sender<u64>,
}

impl Publisher {
    /// Publishes the first table.
    #[must_use]
    pub fn new(first: Table) -> (Self, Reader) {
        let (generation, changes) = watch::channel(first.generation);
        let current = Arc::new(first);
        let shared = Arc::new(ArcSwap::new(Arc::clone(&current)));
        let reader = Reader { shared: Arc::clone(&shared), changes };
        (Self { shared, current, old: Vec::new(), generation }, reader)
    }

    /// Replaces the current table, and tells those who wait for changes.
    pub fn publish(&mut self, table: Table) {
        let table = Arc::new(table);
        // The swap settles the debts of readers that are half-way through a load, so from here on
        // every reference to the old table is in its count.
        self.shared.store(Arc::clone(&table));
        self.generation.send_replace(table.generation);
        self.old.push(std::mem::replace(&mut self.current, table));
    }

    /// Frees the old tables that nobody else holds; returns how many remain.
    pub fn reap(&mut self) -> usize {
        // No reader can come by an old table any more: a count of 1 is ours, and stays 1.
        self.old.retain(|table| Arc::strong_count(table) > 1);
        self.old.len()
    }

    /// The newest table.
    #[must_use]
    pub fn current(&self) -> &Arc<Table> {
        &self.current
    }
}

/// The reading end.
#[derive(Clone, Debug)]
pub struct Reader {
    shared: Arc<ArcSwap<Table>>,
    changes: watch::Receiver<u64>,
}

impl Reader {
    /// The newest table.
    #[must_use]
    pub fn load(&self) -> Arc<Table> {
        self.shared.load_full()
    }

    /// A reader for one worker, which touches shared memory for writing only when the table has
    /// changed.
    #[must_use]
    pub fn cached(&self) -> CachedReader {
        CachedReader { cache: Cache::new(Arc::clone(&self.shared)) }
    }

    /// The newest table's generation, to be waited on.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}

/// A worker's own reading end. It holds the table it loaded last until it loads again.
#[derive(Clone, Debug)]
pub struct CachedReader {
    cache: Cache<Arc<ArcSwap<Table>>, Arc<Table>>,
}

impl CachedReader {
    /// The newest table.
    pub fn load(&mut self) -> &Arc<Table> {
        self.cache.load()
    }
}
