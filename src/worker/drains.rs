//! What is being drained, as a worker follows it from table to table.
//!
//! A drained backend or listener gets nothing new; that follows from the table. What it still has is
//! known only to whoever serves it, so each [`Plane`](super::Plane) tells and ends its own, by
//! what is written down here for all of them.

use std::cell::{Ref, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::config::defaults::DRAIN_DEADLINE;
use crate::live::{self, Drain, Drained, Holder};
use crate::table::Table;

/// A worker's drains.
#[derive(Debug, Default)]
pub struct Drains(RefCell<HashMap<DrainKey, Leave>>);

/// Tells drains apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DrainKey {
    /// The backend's live id.
    Backend(u64),
    /// By [`listener_id`].
    Listener(usize),
}

/// One drain.
#[derive(Debug)]
pub struct Leave {
    what: Drained,
    /// When it began.
    pub since: Instant,
    /// When what is left is cut off.
    pub until: Instant,
    /// The listener, which is left once its last connection is closed.
    listener: Option<Arc<live::Listener>>,
}

/// Tells listeners apart for as long as one of their connections is open.
#[must_use]
pub fn listener_id(listener: &Arc<live::Listener>) -> usize {
    Arc::as_ptr(listener).addr()
}

impl Drains {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> Ref<'_, HashMap<DrainKey, Leave>> {
        self.0.borrow()
    }

    /// The drain that what is under way between these two holds open, since when and until when; of
    /// two, the listener's, which ends the client.
    #[must_use]
    pub fn of(&self, listener: usize, backend: u64) -> Option<(DrainKey, Instant, Instant)> {
        let drains = self.all();
        if drains.is_empty() {
            return None;
        }
        let keys = [DrainKey::Listener(listener), DrainKey::Backend(backend)];
        keys.into_iter().find_map(|key| drains.get(&key).map(|it| (key, it.since, it.until)))
    }

    /// A listener was closed; by order if the configuration still has it.
    pub(super) fn closed(&self, listener: &Arc<live::Listener>, table: &Table, now: Instant) {
        if table.config.listeners.iter().any(|it| it.name == listener.name) {
            let what = Drained::Listener(Arc::clone(&listener.name));
            let (until, held) = (now + DRAIN_DEADLINE, Some(Arc::clone(listener)));
            let leave = Leave { what, since: now, until, listener: held };
            self.0.borrow_mut().insert(DrainKey::Listener(listener_id(listener)), leave);
        }
    }

    /// Takes the drains from a new table. Says whether any began, was lifted or is to hurry.
    pub(super) fn follow(&self, table: &Table, now: Instant) -> bool {
        let mut drains = self.0.borrow_mut();
        let mut before = std::mem::take(&mut *drains);
        let mut changed = false;
        for leaving in table.leaving() {
            let key = DrainKey::Backend(leaving.backend.live.id);
            let known = before.remove(&key);
            changed |= known.is_none();
            let leave = known.unwrap_or_else(|| Leave {
                what: Drained::Backend(leaving.backend.live.key.clone()),
                since: now,
                until: now + leaving.deadline,
                listener: None,
            });
            // It may be ordered to hurry; never to take longer.
            let until = leave.until.min(now + leaving.deadline);
            changed |= until < leave.until;
            drains.insert(key, Leave { until, ..leave });
        }
        let (listeners, lifted): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|(_, leave)| leave.listener.is_some());
        drains.extend(listeners);
        changed || !lifted.is_empty()
    }

    /// Forgets the listeners that nobody is on any more.
    pub(super) fn forget_left(&self) {
        let left = |leave: &Leave| leave.listener.as_ref().is_some_and(|it| it.open() == 0);
        self.0.borrow_mut().retain(|_, leave| !left(leave));
    }

    /// A plane's part of the ledger: every drain, and who holds it open, of how many.
    pub fn ledger(
        &self,
        now: Instant,
        mut holders: impl FnMut(DrainKey) -> (Vec<Holder>, usize),
    ) -> Vec<Drain> {
        let drains = self.all();
        let written = drains.iter().map(|(key, leave)| {
            let (holders, count) = holders(*key);
            let what = leave.what.clone();
            let age = now.saturating_duration_since(leave.since);
            let left = leave.until.saturating_duration_since(now);
            Drain { what, age, left, holders, count }
        });
        written.collect()
    }
}
