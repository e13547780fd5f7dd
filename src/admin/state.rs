//! What every request to the admin API may use.

use std::sync::{Arc, Mutex};

use super::access::Access;
use super::alerts::Hooks;
use super::collect::PoolLatencies;
use crate::access_log::Losses;
use crate::config::AdminApi;
use crate::events;
use crate::live::Live;
use crate::model::UnixMillis;

/// What the API reads from; cheap to clone.
#[derive(Clone, Debug)]
pub struct State<C> {
    pub(super) control: C,
    pub(super) live: Arc<Live>,
    pub(super) losses: Losses,
    pub(super) event_losses: events::Losses,
    pub(super) clock: fn() -> UnixMillis,
    pub(super) access: Arc<Access>,
    pub(super) hooks: Arc<Hooks>,
    pub(super) latencies: Arc<Mutex<PoolLatencies>>,
}

impl<C> State<C> {
    /// Reads from `control`, `live` counters and the losses of the access log and the event log; `clock` tells the
    /// wall-clock time. Tokens, alert rules and allowed hosts are taken from `settings`.
    #[must_use]
    pub fn new(
        control: C,
        live: Arc<Live>,
        losses: Losses,
        event_losses: events::Losses,
        clock: fn() -> UnixMillis,
        settings: &AdminApi,
    ) -> Self {
        let access = Arc::new(Access::new(settings));
        let hooks = Arc::new(Hooks::new(&settings.alerts));
        Self {
            control,
            live,
            losses,
            event_losses,
            clock,
            access,
            hooks,
            latencies: Arc::default(),
        }
    }
}
