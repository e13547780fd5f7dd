//! A worker's life: what it is given, and how it begins and ends.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, watch};

use crate::access_log::Writer;
use crate::live::Live;
use crate::model::UnixMillis;
use crate::table::Reader;

use super::{Plane, Worker, steward};

/// How often a worker flushes its log and brings its counters up to date.
pub const UPKEEP: Duration = Duration::from_millis(100);
/// Finished upkeep rounds between two sweeps of what is idle.
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
    /// When to end.
    pub shutdown: watch::Receiver<Shutdown>,
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

/// Runs a worker on this thread until it is told to end. `planes` makes what serves its listeners.
///
/// # Errors
/// The runtime could not be built.
pub fn run(
    settings: Settings,
    planes: impl FnOnce(&Rc<Worker>) -> Vec<Rc<dyn Plane>>,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let shutdown = settings.shutdown.clone();
        let changes = settings.reader.changes();
        let worker = Rc::new(Worker::new(settings));
        let planes: Rc<[Rc<dyn Plane>]> = planes(&worker).into();
        tokio::task::spawn_local(Rc::clone(&worker.timers).run());
        tokio::task::spawn_local(upkeep(Rc::clone(&worker), Rc::clone(&planes)));
        steward::run(worker, &planes, changes, shutdown).await;
    });
    Ok(())
}

async fn upkeep(worker: Rc<Worker>, planes: Rc<[Rc<dyn Plane>]>) {
    let mut interval = tokio::time::interval(UPKEEP);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut round = 0_u32;
    loop {
        interval.tick().await;
        worker.flush_logs();
        if round.is_multiple_of(SWEEP_EVERY) {
            planes.iter().for_each(|plane| plane.sweep());
        }
        worker.drains.forget_left();
        worker.count_buffers();
        planes.iter().for_each(|plane| plane.count());
        round = round.wrapping_add(1);
    }
}
