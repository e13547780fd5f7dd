//! May a request whose try failed be tried again, and where?
//!
//! Whether it *can* be is the exchange's to say: nothing was answered, all of it is held, and it is
//! harmless. Here is said whether it *may*: the route names the causes, and the pool's budget bounds
//! how much is sent twice. A backend that could not be connected to was sent nothing, so trying
//! another neither costs budget nor needs a pause.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Retries;
use crate::live::PoolId;

use super::error::Failure;
use super::worker::Worker;

/// Why a try is to be followed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No connection was opened: nothing was sent.
    Connect,
    /// The backend closed or reset before its response.
    Reset,
    /// The response did not begin in time.
    Timeout,
    /// The response has this status.
    Status(u16),
    /// A call of gRPC ended at once with this code.
    Code(u8),
}

impl Cause {
    /// What a failure that may pass elsewhere is; `None` = every backend would do the same.
    pub(crate) fn of(failure: Failure) -> Option<Self> {
        match failure {
            Failure::Connect | Failure::ConnectTimeout | Failure::Tls => Some(Self::Connect),
            Failure::Reset => Some(Self::Reset),
            Failure::Timeout => Some(Self::Timeout),
            _ => None,
        }
    }

    /// Does a route with these terms try again after it?
    pub(crate) fn is_among(self, retries: &Retries) -> bool {
        match self {
            Self::Connect => retries.on.connect_failure,
            Self::Reset => retries.on.reset,
            Self::Timeout => retries.on.timeout,
            Self::Status(status) => retries.on.statuses.has(status),
            Self::Code(code) => retries.on.codes.has(code),
        }
    }
}

/// A request that failed at some backends.
pub(crate) struct Retry<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) pool: PoolId,
    pub(crate) key: Option<u64>,
    pub(crate) terms: &'a Retries,
    /// Where it was tried.
    pub(crate) tried: &'a [u64],
}

impl Retry<'_> {
    /// Whether another try follows: the route tries again after this, there is another backend,
    /// and the pool's budget bears it. Which backend is chosen after the pause: by then another one
    /// may be the better.
    pub(crate) fn follows(&self, cause: Cause) -> bool {
        if self.tried.len() >= self.terms.attempts as usize || !cause.is_among(self.terms) {
            return false;
        }
        let Self { worker, .. } = self;
        worker.with_table(|table, picker| {
            table.pool(self.pool).is_some_and(|pool| {
                let regular = pool.choose(picker, self.key, self.tried).is_some();
                // An answer, however bad, is better than what might be a worse one.
                let last = || {
                    !matches!(cause, Cause::Status(_) | Cause::Code(_))
                        && pool.last_resort(self.tried).is_some()
                };
                (regular || last())
                    && (cause == Cause::Connect || pool.budget.grants(worker.index, Instant::now()))
            })
        })
    }

    /// How long to wait first; not at all where nothing was sent.
    pub(crate) fn pause(&self, cause: Cause) -> Duration {
        if cause == Cause::Connect || self.terms.backoff.first.is_zero() {
            return Duration::ZERO;
        }
        let part = self.worker.with_table(|_, picker| picker.part());
        self.terms.backoff.pause(self.tried.len() as u32, part)
    }
}
