//! Finds the entry of an identity, or makes it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crossbeam_utils::CachePadded;
use rustls::server::ProducesTickets;
use tokio::time::Instant;

use super::tickets::Tickets;
use super::{
    Arrivals, Backend, Ledger, Limiter, Listener, OncePerMinute, Pressure, Queue, Retries, Room,
    WorkerCounters,
};
use crate::model::{BackendKey, PoolName, ZoneKey};

/// A pool's number: dense, so that workers keep state in plain vectors; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolId(pub u32);

/// A zone's number: dense, over all pools; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZoneId(pub u32);

/// All that outlives a table.
#[derive(Debug)]
pub struct Live {
    workers: Box<[CachePadded<WorkerCounters>]>,
    ledger: Ledger,
    entries: Mutex<Entries>,
    tickets: Tickets,
    /// Where acceptors wait that have to.
    pub room: Room,
    /// Bytes of buffers that may be in use; 0 = as many as it takes.
    buffers_max: AtomicU64,
    /// Whose PROXY protocol headers were refused and logged.
    pub proxy_refusals: OncePerMinute,
    /// Backends that were told of because there was no agreement with them by TLS.
    pub tls_refusals: OncePerMinute,
}

/// A rate limit's place: its listener, its route if it is one's, and its own name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LimiterKey {
    /// The listener's name.
    pub listener: Arc<str>,
    /// The route's.
    pub route: Option<Arc<str>>,
    /// The limit's.
    pub limit: Arc<str>,
}

#[derive(Debug, Default)]
struct Entries {
    next_backend: u64,
    /// Of names that the config chooses and no client, and many: a fast hash will do.
    backends: foldhash::HashMap<BackendKey, Weak<Backend>>,
    listeners: HashMap<(Arc<str>, SocketAddr), Weak<Listener>>,
    pools: HashMap<PoolName, PoolId>,
    zones: HashMap<ZoneKey, ZoneId>,
    queues: HashMap<PoolName, Arc<Queue>>,
    limiters: HashMap<LimiterKey, Weak<Limiter>>,
    route_queues: HashMap<(Arc<str>, Arc<str>), Weak<Queue>>,
    arrivals: HashMap<PoolName, Arc<Arrivals>>,
    retries: HashMap<PoolName, Arc<Retries>>,
    pressures: HashMap<PoolName, Arc<Pressure>>,
}

impl Live {
    /// What seals and opens TLS session tickets; `None` = sessions are not resumed.
    pub fn tickets(&self) -> Option<Arc<dyn ProducesTickets>> {
        self.tickets.get()
    }

    /// Empty, for this many workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        let workers = (0..workers).map(|_| CachePadded::default()).collect();
        Self {
            workers,
            ledger: Ledger::default(),
            entries: Mutex::default(),
            tickets: Tickets::default(),
            room: Room::default(),
            buffers_max: AtomicU64::default(),
            proxy_refusals: OncePerMinute::default(),
            tls_refusals: OncePerMinute::default(),
        }
    }

    /// What still holds a drain open.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Number of workers.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        self.workers.len()
    }

    /// The counters that worker `index` writes.
    #[must_use]
    pub fn worker(&self, index: usize) -> &WorkerCounters {
        &self.workers[index]
    }

    /// All workers' counters, to be summed by a reader.
    pub fn workers(&self) -> impl Iterator<Item = &WorkerCounters> {
        self.workers.iter().map(|padded| &**padded)
    }

    /// From now on so many bytes of buffers may be in use, of which this is a worker's part.
    pub fn limit_buffers(&self, max: Option<u64>) -> Option<usize> {
        self.buffers_max.store(max.unwrap_or(0), Relaxed);
        let part = max? / (self.workers.len() as u64).max(1);
        Some(usize::try_from(part).unwrap_or(usize::MAX))
    }

    /// Bytes of buffers in use, and how many may be.
    #[must_use]
    pub fn buffers(&self) -> (u64, Option<u64>) {
        let used: i64 = self.workers().map(|worker| worker.buffers.get()).sum();
        let max = Some(self.buffers_max.load(Relaxed)).filter(|max| *max > 0);
        (used.unsigned_abs(), max)
    }

    /// The backend of this identity; made if no table refers to it yet.
    pub fn backend(&self, key: &BackendKey) -> Arc<Backend> {
        let mut entries = self.lock();
        let Entries { backends, next_backend, .. } = &mut *entries;
        let known = backends.entry(key.clone()).or_default();
        if let Some(backend) = known.upgrade() {
            return backend;
        }
        *next_backend += 1;
        let backend = Arc::new(Backend::new(key.clone(), *next_backend, self.workers.len()));
        *known = Arc::downgrade(&backend);
        backend
    }

    /// The backend of this identity, if a table refers to it.
    #[must_use]
    pub fn find_backend(&self, key: &BackendKey) -> Option<Arc<Backend>> {
        self.lock().backends.get(key).and_then(Weak::upgrade)
    }

    /// The open listener of this name and configured address, if there is one.
    #[must_use]
    pub fn listener(&self, name: &Arc<str>, bind: SocketAddr) -> Option<Arc<Listener>> {
        self.lock().listeners.get(&(Arc::clone(name), bind)).and_then(Weak::upgrade)
    }

    /// Every open listening address, also one that no table names any more and that only waits
    /// for its queue to empty; by name, then address.
    #[must_use]
    pub fn listeners(&self) -> Vec<Arc<Listener>> {
        let mut open: Vec<_> = self.lock().listeners.values().filter_map(Weak::upgrade).collect();
        open.sort_by(|a, b| (&a.name, a.bind).cmp(&(&b.name, b.bind)));
        open
    }

    /// Remembers a newly bound listener.
    pub fn add_listener(&self, listener: &Arc<Listener>) {
        let key = (Arc::clone(&listener.name), listener.bind);
        self.lock().listeners.insert(key, Arc::downgrade(listener));
    }

    /// The number of the pool of this name.
    pub fn pool_id(&self, name: &PoolName) -> PoolId {
        let mut entries = self.lock();
        let next = PoolId(entries.pools.len() as u32);
        *entries.pools.entry(Arc::clone(name)).or_insert(next)
    }

    /// Where connections wait for a place at a backend of the pool of this name.
    pub fn queue(&self, name: &PoolName) -> Arc<Queue> {
        Arc::clone(self.lock().queues.entry(Arc::clone(name)).or_default())
    }

    /// Where requests wait for a place on the route of this name of the listener of that one; made
    /// if no table refers to it yet.
    pub fn route_queue(&self, listener: &Arc<str>, route: &Arc<str>) -> Arc<Queue> {
        let mut entries = self.lock();
        let key = (Arc::clone(listener), Arc::clone(route));
        let known = entries.route_queues.entry(key).or_default();
        known.upgrade().unwrap_or_else(|| {
            let queue = Arc::default();
            *known = Arc::downgrade(&queue);
            queue
        })
    }

    /// What was taken of a rate limit that remembers so many keys (`None` = it is one for all); made
    /// if no table refers to such a one yet.
    pub fn limiter(&self, key: LimiterKey, keys_max: Option<usize>) -> Arc<Limiter> {
        let mut entries = self.lock();
        let known = entries.limiters.entry(key).or_default();
        if let Some(limiter) = known.upgrade().filter(|limiter| limiter.remembers(keys_max)) {
            return limiter;
        }
        let now = Instant::now();
        let new = keys_max.map_or_else(|| Limiter::for_all(now), |max| Limiter::by_key(max, now));
        let limiter = Arc::new(new);
        *known = Arc::downgrade(&limiter);
        limiter
    }

    /// Every rate limit that a table refers to, by its place.
    #[must_use]
    pub fn limiters(&self) -> Vec<(LimiterKey, Arc<Limiter>)> {
        let entries = self.lock();
        let known = entries.limiters.iter();
        let mut all: Vec<_> =
            known.filter_map(|(key, limiter)| Some((key.clone(), limiter.upgrade()?))).collect();
        all.sort_by(|(a, _), (b, _)| {
            (&a.listener, &a.route, &a.limit).cmp(&(&b.listener, &b.route, &b.limit))
        });
        all
    }

    /// What arrives at the pool of this name.
    pub fn arrivals(&self, name: &PoolName) -> Arc<Arrivals> {
        let new = || Arc::new(Arrivals::new(self.workers.len()));
        Arc::clone(self.lock().arrivals.entry(Arc::clone(name)).or_insert_with(new))
    }

    /// What is tried again of the pool of this name.
    pub fn retries(&self, name: &PoolName) -> Arc<Retries> {
        let new = || Arc::new(Retries::new(self.workers.len()));
        Arc::clone(self.lock().retries.entry(Arc::clone(name)).or_insert_with(new))
    }

    /// How much the pool of this name has to do.
    pub fn pressure(&self, name: &PoolName) -> Arc<Pressure> {
        Arc::clone(self.lock().pressures.entry(Arc::clone(name)).or_default())
    }

    /// The number of the zone of this identity.
    pub fn zone_id(&self, key: &ZoneKey) -> ZoneId {
        let mut entries = self.lock();
        let next = ZoneId(entries.zones.len() as u32);
        *entries.zones.entry(key.clone()).or_insert(next)
    }

    /// Forgets identities no table refers to any more.
    pub fn prune(&self) {
        let mut entries = self.lock();
        entries.backends.retain(|_, entry| entry.strong_count() > 0);
        entries.limiters.retain(|_, entry| entry.strong_count() > 0);
        entries.route_queues.retain(|_, entry| entry.strong_count() > 0);
        entries.listeners.retain(|_, entry| entry.strong_count() > 0);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
