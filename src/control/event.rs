//! What changed, in order, with the time it was seen: the answer to "what just happened?".

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Actor, ReloadError, Reloaded};
use crate::model::{BackendKey, Health, Order, UnixMillis};

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// A number that grows by one with each event of this process, from 1.
    pub sequence: u64,
    /// When control saw it.
    pub at: UnixMillis,
    /// What it was.
    pub kind: EventKind,
}

/// What changed.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A backend's observed health changed.
    Health {
        /// The backend.
        backend: BackendKey,
        /// Before.
        from: Health,
        /// Now.
        to: Health,
        /// Why it is not up, when it is not; capped and escaped.
        reason: Option<Arc<str>>,
    },
    /// A hostname's addresses changed.
    Resolved {
        /// The pool.
        pool: Arc<str>,
        /// The backend's name in the config.
        backend: Arc<str>,
        /// How many addresses it has now.
        addresses: usize,
    },
    /// A hostname could not be resolved; its last good addresses stay in use.
    Unresolved {
        /// The pool.
        pool: Arc<str>,
        /// The backend's name in the config.
        backend: Arc<str>,
        /// Why; capped and escaped.
        detail: Arc<str>,
    },
    /// The time of an order was over.
    Expired {
        /// The order.
        order: Order,
    },
    /// A table was published.
    Published {
        /// Its generation.
        generation: u64,
    },
    /// The configuration was loaded again, or was refused.
    Reload {
        /// Who asked.
        actor: Actor,
        /// What came of it.
        result: Result<Reloaded, ReloadError>,
    },
}

/// The newest events, bounded.
#[derive(Debug)]
pub(super) struct EventLog {
    capacity: usize,
    next: u64,
    events: VecDeque<Event>,
}

impl EventLog {
    /// An empty log that keeps the newest `capacity` events.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, next: 1, events: VecDeque::with_capacity(capacity) }
    }

    /// Adds an event, forgetting the oldest when full.
    pub(super) fn push(&mut self, at: UnixMillis, kind: EventKind) {
        if self.events.len() == self.capacity {
            self.events.pop_front();
        }
        self.events.push_back(Event { sequence: self.next, at, kind });
        self.next += 1;
    }

    /// The newest `limit` events, oldest first.
    pub(super) fn newest(&self, limit: usize) -> Vec<Event> {
        self.events.iter().skip(self.events.len().saturating_sub(limit)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_forgets_the_oldest_and_keeps_counting() {
        let mut log = EventLog::new(2);
        for generation in 1..=3 {
            log.push(UnixMillis(generation), EventKind::Published { generation });
        }
        let sequences: Vec<u64> = log.newest(10).iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, [2, 3]);
        assert_eq!(log.newest(1)[0].sequence, 3);
    }
}
