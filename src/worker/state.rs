//! What every connection on a worker's thread shares, whatever it speaks.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::access_log::{Line, Sink, Writer};
use crate::config::LogPath;
use crate::live::{Live, WorkerCounters};
use crate::model::UnixMillis;
use crate::net::{Buffers, Pressure, Timers, tls};
use crate::table::{CachedReader, Picker, Table};

use super::{Drains, Settings};

/// A worker's state, shared by the tasks on its thread.
#[derive(Debug)]
pub struct Worker {
    /// Its number, 0 for the first.
    pub index: usize,
    /// What outlives a table.
    pub live: Arc<Live>,
    /// Its stock of buffers.
    pub buffers: Buffers,
    /// Where TLS records are opened and sealed.
    pub records: Rc<tls::Scratch>,
    /// Its deadlines.
    pub timers: Rc<Timers>,
    /// The wall clock.
    pub clock: fn() -> UnixMillis,
    /// Notified when a connection to a backend fails, so that control looks at once.
    pub suspects: Arc<Notify>,
    /// What is being drained.
    pub drains: Drains,
    /// The worker is shutting down: nothing new begins.
    pub closing: Cell<bool>,
    /// Client connections open on this worker.
    pub(super) open: Cell<usize>,
    /// Acceptors that have not yet closed their address.
    pub(super) accepting: Cell<usize>,
    /// Notified when a client connection or an acceptor ends.
    pub(super) closed: Notify,
    table: RefCell<CachedReader>,
    picker: RefCell<Picker>,
    writer: Writer,
    sinks: RefCell<HashMap<LogPath, Sink>>,
}

impl Worker {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            index: settings.index,
            live: settings.live,
            buffers: Buffers::default(),
            records: Rc::default(),
            timers: Timers::new(),
            clock: settings.clock,
            suspects: settings.suspects,
            drains: Drains::default(),
            closing: Cell::new(false),
            open: Cell::new(0),
            accepting: Cell::new(0),
            closed: Notify::new(),
            table: RefCell::new(settings.reader.cached()),
            picker: RefCell::new(Picker::new(settings.seed)),
            writer: settings.log,
            sinks: RefCell::default(),
        }
    }

    /// Looks at the newest table; `look` must not keep it.
    pub fn with_table<T>(&self, look: impl FnOnce(&Table, &mut Picker) -> T) -> T {
        look(self.table.borrow_mut().load(), &mut self.picker.borrow_mut())
    }

    /// The counters this worker writes.
    #[must_use]
    pub fn counters(&self) -> &WorkerCounters {
        self.live.worker(self.index)
    }

    /// Writes a log line; lines that cannot be taken are counted.
    pub fn log(&self, path: &LogPath, entry: &impl Line) {
        let mut sinks = self.sinks.borrow_mut();
        let dropped = match sinks.get_mut(path) {
            Some(sink) => sink.record(entry),
            None => {
                sinks.entry(path.clone()).or_insert_with(|| self.writer.sink(path)).record(entry)
            }
        };
        self.counters().log_dropped.add(dropped);
    }

    /// Tells how much of its buffers is in use, and whoever waits until it is less.
    pub(super) fn count_buffers(&self) {
        let told = &self.counters().buffers;
        told.add(self.buffers.borrowed() as i64 - told.get());
        if self.buffers.pressure() == Pressure::None {
            self.live.room.freed();
        }
    }

    pub(super) fn flush_logs(&self) {
        let dropped: u64 = self.sinks.borrow_mut().values_mut().map(Sink::flush).sum();
        self.counters().log_dropped.add(dropped);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.flush_logs();
    }
}
