//! Keeps what was observed over a restart.
//!
//! A process that begins knowing nothing sends no traffic until its first probes are back, trusts
//! whoever was just thrown out for bad answers, and cannot tell why a backend went down a minute
//! ago. So what is known is written to the state folder: every [`PACE`], [`SOON`] after a verdict
//! changed, and at the end; never for each result, and never two writes at once. What is read back
//! is checked for age where it is used (`health::Kept`).
//!
//! It is a convenience, not an order: a file that is broken, of another version or of somebody else
//! is reported and left unread, and the process starts as one that has none.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::clock::anchor;
use super::task::Task;
use crate::decision::Recalled;
use crate::events::Anchor;
use crate::kept;
use crate::model::BackendKey;
use crate::state_dir::StateDir;

/// The longest time between two writes.
const PACE: Duration = Duration::from_secs(10);
/// From a verdict that changed to the next write.
const SOON: Duration = Duration::from_secs(1);

/// What is to be written.
struct Write {
    anchor: Anchor,
    known: Vec<(BackendKey, Recalled)>,
    /// Told when it is done, or has failed.
    done: Option<oneshot::Sender<()>>,
}

/// The way to the file, and when the next write is due.
pub(super) struct Recall {
    writes: mpsc::Sender<Write>,
    due: Instant,
}

impl Recall {
    /// One that writes into this folder, on the runtime this is called in.
    pub(super) fn new(dir: StateDir) -> Self {
        let (writes, queue) = mpsc::channel(1);
        tokio::spawn(write_all(dir, queue));
        Self { writes, due: Instant::now() + PACE }
    }

    /// A verdict has changed.
    pub(super) fn hasten(&mut self) {
        self.due = self.due.min(Instant::now() + SOON);
    }
}

impl Task {
    /// Has what is known written, if that is due and the write before is done.
    pub(super) fn record_health(&mut self) {
        let Some(recall) = &mut self.recall else { return };
        if recall.due > Instant::now() {
            return;
        }
        if let Ok(place) = recall.writes.try_reserve() {
            let known = self.state.memories().collect();
            place.send(Write { anchor: anchor(self.clock), known, done: None });
            recall.due = Instant::now() + PACE;
        }
    }

    /// Has what is known written now; told when that is done.
    pub(super) fn record_last(&self, done: oneshot::Sender<()>) {
        let Some(recall) = &self.recall else { return };
        let known = self.state.memories().collect();
        let write = Write { anchor: anchor(self.clock), known, done: Some(done) };
        let writes = recall.writes.clone();
        // Waits for the write before; if control ends meanwhile, nobody waits for this one.
        tokio::spawn(async move { drop(writes.send(write).await) });
    }
}

/// Writes what comes until control ends.
async fn write_all(dir: StateDir, mut queue: mpsc::Receiver<Write>) {
    let mut failing = false;
    while let Some(Write { anchor, known, done }) = queue.recv().await {
        let dir = dir.clone();
        let write = move || {
            let text = kept::health(&known, anchor)?;
            dir.replace(kept::HEALTH, &text).map_err(|error| error.to_string())
        };
        let result = spawn_blocking(write).await.unwrap_or_else(|error| Err(error.to_string()));
        // Once, not every ten seconds.
        if let Err(error) = &result
            && !failing
        {
            tracing::error!(%error, "health could not be written: a restart would forget it");
        }
        failing = result.is_err();
        // Whoever waited may have left.
        done.map(|done| done.send(()));
    }
}
