//! What becomes of a try whose backend goes down or is drained.
//!
//! That a probe failed is no proof about a connection that is open: a process that shuts down
//! gracefully refuses new connections and finishes what it has. So a request is taken away only
//! if it can be sent to another backend at no risk; every other one goes on waiting until its
//! connection or its deadline tells, unless its pool says `on_down: close`.
//!
//! A try that holds a drain open goes on, too; it tells who it is, and its client is told not to
//! send the next request on this connection. It is cut off, or sent elsewhere, when the drain waits
//! no longer.

use crate::config::{OnDown, Retries};
use crate::l7::error::Failure;
use crate::l7::retry::Retry;
use crate::l7::waits::{Call, Stay, Wait};
use crate::l7::worker::Worker;
use crate::live::PoolId;
use crate::table::Lease;

use super::{Job, Tried, choose};

/// A try, ready to be called away.
pub(super) struct Rescue<'a> {
    worker: &'a Worker,
    wait: Wait<'a>,
    pool: PoolId,
    key: Option<u64>,
    tried: &'a Tried,
    /// Another try is allowed.
    spare: bool,
    on_down: OnDown,
}

/// What a call leads to.
pub(super) enum Called {
    /// Another backend is leased for the request.
    Elsewhere(Lease),
    /// The try ends, for this reason.
    Close(Failure),
}

impl<'a> Rescue<'a> {
    pub(super) fn new(
        worker: &'a Worker,
        wait: Wait<'a>,
        job: &Job,
        tried: &'a Tried,
        spare: bool,
    ) -> Self {
        let on_down = job.policy.on_down;
        Self { worker, wait, pool: job.pool, key: job.key, tried, spare, on_down }
    }

    /// To be asked at each wake-up. `movable`: may the request be sent to another backend now?
    /// `stay` tells how the try stands.
    pub(super) fn called(
        &self,
        movable: impl FnOnce() -> bool,
        stay: impl FnOnce() -> Stay,
    ) -> Option<Called> {
        let call = self.wait.take_call()?;
        let elsewhere = || choose(self.worker, self.pool, self.key, self.tried.ids());
        let moved = |movable: bool| if self.spare && movable { elsewhere() } else { None };
        match call {
            Call::Tell => {
                self.wait.stay(stay());
                None
            }
            Call::Down => match (moved(movable()), self.on_down) {
                (Some(lease), _) => Some(Called::Elsewhere(lease)),
                (None, OnDown::Close) => Some(Called::Close(Failure::Down)),
                (None, OnDown::Keep) => None,
            },
            Call::End { movable: otherwise } => Some(match moved(otherwise && movable()) {
                Some(lease) => Called::Elsewhere(lease),
                None => Called::Close(Failure::Drained),
            }),
        }
    }

    /// What would be tried instead, by a route with these terms.
    pub(super) fn retry<'r>(&'r self, terms: &'r Retries) -> Retry<'r> {
        let Self { worker, pool, key, tried, .. } = self;
        Retry { worker, pool: *pool, key: *key, terms, tried: tried.ids() }
    }

    /// Does the try hold a drain open?
    pub(super) fn is_leaving(&self) -> bool {
        self.wait.is_leaving()
    }
}
