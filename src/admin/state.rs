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
use crate::notify;

/// What others count, and the API only tells; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tallies {
    /// Lines of the access log that were lost.
    pub access_log: Losses,
    /// Lines of the event log that were lost.
    pub event_log: events::Losses,
    /// What became of its full files.
    pub rotations: events::Rotations,
    /// Events that nobody could hand on to webhooks.
    pub untold: events::Losses,
    /// How notices to webhooks ended.
    pub told: Arc<notify::Counters>,
}

/// What the API reads from; cheap to clone.
#[derive(Clone, Debug)]
pub struct State<C> {
    pub(super) control: C,
    pub(super) live: Arc<Live>,
    pub(super) tallies: Tallies,
    pub(super) clock: fn() -> UnixMillis,
    pub(super) access: Arc<Access>,
    pub(super) hooks: Arc<Hooks>,
    pub(super) latencies: Arc<Mutex<PoolLatencies>>,
}

impl<C> State<C> {
    /// Reads from `control`, `live` counters and what others count; `clock` tells the wall-clock time. Tokens, alert rules and allowed hosts are taken from `settings`.
    #[must_use]
    pub fn new(
        control: C,
        live: Arc<Live>,
        tallies: Tallies,
        clock: fn() -> UnixMillis,
        settings: &AdminApi,
    ) -> Self {
        let access = Arc::new(Access::new(settings));
        let hooks = Arc::new(Hooks::new(&settings.alerts));
        Self { control, live, tallies, clock, access, hooks, latencies: Arc::default() }
    }
}
