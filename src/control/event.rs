//! What can happen, as control tells it to its journal.

use std::sync::Arc;

use super::{Actor, ReloadError, Reloaded};
use crate::decision::Moved;
use crate::events::wire::{Configuration, Move};
use crate::health::Cause;
use crate::model::{BackendKey, Circuit, Failure, Health, Order};

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// A backend's observed health changed.
    Health {
        /// The backend.
        backend: BackendKey,
        /// Before.
        from: Health,
        /// Now.
        to: Health,
        /// Who decided, when it is not up now; who had decided, when it is.
        cause: Option<Cause>,
        /// What was seen, by the same rule; capped and escaped.
        reason: Option<Arc<str>>,
    },
    /// Every zone of a pool shows the same business failure, or no longer does: one alert.
    CommonCause {
        /// The pool.
        pool: Arc<str>,
        /// What all of them show; `None` = it is over.
        failure: Option<Failure>,
    },
    /// A hostname's addresses changed.
    Resolved {
        /// The pool.
        pool: Arc<str>,
        /// The backend's name in the config.
        backend: Arc<str>,
        /// How many addresses it has now.
        addresses: usize,
    },
    /// A hostname could not be resolved; its last good addresses stay in use.
    Unresolved {
        /// The pool.
        pool: Arc<str>,
        /// The backend's name in the config.
        backend: Arc<str>,
        /// Why; capped and escaped.
        detail: Arc<str>,
    },
    /// An operator ordered something.
    Ordered {
        /// The order.
        order: Order,
    },
    /// A zone or region stands otherwise than before, or does not recover.
    Moved {
        /// Which, from what to what, and why.
        moved: Moved,
    },
    /// A pool could no longer lose its largest zone, or can again.
    Headroom {
        /// The pool.
        pool: Arc<str>,
        /// Whether it is too little.
        low: bool,
        /// What it carries without that zone, of what is asked of it, from 0.
        headroom: f64,
    },
    /// A backend that starts slowly turned out to be worse than those beside it, and begins again.
    SetBack {
        /// The backend.
        backend: BackendKey,
        /// In which way it is worse.
        why: Arc<str>,
    },
    /// A pool's circuit breaker has another state.
    Circuit {
        /// The pool.
        pool: Arc<str>,
        /// Before.
        from: Circuit,
        /// Now.
        to: Circuit,
        /// What led to it.
        cause: Arc<str>,
    },
    /// The time of an order was over.
    Expired {
        /// The order.
        order: Order,
    },
    /// The process began to serve.
    Started {
        /// By which configuration.
        config: Configuration,
    },
    /// A table was published.
    Published {
        /// Its generation.
        generation: u64,
        /// Zones whose share is not what it was.
        moves: Vec<Move>,
        /// The decision's reasons for the pools that moved, one line each.
        because: Vec<String>,
    },
    /// A configuration on trial may stay.
    Confirmed {
        /// Who said so.
        actor: Actor,
    },
    /// The configuration was loaded again, or was refused.
    Reload {
        /// Who asked.
        actor: Actor,
        /// What came of it.
        result: Result<Reloaded, ReloadError>,
        /// The configuration, if it is in force now.
        config: Option<Configuration>,
    },
}
