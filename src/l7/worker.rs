//! A data-plane worker: one thread with everything a request needs, shared with nobody.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::access_log::{Entry, Sink, Writer};
use crate::config::LogPath;
use crate::live::{Live, WorkerCounters};
use crate::model::UnixMillis;
use crate::net::{Buffers, Timers};
use crate::table::{CachedReader, Picker, Reader, Table};

use super::client::IdlePool;
use super::http1::Seats;
use super::request_id::RequestIds;
use super::steward;
use super::waits::Waits;

/// How often a worker flushes its log and looks after its idle connections.
const UPKEEP: Duration = Duration::from_millis(100);
/// Finished upkeep rounds between two sweeps of idle connections.
const SWEEP_EVERY: u32 = 10;

/// What a worker is given.
#[derive(Debug)]
pub struct Settings {
    /// Its number, 0 for the first.
    pub index: usize,
    /// The newest table.
    pub reader: Reader,
    /// What outlives a table.
    pub live: Arc<Live>,
    /// A random number, different for each worker.
    pub seed: u64,
    /// Where log lines go.
    pub log: Writer,
    /// The wall clock, for log lines and `Date`.
    pub clock: fn() -> UnixMillis,
    /// Notified when a connection to a backend fails, so that control looks at once.
    pub suspects: Arc<Notify>,
    /// What `respond: ready` answers by.
    pub ready: Readiness,
    /// When to end.
    pub shutdown: watch::Receiver<Shutdown>,
}

/// Tells whether this node wants traffic.
#[derive(Clone)]
pub struct Readiness(pub Arc<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Readiness").field(&(self.0)()).finish()
    }
}

/// How far a shutdown has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shutdown {
    /// Not asked for.
    #[default]
    Running,
    /// No new connections; what is in flight finishes.
    Draining,
    /// End now.
    Now,
}

/// Runs a worker on this thread until it is told to end.
///
/// # Errors
/// The runtime could not be built.
pub fn run(settings: Settings) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let shutdown = settings.shutdown.clone();
        let changes = settings.reader.changes();
        let worker = Rc::new(Worker::new(settings));
        tokio::task::spawn_local(Rc::clone(&worker.timers).run());
        tokio::task::spawn_local(upkeep(Rc::clone(&worker)));
        steward::run(worker, changes, shutdown).await;
    });
    Ok(())
}

/// A worker's state, shared by the tasks on its thread.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) live: Arc<Live>,
    pub(crate) idle: IdlePool,
    pub(crate) waits: Waits,
    pub(crate) seats: Seats,
    pub(crate) buffers: Buffers,
    pub(crate) timers: Rc<Timers>,
    pub(crate) ids: RequestIds,
    pub(crate) clock: fn() -> UnixMillis,
    pub(crate) suspects: Arc<Notify>,
    /// Connections end after their current response.
    pub(crate) closing: Cell<bool>,
    /// Client connections open on this worker.
    pub(crate) open: Cell<usize>,
    /// Acceptors that have not yet closed their address.
    pub(crate) accepting: Cell<usize>,
    /// Notified when a client connection or an acceptor ends.
    pub(crate) closed: Notify,
    /// Connections that wait for their next request without having let go of their task's memory.
    pub(crate) lingering: Cell<usize>,
    pub(crate) scratch: RefCell<Scratch>,
    ready: Readiness,
    table: RefCell<CachedReader>,
    picker: RefCell<Picker>,
    writer: Writer,
    sinks: RefCell<HashMap<LogPath, Sink>>,
}

/// Texts that are made for each request and needed only while it is routed.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) authority: String,
}

impl Worker {
    fn new(settings: Settings) -> Self {
        let mut random = fastrand::Rng::with_seed(settings.seed);
        Self {
            index: settings.index,
            live: settings.live,
            idle: IdlePool::default(),
            waits: Waits::default(),
            seats: Seats::default(),
            buffers: Buffers::default(),
            timers: Timers::new(),
            ids: RequestIds::new(random.u64(..)),
            clock: settings.clock,
            suspects: settings.suspects,
            closing: Cell::new(false),
            open: Cell::new(0),
            accepting: Cell::new(0),
            closed: Notify::new(),
            lingering: Cell::new(0),
            scratch: RefCell::default(),
            ready: settings.ready,
            table: RefCell::new(settings.reader.cached()),
            picker: RefCell::new(Picker::new(random.u64(..))),
            writer: settings.log,
            sinks: RefCell::default(),
        }
    }

    /// Looks at the newest table; `look` must not keep it.
    pub(crate) fn with_table<T>(&self, look: impl FnOnce(&Table, &mut Picker) -> T) -> T {
        look(self.table.borrow_mut().load(), &mut self.picker.borrow_mut())
    }

    /// The counters this worker writes.
    pub(crate) fn counters(&self) -> &WorkerCounters {
        self.live.worker(self.index)
    }

    /// Does this node want traffic?
    pub(crate) fn is_ready(&self) -> bool {
        (self.ready.0)() && !self.closing.get()
    }

    /// Writes a log line; lines that cannot be taken are counted.
    pub(crate) fn log(&self, path: &LogPath, entry: &Entry<'_>) {
        let mut sinks = self.sinks.borrow_mut();
        let dropped = match sinks.get_mut(path) {
            Some(sink) => sink.record(entry),
            None => {
                sinks.entry(path.clone()).or_insert_with(|| self.writer.sink(path)).record(entry)
            }
        };
        self.counters().log_dropped.add(dropped);
    }

    fn flush_logs(&self) {
        let dropped: u64 = self.sinks.borrow_mut().values_mut().map(Sink::flush).sum();
        self.counters().log_dropped.add(dropped);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.flush_logs();
    }
}

async fn upkeep(worker: Rc<Worker>) {
    let mut interval = tokio::time::interval(UPKEEP);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut round = 0_u32;
    loop {
        interval.tick().await;
        worker.flush_logs();
        if round.is_multiple_of(SWEEP_EVERY) {
            worker.idle.sweep(Instant::now());
        }
        let counters = worker.counters();
        counters.pooled.add(worker.idle.len() as i64 - counters.pooled.get());
        counters.pooled_stale.add(worker.idle.take_stale());
        round = round.wrapping_add(1);
    }
}
