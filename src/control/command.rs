//! What can be asked of control, and by whom.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::renewals::Renewed;
use super::{
    Detail, OrderDone, OrderError, OrderRequest, ReloadError, ReloadReport, Reloaded, Snapshot,
    Status,
};
use crate::events::wire::{self, Line};

/// Who asked for a change; kept with the change so that it can be told later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The process itself, when it started.
    Start,
    /// SIGHUP.
    Signal,
    /// The configuration file changed on disk.
    File,
    /// Nobody confirmed a reload in time.
    Unconfirmed,
    /// Somebody at the admin API: its listener and what is known of the peer, made fit for a log
    /// line by the caller (at most 200 characters, no control characters).
    Admin(Arc<str>),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Signal => f.write_str("signal"),
            Self::File => f.write_str("file"),
            Self::Unconfirmed => f.write_str("nobody: it was not confirmed in time"),
            Self::Admin(who) => write!(f, "admin {who}"),
        }
    }
}

/// One question or order, with the way back for its answer.
///
/// An asker that left is no error: the answer is dropped.
#[derive(Debug)]
pub(super) enum Command {
    /// Load the file again and publish what follows from it.
    Reload {
        actor: Actor,
        /// Take it back unless it is confirmed within this time.
        confirm: Option<Duration>,
        answer: oneshot::Sender<Result<Reloaded, ReloadError>>,
    },
    /// Certificates in use have changed on disk.
    Renewed(Box<Renewed>),
    /// Let the configuration in force stay.
    Confirm { actor: Actor, answer: oneshot::Sender<Result<(), ReloadError>> },
    /// Go back to the configuration before.
    Rollback { actor: Actor, answer: oneshot::Sender<Result<Reloaded, ReloadError>> },
    /// Carry out orders, all or none, or tell what would follow from them.
    Order { requests: Vec<OrderRequest>, answer: oneshot::Sender<Result<OrderDone, OrderError>> },
    /// The orders that stand, oldest first.
    Orders { answer: oneshot::Sender<Vec<wire::Order>> },
    /// Everything that is known, as of one moment; an error where no backend has the name asked for.
    Status { detail: Detail, answer: oneshot::Sender<Result<Status, String>> },
    /// What requests are routed by, and why; with the decision core itself, if that is asked for.
    Snapshot { core: bool, answer: oneshot::Sender<Snapshot> },
    /// Have what was observed written down; told when that is done, dropped where it is not kept.
    Record { done: oneshot::Sender<()> },
    /// How the last reload went.
    LastReload { answer: oneshot::Sender<Option<ReloadReport>> },
    /// The newest events, oldest first.
    Events { limit: usize, answer: oneshot::Sender<Vec<Arc<Line>>> },
}
