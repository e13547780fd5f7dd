//! What becomes of a try whose backend goes down.
//!
//! That a probe failed is no proof about a connection that is open: a process that shuts down
//! gracefully refuses new connections and finishes what it has. So a request is taken away only
//! if it can be sent to another backend at no risk; every other one goes on waiting until its
//! connection or its deadline tells, unless its pool says `on_down: close`.

use crate::config::OnDown;
use crate::l7::waits::Wait;
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
    /// The try ends.
    Close,
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
    pub(super) fn called(&self, movable: impl FnOnce() -> bool) -> Option<Called> {
        if !self.wait.take_call() {
            return None;
        }
        let elsewhere = || choose(self.worker, self.pool, self.key, self.tried.ids());
        let lease = if self.spare && movable() { elsewhere() } else { None };
        match (lease, self.on_down) {
            (Some(lease), _) => Some(Called::Elsewhere(lease)),
            (None, OnDown::Close) => Some(Called::Close),
            (None, OnDown::Keep) => None,
        }
    }
}
