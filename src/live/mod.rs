//! What outlives a table: counters, in-flight counts and listening sockets, kept by identity.
//!
//! A table is replaced many times a minute; a backend's counters must not start again each time.
//! So tables only point into this module, and [`Live`] hands out the same entry for the same
//! identity as long as any table refers to it.
//!
//! Each counter has one writer, its worker, so adding is a plain load and store; readers sum over
//! the workers. Only what all workers must agree on (in-flight, open connections) is shared.

mod arrivals;
mod backend;
mod counter;
mod ledger;
mod limiter;
mod listener;
mod load;
mod once;
mod places;
mod pressure;
mod queue;
mod registry;
mod retries;
mod room;
mod tickets;
mod visitors;
mod worker;

pub use arrivals::{ArrivalCounters, Arrivals};
pub use backend::{Backend, BackendCounters};
pub use counter::{Counter, Gauge, Histogram};
pub use ledger::{Ask, Drain, Drained, HOLDERS, Holder, Ledger};
pub use limiter::{Excess, Limiter, Pace};
pub use listener::{Listener, ListenerCounters, Socket};
pub use load::{LoadSummary, Seat};
pub use once::OncePerMinute;
pub use places::{Place, Places};
pub use pressure::{Pressure, UnderWay};
pub use queue::{Queue, Turn};
pub use registry::{LimiterKey, Live, PoolId, ZoneId};
pub use retries::{Retries, RetryCounters};
pub use room::Room;
pub use visitors::{Visit, Visitors};
pub use worker::WorkerCounters;
