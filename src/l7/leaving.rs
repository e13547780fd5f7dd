//! What is being drained, and how its connections are brought to an end on this worker.
//!
//! A drained backend or listener gets nothing new; that follows from the table. What it still has
//! is told, and finishes. What would not finish by itself (tunnels, event streams) is ended a few
//! at a time, spread over the time the drain may take: their clients all come back at once
//! otherwise. At the deadline the rest is cut off.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::live::{Drain, HOLDERS, Holder};
use crate::worker::{DrainKey, Leave, UPKEEP};

use super::waits::{Call, Place, Stay};
use super::worker::Worker;

type Drains = HashMap<DrainKey, Leave>;

/// Tells what is under way of the drains that a new table has.
pub(super) fn follow(worker: &Worker) {
    let drains = worker.drains.all();
    if !drains.is_empty() {
        worker.waits.visit(&worker.timers, |place| {
            let untold = place.stay.is_none() && of(&drains, place).is_some();
            untold.then_some(Call::Tell)
        });
    }
}

/// Ends what is due; called at each round of upkeep.
pub(super) fn tick(worker: &Worker, now: Instant) {
    let drains = worker.drains.all();
    if drains.is_empty() {
        return;
    }
    let mut quotas = quotas(&drains, worker, now);
    worker.waits.visit(&worker.timers, |place| {
        let (key, leave) = of(&drains, place)?;
        let end = Call::End { movable: matches!(key, DrainKey::Backend(_)) };
        if now >= leave.until {
            return Some(end);
        }
        let quota = quotas.get_mut(&key).filter(|_| is_long_lived(place))?;
        *quota = quota.checked_sub(1)?;
        Some(end)
    });
}

/// The worker's part of the ledger. What is under way is asked first to tell how it stands.
pub(super) async fn ledger(worker: &Worker) -> Vec<Drain> {
    let asked = Instant::now();
    let is_stale = |place: &Place| place.stay.as_ref().is_none_or(|stay| stay.told < asked);
    let open = |place: &Place| of(&worker.drains.all(), place).is_some() && is_stale(place);
    worker.waits.visit(&worker.timers, |place| open(place).then_some(Call::Tell));
    // Each turn lets some of the tasks that were woken run; a busy worker has many.
    for _ in 0..TURNS {
        if !worker.waits.exists(open) {
            break;
        }
        tokio::task::yield_now().await;
    }
    written(worker, Instant::now())
}

fn written(worker: &Worker, now: Instant) -> Vec<Drain> {
    worker.drains.ledger(now, |key| {
        let drains = worker.drains.all();
        let (mut holders, mut count) = (Vec::new(), 0);
        worker.waits.visit(&worker.timers, |place| {
            if of(&drains, place).is_some_and(|(of, _)| of == key) {
                count += 1;
                let told = place.stay.as_deref().filter(|_| holders.len() < HOLDERS);
                holders.extend(told.map(|stay| holder(stay, now)));
            }
            None
        });
        (holders, count)
    })
}

/// Turns that those who are asked may take to answer.
const TURNS: usize = 1_000;

/// The drain that a try holds open; of two, the listener's, which ends the client.
fn of<'d>(drains: &'d Drains, place: &Place) -> Option<(DrainKey, &'d Leave)> {
    let keys = [DrainKey::Listener(place.listener), DrainKey::Backend(place.backend?)];
    keys.into_iter().find_map(|key| drains.get(&key).map(|leave| (key, leave)))
}

fn is_long_lived(place: &Place) -> bool {
    place.stay.as_ref().is_some_and(|stay| stay.long_lived)
}

/// How many long-lived ones each drain ends in this round, so that the last ends at its deadline.
fn quotas(drains: &Drains, worker: &Worker, now: Instant) -> HashMap<DrainKey, usize> {
    let mut quotas: HashMap<DrainKey, usize> = HashMap::new();
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
