//! What is being drained, and how its connections are brought to an end on this worker.
//!
//! A drained backend or listener gets nothing new; that follows from the table. What it still has
//! is told, and finishes. What would not finish by itself (tunnels, event streams) is ended a few
//! at a time, spread over the time the drain may take: their clients all come back at once
//! otherwise. At the deadline the rest is cut off.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::config::defaults::DRAIN_DEADLINE;
use crate::config::{self, Protocol};
use crate::live::{self, Drain, Drained, HOLDERS, Holder};
use crate::table::Table;
use crate::worker::UPKEEP;

use super::waits::{Call, Place, Stay};
use super::worker::Worker;

/// A worker's drains.
#[derive(Debug, Default)]
pub(crate) struct Leaving(RefCell<HashMap<Key, Leave>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The backend's live id.
    Backend(u64),
    /// By [`listener_id`].
    Listener(usize),
}

#[derive(Debug)]
struct Leave {
    what: Drained,
    since: Instant,
    until: Instant,
    /// The listener, which is left once its last connection is closed.
    listener: Option<Arc<live::Listener>>,
}

/// Tells listeners apart for as long as one of their connections is open.
pub(crate) fn listener_id(listener: &Arc<live::Listener>) -> usize {
    Arc::as_ptr(listener).addr()
}

impl Leaving {
    /// A listener was closed; by order if the configuration still has it.
    pub(crate) fn closed(&self, listener: &Arc<live::Listener>, table: &Table, now: Instant) {
        let ours =
            |it: &config::Listener| it.name == listener.name && it.protocol == Protocol::Http;
        if table.config.listeners.iter().any(ours) {
            let what = Drained::Listener(Arc::clone(&listener.name));
            let (until, held) = (now + DRAIN_DEADLINE, Some(Arc::clone(listener)));
            let leave = Leave { what, since: now, until, listener: held };
            self.0.borrow_mut().insert(Key::Listener(listener_id(listener)), leave);
        }
    }

    /// Takes the drains from a new table, and tells what is under way of new ones.
    pub(crate) fn follow(&self, worker: &Worker, table: &Table, now: Instant) {
        let mut drains = self.0.borrow_mut();
        let mut before = std::mem::take(&mut *drains);
        for leaving in table.leaving() {
            let key = Key::Backend(leaving.backend.live.id);
            let leave = before.remove(&key).unwrap_or_else(|| Leave {
                what: Drained::Backend(leaving.backend.live.key.clone()),
                since: now,
                until: now + leaving.deadline,
                listener: None,
            });
            // It may be ordered to hurry; never to take longer.
            let until = leave.until.min(now + leaving.deadline);
            drains.insert(key, Leave { until, ..leave });
        }
        drains.extend(before.into_iter().filter(|(_, leave)| leave.listener.is_some()));
        if !drains.is_empty() {
            worker.waits.visit(&worker.timers, |place| {
                let untold = place.stay.is_none() && of(&drains, place).is_some();
                untold.then_some(Call::Tell)
            });
        }
    }

    /// Ends what is due; called at each round of upkeep.
    pub(crate) fn tick(&self, worker: &Worker, now: Instant) {
        let mut drains = self.0.borrow_mut();
        let left = |leave: &Leave| leave.listener.as_ref().is_some_and(|it| it.open() == 0);
        drains.retain(|_, leave| !left(leave));
        if drains.is_empty() {
            return;
        }
        let mut quotas = quotas(&drains, worker, now);
        worker.waits.visit(&worker.timers, |place| {
            let (key, leave) = of(&drains, place)?;
            let end = Call::End { movable: matches!(key, Key::Backend(_)) };
            if now >= leave.until {
                return Some(end);
            }
            let quota = quotas.get_mut(&key).filter(|_| is_long_lived(place))?;
            *quota = quota.checked_sub(1)?;
            Some(end)
        });
    }

    /// The worker's part of the ledger. What is under way is asked first to tell how it stands.
    pub(crate) async fn ledger(&self, worker: &Worker) -> Vec<Drain> {
        let asked = Instant::now();
        let is_stale = |place: &Place| place.stay.as_ref().is_none_or(|stay| stay.told < asked);
        let open = |place: &Place| of(&self.0.borrow(), place).is_some() && is_stale(place);
        worker.waits.visit(&worker.timers, |place| open(place).then_some(Call::Tell));
        // Each turn lets some of the tasks that were woken run; a busy worker has many.
        for _ in 0..TURNS {
            if !worker.waits.exists(open) {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.written(worker, Instant::now())
    }

    fn written(&self, worker: &Worker, now: Instant) -> Vec<Drain> {
        let drains = self.0.borrow();
        let written = drains.iter().map(|(key, leave)| {
            let (mut holders, mut count) = (Vec::new(), 0);
            worker.waits.visit(&worker.timers, |place| {
                if of(&drains, place).is_some_and(|(of, _)| of == *key) {
                    count += 1;
                    let told = place.stay.as_deref().filter(|_| holders.len() < HOLDERS);
                    holders.extend(told.map(|stay| holder(stay, now)));
                }
                None
            });
            let what = leave.what.clone();
            let age = now.saturating_duration_since(leave.since);
            let left = leave.until.saturating_duration_since(now);
            Drain { what, age, left, holders, count }
        });
        written.collect()
    }
}

/// Turns that those who are asked may take to answer.
const TURNS: usize = 1_000;

/// The drain that a try holds open; of two, the listener's, which ends the client.
fn of<'d>(drains: &'d HashMap<Key, Leave>, place: &Place) -> Option<(Key, &'d Leave)> {
    let keys = [Key::Listener(place.listener), Key::Backend(place.backend?)];
    keys.into_iter().find_map(|key| drains.get(&key).map(|leave| (key, leave)))
}

fn is_long_lived(place: &Place) -> bool {
    place.stay.as_ref().is_some_and(|stay| stay.long_lived)
}

/// How many long-lived ones each drain ends in this round, so that the last ends at its deadline.
fn quotas(drains: &HashMap<Key, Leave>, worker: &Worker, now: Instant) -> HashMap<Key, usize> {
    let mut quotas: HashMap<Key, usize> = HashMap::new();
    worker.waits.visit(&worker.timers, |place| {
        let (key, _) = of(drains, place)?;
        *quotas.entry(key).or_default() += usize::from(is_long_lived(place));
        None
    });
    for (key, quota) in &mut quotas {
        let left = drains.get(key).map(|leave| leave.until.saturating_duration_since(now));
        let rounds = left.unwrap_or_default().as_millis() / UPKEEP.as_millis();
        *quota = quota.div_ceil(rounds.max(1) as usize);
    }
    quotas
}

fn holder(stay: &Stay, now: Instant) -> Holder {
    Holder {
        client: stay.client,
        protocol: Arc::clone(&stay.protocol),
        route: Arc::clone(&stay.route.policy.name),
        age: now.saturating_duration_since(stay.started),
        bytes_in: stay.bytes_in,
        bytes_out: stay.bytes_out,
    }
}
