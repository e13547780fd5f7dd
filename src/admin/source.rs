//! What the admin API asks of control.

use std::future::Future;
use std::sync::Arc;

use crate::control::{Actor, Client, Counters, ReloadError, Reloaded, Status};
use crate::events::wire::Line;

/// Answers the admin API's questions: [`Client`], or a stand-in where no control runs.
pub trait Source: Clone + Send + Sync + 'static {
    /// Everything that is known, as of one moment; `None` once control has ended.
    fn status(&self) -> impl Future<Output = Option<Status>> + Send;

    /// The newest `limit` events, oldest first.
    fn events(&self, limit: usize) -> impl Future<Output = Vec<Arc<Line>>> + Send;

    /// Loads the configuration file again and publishes what follows from it.
    ///
    /// # Errors
    ///
    /// Every problem that stopped it; the running table is untouched then.
    fn reload(&self, actor: Actor) -> impl Future<Output = Result<Reloaded, ReloadError>> + Send;

    /// Whether this process should be sent traffic.
    fn ready(&self) -> bool;

    /// Control's own counters.
    fn counters(&self) -> &Counters;
}

impl Source for Client {
    async fn status(&self) -> Option<Status> {
        Self::status(self).await
    }

    async fn events(&self, limit: usize) -> Vec<Arc<Line>> {
        Self::events(self, limit).await
    }

    async fn reload(&self, actor: Actor) -> Result<Reloaded, ReloadError> {
        Self::reload(self, actor).await
    }

    fn ready(&self) -> bool {
        Self::ready(self)
    }

    fn counters(&self) -> &Counters {
        Self::counters(self)
    }
}
