//! Does after a publish what no request would do.
//!
//! A request meets the newest table by itself. Listeners that appear or vanish, and whatever a
//! [`Plane`] keeps for backends that take no more traffic, wait for nobody: a steward on each
//! worker compares the tables and acts. It also answers for its worker when somebody asks what holds a
//! drain open.

use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::live::Drain;

use super::accept::{Acceptor, find};
use super::{Plane, Shutdown, Worker};

/// Follows the table until the worker shall end.
pub(super) async fn run(
    worker: Rc<Worker>,
    planes: &Rc<[Rc<dyn Plane>]>,
    mut changes: watch::Receiver<u64>,
    mut shutdown: watch::Receiver<Shutdown>,
) {
    let mut acceptors = Vec::new();
    let mut questions = worker.live.ledger().attend();
    loop {
        changes.borrow_and_update();
        follow(&worker, planes, &mut acceptors);
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { break },
            Some(ask) = questions.recv() => tell(planes, ask).await,
            _ = shutdown.wait_for(|phase| *phase != Shutdown::Running) => break,
        }
    }
    stop(&worker, planes, &acceptors);
    tokio::select! {
        () = emptied(&worker) => {}
        () = async { while let Some(ask) = questions.recv().await { tell(planes, ask).await } } => {}
        _ = shutdown.wait_for(|phase| *phase == Shutdown::Now) => {}
    }
}

/// Says what holds the drains open.
async fn tell(planes: &Rc<[Rc<dyn Plane>]>, ask: oneshot::Sender<Vec<Drain>>) {
    let mut drains = Vec::new();
    for plane in planes.iter() {
        drains.extend(plane.ledger().await);
    }
    // Whoever asked may have left.
    drop(ask.send(drains));
}

fn follow(worker: &Rc<Worker>, planes: &Rc<[Rc<dyn Plane>]>, acceptors: &mut Vec<Rc<Acceptor>>) {
    let now = Instant::now();
    worker.with_table(|table, _| {
        worker.buffers.limit(worker.live.limit_buffers(table.config.buffer_bytes));
        // A limit may have been raised.
        worker.live.room.freed();
        acceptors.retain(|acceptor| {
            let named = find(table, &acceptor.live).is_some();
            if named {
                acceptor.follow(table);
            } else {
                acceptor.stop();
                worker.drains.closed(&acceptor.live, table, now);
                // Its idle connections look again, see that they are not wanted, and end.
                worker.timers.wake_all();
            }
            named
        });
        for listener in &table.listeners {
            for (index, live) in listener.sockets.iter().enumerate() {
                if let Some(socket) = live.take_socket(worker.index) {
                    let acceptor =
                        Acceptor::new(worker, Arc::clone(live), listener, index, table.generation);
                    acceptors.push(Rc::clone(&acceptor));
                    acceptor.start(planes, socket);
                }
            }
        }
        if worker.drains.follow(table, now) {
            // What is drained or no longer drained looks again as well.
            worker.timers.wake_all();
        }
        planes.iter().for_each(|plane| plane.follow(table));
    });
}

/// Takes nothing new, and drains every listener: what is under way finishes, what would not by itself
/// is told that it ends.
fn stop(worker: &Worker, planes: &Rc<[Rc<dyn Plane>]>, acceptors: &[Rc<Acceptor>]) {
    let now = Instant::now();
    worker.closing.set(true);
    worker.with_table(|table, _| {
        for acceptor in acceptors {
            acceptor.stop();
            worker.drains.closed(&acceptor.live, table, now);
        }
        planes.iter().for_each(|plane| plane.follow(table));
    });
    worker.timers.wake_all();
}

/// Waits until the last connection is closed.
async fn emptied(worker: &Worker) {
    // The acceptors take in what the kernel has queued before the count is believed.
    while worker.open.get() > 0 || worker.accepting.get() > 0 {
        worker.closed.notified().await;
    }
}
