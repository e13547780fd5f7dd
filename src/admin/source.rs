//! What the admin API asks of control.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::control::{
    Actor, Client, Counters, Detail, OrderDone, OrderError, OrderRequest, ReloadError, Reloaded,
    Snapshot, Status,
};
use crate::events::wire::{self, Line};

/// Answers the admin API's questions: [`Client`], or a stand-in where no control runs.
pub trait Source: Clone + Send + Sync + 'static {
    /// Everything that is known, as of one moment; `None` once control has ended.
    ///
    /// # Errors
    ///
    /// The detail is of a backend that there is none of.
    fn status(&self, detail: Detail)
    -> impl Future<Output = Option<Result<Status, String>>> + Send;

    /// What requests are routed by, and why; with a copy of the decision core, if asked for.
    fn snapshot(&self, core: bool) -> impl Future<Output = Option<Snapshot>> + Send;

    /// The newest `limit` events, oldest first.
    fn events(&self, limit: usize) -> impl Future<Output = Vec<Arc<Line>>> + Send;

    /// Carries out orders, all or none, or tells what would follow from them; they are judged by
    /// what they come to together.
    ///
    /// # Errors
    ///
    /// Why nothing changed.
    fn order(
        &self,
        requests: Vec<OrderRequest>,
    ) -> impl Future<Output = Result<OrderDone, OrderError>> + Send;

    /// The orders that stand, oldest first.
    fn orders(&self) -> impl Future<Output = Vec<wire::Order>> + Send;

    /// Loads the configuration file again and publishes what follows from it; takes it back unless
    /// it is confirmed within `confirm`.
    ///
    /// # Errors
    ///
    /// Every problem that stopped it; the running table is untouched then.
    fn reload(
        &self,
        actor: Actor,
        confirm: Option<Duration>,
    ) -> impl Future<Output = Result<Reloaded, ReloadError>> + Send;

    /// Lets a configuration stay that was loaded to be confirmed.
    ///
    /// # Errors
    ///
    /// There is none.
    fn confirm(&self, actor: Actor) -> impl Future<Output = Result<(), ReloadError>> + Send;

    /// Goes back to the configuration before the one in force.
    ///
    /// # Errors
    ///
    /// Why nothing changed.
    fn roll_back(&self, actor: Actor)
    -> impl Future<Output = Result<Reloaded, ReloadError>> + Send;

    /// Whether this process should be sent traffic.
    fn ready(&self) -> bool;

    /// Control's own counters.
    fn counters(&self) -> &Counters;
}

impl Source for Client {
    async fn status(&self, detail: Detail) -> Option<Result<Status, String>> {
        Self::status(self, detail).await
    }

    async fn snapshot(&self, core: bool) -> Option<Snapshot> {
        Self::snapshot(self, core).await
    }

    async fn events(&self, limit: usize) -> Vec<Arc<Line>> {
        Self::events(self, limit).await
    }

    async fn order(&self, requests: Vec<OrderRequest>) -> Result<OrderDone, OrderError> {
        Self::order(self, requests).await
    }

    async fn orders(&self) -> Vec<wire::Order> {
        Self::orders(self).await
    }

    async fn reload(
        &self,
        actor: Actor,
        confirm: Option<Duration>,
    ) -> Result<Reloaded, ReloadError> {
        Self::reload(self, actor, confirm).await
    }

    async fn confirm(&self, actor: Actor) -> Result<(), ReloadError> {
        Self::confirm(self, actor).await
    }

    async fn roll_back(&self, actor: Actor) -> Result<Reloaded, ReloadError> {
        Self::roll_back(self, actor).await
    }

    fn ready(&self) -> bool {
        Self::ready(self)
    }

    fn counters(&self) -> &Counters {
        Self::counters(self)
    }
}
