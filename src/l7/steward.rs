//! Does after a publish what no request would do.
//!
//! A request meets the newest table by itself. Listeners that appear or vanish, and idle
//! connections to backends that take no more traffic, wait for nobody: a steward on each worker compares the
//! tables and acts.

use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::watch;

use crate::table::Table;

use super::accept::{Acceptor, find};
use super::worker::{Shutdown, Worker};

/// Follows the table until the worker shall end.
pub(crate) async fn run(
    worker: Rc<Worker>,
    mut changes: watch::Receiver<u64>,
    mut shutdown: watch::Receiver<Shutdown>,
) {
    let mut acceptors = Vec::new();
    loop {
        changes.borrow_and_update();
        follow(&worker, &mut acceptors);
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { break },
            _ = shutdown.wait_for(|phase| *phase != Shutdown::Running) => break,
        }
    }
    drain(&worker, &acceptors, &mut shutdown).await;
}

fn follow(worker: &Rc<Worker>, acceptors: &mut Vec<Rc<Acceptor>>) {
    worker.with_table(|table, _| {
        acceptors.retain(|acceptor| {
            let named = find(table, &acceptor.live).is_some();
            if named {
                acceptor.with_listener(table, |_, _| ());
            } else {
                acceptor.stop();
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
                    acceptor.start(worker, socket);
                }
            }
        }
        let zones = table.pools().flat_map(|pool| &pool.zones);
        worker.idle.retain(zones.flat_map(|zone| zone.taking()).map(|backend| backend.live.id));
        call_the_stranded(worker, table);
    });
}

/// Tells requests that wait on a backend which is down now.
fn call_the_stranded(worker: &Worker, table: &Table) {
    // Almost always nobody waits on a backend that gets no traffic, and nothing is searched.
    if worker.waits.any(|backend| !worker.idle.takes(backend)) {
        for backend in table.down() {
            worker.waits.call(backend.live.id, &worker.timers);
        }
    }
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
