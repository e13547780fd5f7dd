//! Keeps every change twice: in memory for who asks, and as a log line for who reads later.

use tracing::{debug, info, warn};

use super::clock::WallClock;
use super::event::EventLog;
use super::{Event, EventKind};
use crate::model::Health;

/// Events kept in memory.
const KEPT: usize = 1_000;

/// Where control writes down what it did.
#[derive(Debug)]
pub(super) struct Journal {
    clock: WallClock,
    events: EventLog,
}

impl Journal {
    pub(super) fn new(clock: WallClock) -> Self {
        Self { clock, events: EventLog::new(KEPT) }
    }

    /// Writes an event down, at the time it is now.
    pub(super) fn record(&mut self, kind: EventKind) {
        log(&kind);
        self.events.push((self.clock)(), kind);
    }

    /// The newest `limit` events, oldest first.
    pub(super) fn newest(&self, limit: usize) -> Vec<Event> {
        self.events.newest(limit)
    }
}

fn log(kind: &EventKind) {
    match kind {
        EventKind::Health { backend, from, to, reason } => {
            let (from, now) = (from.name(), to.name());
            let reason = reason.as_deref().unwrap_or_default();
            if matches!(to, Health::Up) {
                info!(%backend, %from, health = %now, "backend health changed");
            } else {
                warn!(%backend, %from, health = %now, reason, "backend health changed");
            }
        }
        EventKind::Resolved { pool, backend, addresses } => {
            info!(%pool, %backend, addresses, "hostname resolved");
        }
        EventKind::Unresolved { pool, backend, detail } => {
            warn!(%pool, %backend, %detail, "hostname not resolved");
        }
        EventKind::Expired { order } => info!(%order, "order expired"),
        EventKind::Published { generation } => debug!(generation, "table published"),
        EventKind::Reload { actor, result: Ok(reloaded) } => {
            info!(%actor, generation = reloaded.generation, "reloaded");
            reloaded.warnings.iter().for_each(|warning| warn!(%warning, "reloaded with a warning"));
        }
        EventKind::Reload { actor, result: Err(error) } => {
            let problems = error.problems.len();
            warn!(%actor, problems, "reload refused; the running table is untouched");
            error.problems.iter().for_each(|problem| warn!(%problem, "reload refused"));
        }
    }
}
