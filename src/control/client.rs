//! The one door to control, for everything outside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

use super::command::Command;
use super::{
    Actor, BackendEvidence, Counters, Detail, OrderDone, OrderError, OrderRequest, ReloadError,
    ReloadReport, Reloaded, Snapshot, Status,
};
use crate::events::wire::{self, Line};
use crate::table::{Reader, Table};

/// Asks and orders; cheap to clone. Control ends when the last client is dropped.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) shared: Arc<Shared>,
    pub(super) reader: Reader,
}

/// What can be read without asking the task.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) counters: Counters,
    pub(super) draining: AtomicBool,
    pub(super) suspects: Arc<Notify>,
}

impl Shared {
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }
}

impl Client {
    /// Loads the configuration file again and publishes what follows from it. With `confirm`, it is
    /// taken back unless [`confirm`](Self::confirm) is called within that time.
    ///
    /// # Errors
    ///
    /// [`ReloadError`] lists every problem of the file, or names the listener and address that
    /// could not be opened; the running table is untouched then.
    pub async fn reload(
        &self,
        actor: Actor,
        confirm: Option<Duration>,
    ) -> Result<Reloaded, ReloadError> {
        let answer = self.ask(|answer| Command::Reload { actor, confirm, answer }).await;
        answer.unwrap_or_else(|| Err(ended()))
    }

    /// Lets a configuration stay that was loaded to be confirmed.
    ///
    /// # Errors
    ///
    /// There is none, or its time is over.
    pub async fn confirm(&self, actor: Actor) -> Result<(), ReloadError> {
        let answer = self.ask(|answer| Command::Confirm { actor, answer }).await;
        answer.unwrap_or_else(|| Err(ended()))
    }

    /// Goes back to the configuration before the one in force.
    ///
    /// # Errors
    ///
    /// There is none, or a listener of it cannot be opened; nothing changed then.
    pub async fn roll_back(&self, actor: Actor) -> Result<Reloaded, ReloadError> {
        let answer = self.ask(|answer| Command::Rollback { actor, answer }).await;
        answer.unwrap_or_else(|| Err(ended()))
    }

    /// Carries out orders, all or none, or tells what would follow from them; they are judged by
    /// what they come to together.
    ///
    /// # Errors
    ///
    /// [`OrderError`] says why nothing changed.
    pub async fn order(&self, requests: Vec<OrderRequest>) -> Result<OrderDone, OrderError> {
        let answer = self.ask(|answer| Command::Order { requests, answer }).await;
        answer.unwrap_or(Err(OrderError::Ended))
    }

    /// The orders that stand, oldest first.
    pub async fn orders(&self) -> Vec<wire::Order> {
        self.ask(|answer| Command::Orders { answer }).await.unwrap_or_default()
    }

    /// Everything that is known, as of one moment; `None` once control has ended.
    ///
    /// # Errors
    ///
    /// The [`detail`](Detail) is of a backend that there is none of; one line of text with the
    /// nearest names.
    pub async fn status(&self, detail: Detail) -> Option<Result<Status, String>> {
        self.ask(|answer| Command::Status { detail, answer }).await
    }

    /// Every backend of every pool, in config order; empty once control has ended.
    pub async fn evidence(&self) -> Vec<BackendEvidence> {
        let status = self.status(Detail::Brief).await.and_then(Result::ok);
        let pools = status.into_iter().flat_map(|status| status.pools);
        let zones = pools.flat_map(|pool| pool.regions).flat_map(|region| region.zones);
        zones.flat_map(|zone| zone.backends).collect()
    }

    /// What requests are routed by, and why, as of one moment; with a copy of the decision `core`,
    /// if that is asked for. `None` once control has ended.
    pub async fn snapshot(&self, core: bool) -> Option<Snapshot> {
        self.ask(|answer| Command::Snapshot { core, answer }).await
    }

    /// How the last reload went; `None` before the first.
    pub async fn last_reload(&self) -> Option<ReloadReport> {
        self.ask(|answer| Command::LastReload { answer }).await.flatten()
    }

    /// Has what was observed written down for the next process, and waits for it; returns at once
    /// where it is not kept.
    pub async fn record(&self) {
        self.ask(|done| Command::Record { done }).await;
    }

    /// The newest `limit` events, oldest first. The last 1,000 are kept.
    pub async fn events(&self, limit: usize) -> Vec<Arc<Line>> {
        self.ask(|answer| Command::Events { limit, answer }).await.unwrap_or_default()
    }

    /// The newest table.
    #[must_use]
    pub fn table(&self) -> Arc<Table> {
        self.reader.load()
    }

    /// Control's own counters.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Whether this process should be sent traffic: a table is published (there is no client
    /// before that) and no drain has begun.
    #[must_use]
    pub fn ready(&self) -> bool {
        !self.shared.is_draining()
    }

    /// From now on [`ready`](Self::ready) is false, for good.
    pub fn start_drain(&self) {
        self.shared.draining.store(true, Relaxed);
    }

    /// Notified by the data plane when a connection to a backend failed, so that control looks at
    /// the traffic counters before its next tick. The data plane keeps this handle, not a client.
    #[must_use]
    pub fn suspects(&self) -> Arc<Notify> {
        Arc::clone(&self.shared.suspects)
    }

    /// Sends a command and waits for its answer; `None` once control has ended.
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, asked) = oneshot::channel();
        self.commands.send(command(answer)).await.ok()?;
        asked.await.ok()
    }
}

/// What is told once control has ended.
fn ended() -> ReloadError {
    ReloadError { problems: vec!["shutting down".to_owned()] }
}
