//! Asks the backends how they are, and reports what was seen. It judges nothing: a verdict needs
//! more than one answer, and belongs to [`health`](crate::health).
//!
//! Probing well has its own problems: a thousand backends asked ten times a second must not cost
//! a core, use up the ports, fill the backends' logs or arrive as a herd; and a busy prober must
//! not take its own slowness for a backend's. So
//!
//! - one task (`schedule`) holds every probe's next due time in one heap and starts what is due;
//! - each kind of probe (`connect`, `status_line`, `http`, `transaction`) is one function: connect,
//!   ask, judge one answer;
//! - every probe runs inside one `attempt`, which owns the timeout and looks at the socket once
//!   more before it calls one;
//! - what this machine lacks (descriptors, ports, memory, time) voids a result and never counts
//!   against a backend (`fault`).

mod attempt;
mod connect;
mod fault;
mod http;
mod schedule;
mod status_line;
#[cfg(test)]
mod tests;
mod transaction;

pub use schedule::{IN_FLIGHT_MAX, run};

use std::sync::Arc;
use std::time::Duration;

use attempt::{Attempt, attempt};
use schedule::Check;

use crate::model::ProbeKind;

/// Makes one attempt of a check.
async fn once(check: Arc<Check>, limit: Duration) -> Attempt {
    let address = &check.address;
    match &check.kind {
        ProbeKind::Connect => attempt(limit, connect::probe(address)).await,
        // The others are boxed, so that the many connects do not carry their size.
        ProbeKind::StatusLine { host, path } => {
            Box::pin(attempt(limit, status_line::probe(address, host, path))).await
        }
        ProbeKind::Http(ask) => Box::pin(attempt(limit, http::probe(address, ask))).await,
        ProbeKind::Transaction(steps) => {
            Box::pin(attempt(limit, transaction::probe(address, steps))).await
        }
    }
}
