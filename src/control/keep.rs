//! Keeps the orders that stand over a restart.
//!
//! An operator who took a zone out took it out until somebody says otherwise, not until the process
//! happens to start again. So each change of the standing orders is written to the state folder
//! before the command is answered. Writing is done beside control: a disk that hangs must not hold
//! up a failover.

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;

use crate::events::{Anchor, read_back, wire, written};
use crate::model::Order;
use crate::state_dir::StateDir;

/// The file in the state folder.
pub(super) const FILE: &str = "orders.json";

/// What is written, and who waits for it.
pub(super) struct Write {
    pub(super) orders: Vec<wire::Order>,
    /// Told nothing if it was written, else why not.
    pub(super) answer: oneshot::Sender<Result<(), String>>,
}

/// Writes what comes, in order, until control ends.
pub(super) async fn write_all(dir: StateDir, mut writes: mpsc::UnboundedReceiver<Write>) {
    while let Some(Write { orders, answer }) = writes.recv().await {
        let dir = dir.clone();
        let write = move || {
            let mut text = serde_json::to_vec_pretty(&orders).map_err(|error| error.to_string())?;
            text.push(b'\n');
            dir.replace(FILE, &text).map_err(|error| error.to_string())
        };
        let result = spawn_blocking(write).await.unwrap_or_else(|error| Err(error.to_string()));
        if let Err(error) = &result {
            tracing::error!(%error, "orders could not be written: a restart would forget them");
        }
        // Whoever asked may have left.
        drop(answer.send(result));
    }
}

/// Writes the newest content of a file whenever there is one, until control ends. What is overtaken
/// while the disk is busy is never written.
pub(super) async fn write_newest(
    dir: StateDir,
    file: &'static str,
    mut newest: watch::Receiver<Vec<u8>>,
) {
    while newest.changed().await.is_ok() {
        let (dir, text) = (dir.clone(), newest.borrow_and_update().clone());
        let written = spawn_blocking(move || dir.replace(file, &text)).await;
        let problem = match written {
            Ok(result) => result.err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = problem {
            tracing::error!(%error, "state could not be written: a restart would find older state");
        }
    }
}

/// The orders as they are kept.
pub(super) fn kept(orders: &[Order], anchor: Anchor) -> Vec<wire::Order> {
    orders.iter().map(|order| written(order, anchor)).collect()
}

/// The orders a process before left behind.
///
/// # Errors
/// They cannot be read. An order that is silently forgotten could send traffic to where somebody
/// is at work, so this is not passed over.
pub(super) fn load(dir: &StateDir, anchor: Anchor) -> Result<Vec<Order>, String> {
    let Some(text) = dir.read(FILE).map_err(|error| error.to_string())? else {
        return Ok(Vec::new());
    };
    let orders: Vec<wire::Order> = serde_json::from_slice(&text).map_err(|error| {
        let path = dir.path(FILE);
        format!("{}: {error} (mend it, or move it away to start without orders)", path.display())
    })?;
    let orders = orders.iter().map(|order| read_back(order, anchor));
    Ok(orders.filter(|order| order.until.is_none_or(|until| until > anchor.instant)).collect())
}
