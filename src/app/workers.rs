//! The data plane's threads.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, watch};

use super::clock::wall_clock;
use crate::access_log::Writer;
use crate::control::Client;
use crate::l4::Forwarder;
use crate::l7::{Http, Readiness};
use crate::live::Live;
use crate::table::Reader;
use crate::worker::{self, Plane, Settings, Shutdown, Worker};

/// All workers, running.
pub(super) struct Workers {
    threads: Vec<thread::JoinHandle<()>>,
    shutdown: watch::Sender<Shutdown>,
    /// Yields the number of each worker that has ended.
    ended: mpsc::UnboundedReceiver<usize>,
}

impl Workers {
    /// Starts as many as `live` counts for.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(super) fn start(
        live: &Arc<Live>,
        reader: &Reader,
        client: &Client,
        log: &Writer,
    ) -> io::Result<Self> {
        let (shutdown, phase) = watch::channel(Shutdown::Running);
        let (ending, ended) = mpsc::unbounded_channel();
        let threads = (0..live.worker_count())
            .map(|index| {
                let settings = Settings {
                    index,
                    reader: reader.clone(),
                    live: Arc::clone(live),
                    seed: fastrand::u64(..),
                    log: log.clone(),
                    clock: wall_clock,
                    suspects: client.suspects(),
                    shutdown: phase.clone(),
                };
                start_one(settings, readiness(client), ending.clone())
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { threads, shutdown, ended })
    }

    /// Waits until one has ended though nobody asked it to.
    pub(super) async fn lost(&mut self) -> usize {
        match self.ended.recv().await {
            Some(index) => index,
            // All of them have, and were told of before.
            None => std::future::pending().await,
        }
    }

    /// Lets what is in flight finish, until `hurry` completes.
    pub(super) async fn drain(&mut self, hurry: impl Future<Output = ()>) {
        self.shutdown.send_replace(Shutdown::Draining);
        let all = async { while self.ended.recv().await.is_some() {} };
        tokio::select! {
            () = all => {}
            () = hurry => {}
        }
    }

    /// Ends them now.
    pub(super) fn stop(self) {
        self.shutdown.send_replace(Shutdown::Now);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker panicked");
            }
        }
    }
}

fn readiness(client: &Client) -> Readiness {
    let client = client.clone();
    Readiness(Arc::new(move || client.ready()))
}

fn start_one(
    settings: Settings,
    ready: Readiness,
    ending: mpsc::UnboundedSender<usize>,
) -> io::Result<thread::JoinHandle<()>> {
    let index = settings.index;
    let told = Told { index, ending };
    thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        let seed = fastrand::u64(..);
        let planes = |worker: &Rc<Worker>| -> Vec<Rc<dyn Plane>> {
            vec![Rc::new(Http::new(worker, ready, seed)), Rc::new(Forwarder::new(worker))]
        };
        if let Err(error) = worker::run(settings, planes) {
            tracing::error!(worker = index, %error, "a worker could not run");
        }
        drop(told);
    })
}

/// Tells that a worker has ended, also when it panicked.
struct Told {
    index: usize,
    ending: mpsc::UnboundedSender<usize>,
}

impl Drop for Told {
    fn drop(&mut self) {
        // Nobody listens any more once the instance has ended.
        let _ = self.ending.send(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_end_too() {
        let (ending, mut ended) = mpsc::unbounded_channel();
        let told = Told { index: 3, ending };
        let worker = thread::spawn(move || {
            let _told = told;
            panic!("a worker breaks down");
        });
        assert!(worker.join().is_err());
        assert_eq!(ended.try_recv(), Ok(3));
    }
}
