//! The prober's own thread.
//!
//! Thousands of short attempts a second wake each other all the time. On one thread none of that
//! crosses a core; a scrape or a large decision makes no attempt late, which would void it; and
//! whatever a config asks for, probes take one core at most.

use std::sync::Arc;
use std::{io, thread};

use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};

use crate::model::{Observation, ProbePlan};
use crate::probe;

/// Probes what the newest plan says until control, which reads the results, is gone.
///
/// # Errors
/// The system refused the thread or its runtime.
pub(super) fn start(
    plan: watch::Receiver<Arc<ProbePlan>>,
    results: mpsc::Sender<Observation>,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let thread = thread::Builder::new().name("probes".into());
    thread.spawn(move || runtime.block_on(probe::run(plan, results)))?;
    Ok(())
}
