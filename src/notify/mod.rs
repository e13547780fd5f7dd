//! Tells others what happens: webhooks.
//!
//! Whoever is called at night should be called by what decided, not by what was seen of it later. So
//! each turn of a zone or region, each escalation, and each backend that has been down for so long that
//! somebody should restart it, is posted to the configured addresses as one JSON object.
//!
//! Nothing that serves or decides waits for them: control hands lines over ([`Tap`](crate::events::Tap)),
//! each address has a bounded queue and a task of its own, and what finds no place, is refused, or
//! cannot be delivered in time is counted and dropped. An address that does not answer is tried again
//! with growing pauses; one that redirects is not followed, because only what is configured is told.

mod deliver;
mod news;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::mpsc;

use crate::config::Webhook;
use crate::events::wire::Line;

use news::Watch;
use wire::Notice;

/// Notices that may wait for one address.
const QUEUE: usize = 256;

/// How notices ended, over all addresses.
#[derive(Debug, Default)]
pub struct Counters {
    /// An address took it.
    pub delivered: AtomicU64,
    /// An address refused it, or did not take it in time.
    pub failed: AtomicU64,
    /// There was no place for it.
    pub dropped: AtomicU64,
}

/// Tells these addresses, until there are no more lines and all is told or given up.
pub async fn run(
    webhooks: Vec<Webhook>,
    mut lines: mpsc::Receiver<Arc<Line>>,
    counters: Arc<Counters>,
) {
    let addresses = webhooks.into_iter().map(|webhook| {
        let (queue, notices) = mpsc::channel(QUEUE);
        let watch = Watch::new(webhook.events.clone(), webhook.restart_after);
        tokio::spawn(deliver::all(webhook, notices, Arc::clone(&counters)));
        (watch, queue)
    });
    let mut addresses: Vec<(Watch, mpsc::Sender<Notice>)> = addresses.collect();
    loop {
        let due = addresses.iter().filter_map(|(watch, _)| watch.due()).min();
        let sleep = tokio::time::sleep_until(due.unwrap_or_else(tokio::time::Instant::now));
        tokio::select! {
            line = lines.recv() => {
                let Some(line) = line else { return };
                for (watch, queue) in &mut addresses {
                    watch.see(&line).into_iter().for_each(|notice| offer(queue, notice, &counters));
                }
            }
            () = sleep, if due.is_some() => {
                for (watch, queue) in &mut addresses {
                    watch.elapse().into_iter().for_each(|notice| offer(queue, notice, &counters));
                }
            }
        }
    }
}

fn offer(queue: &mpsc::Sender<Notice>, notice: Notice, counters: &Counters) {
    if queue.try_send(notice).is_err() {
        counters.dropped.fetch_add(1, Relaxed);
    }
}
