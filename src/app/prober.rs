//! The prober's own thread.
//!
//! Thousands of short attempts a second wake each other all the time. On one thread none of that
//! crosses a core; a scrape or a large decision makes no attempt late, which would void it; and
//! whatever a config asks for, probes take one core at most. Where a worker wants the same core it
//! goes first.

use std::convert::Infallible;
use std::sync::Arc;
use std::{io, thread};

use rustix::process::setpriority_process;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};

use crate::model::{Observation, ProbePlan};
use crate::probe;

/// How far the prober steps back (`nice`). It keeps a quarter of a core that a worker fills; more
/// steps would void its results there, none makes the worker wait for each burst of attempts.
const NICE: i32 = 5;

/// Probes what the newest plan says until control, which reads the results, is gone. What it returns
/// completes when that ends, or breaks off.
///
/// # Errors
/// The system refused the thread or its runtime.
pub(super) fn start(
    plan: watch::Receiver<Arc<ProbePlan>>,
    results: mpsc::Sender<Observation>,
) -> io::Result<oneshot::Receiver<Infallible>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let thread = thread::Builder::new().name("probes".into());
    let (alive, ended) = oneshot::channel();
    thread.spawn(move || {
        // Dropped when the thread ends, however it does.
        let _alive = alive;
        // On Linux this is the thread's own. Refused, probes are as quick as anything else.
        let _ = setpriority_process(None, NICE);
        runtime.block_on(probe::run(plan, results));
    })?;
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_for_the_prober_is_told_of_its_end() -> io::Result<()> {
        let (plans, plan) = watch::channel(Arc::default());
        let (results, _observed) = mpsc::channel(1);
        let ended = start(plan, results)?;
        drop(plans);
        assert!(ended.await.is_err());
        Ok(())
    }
}
