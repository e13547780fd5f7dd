//! Does after a publish what no request would do.
//!
//! A request meets the newest table by itself. Listeners that appear or vanish, and whatever a
//! [`Plane`] keeps for backends that take no more traffic, wait for nobody: a steward on each
//! worker compares the tables and acts. It also answers for its worker when somebody asks what holds a
//! drain open.

use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

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
            Some(ask) = questions.recv() => {
                let mut drains = Vec::new();
                for plane in planes.iter() {
                    drains.extend(plane.ledger().await);
                }
                // Whoever asked may have left.
                drop(ask.send(drains));
            }
            _ = shutdown.wait_for(|phase| *phase != Shutdown::Running) => break,
        }
    }
    drain(&worker, &acceptors, &mut shutdown).await;
}

fn follow(worker: &Rc<Worker>, planes: &Rc<[Rc<dyn Plane>]>, acceptors: &mut Vec<Rc<Acceptor>>) {
    let now = Instant::now();
    worker.with_table(|table, _| {
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
                        Acceptor::new(Arc::clone(live), listener, index, table.generation);
                    acceptors.push(Rc::clone(&acceptor));
                    acceptor.start(worker, planes, socket);
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

/// Lets every connection finish what it is at, as long as the shutdown allows.
async fn drain(
    worker: &Rc<Worker>,
    acceptors: &[Rc<Acceptor>],
    shutdown: &mut watch::Receiver<Shutdown>,
) {
    for acceptor in acceptors {
        acceptor.stop();
    }
    worker.closing.set(true);
    worker.timers.wake_all();
    let emptied = async {
        // The acceptors take in what the kernel has queued before the count is believed.
        while worker.open.get() > 0 || worker.accepting.get() > 0 {
            worker.closed.notified().await;
        }
    };
    tokio::select! {
        () = emptied => {}
        _ = shutdown.wait_for(|phase| *phase == Shutdown::Now) => {}
    }
}
