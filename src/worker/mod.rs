//! A data-plane worker: one thread with everything a connection needs, shared with nobody.
//!
//! HTTP, TCP and UDP differ in what they do with bytes, and in nothing else: all of them listen,
//! pause when the process runs out of files, follow the table, keep the log and drain the same
//! way. That is here, once. What serves a listener's connections is a [`Plane`], and the
//! composition root says which planes there are.

mod accept;
mod drains;
mod entered;
mod introduction;
mod plane;
mod run;
mod state;
mod steward;

pub use accept::Acceptor;
pub use drains::{DrainKey, Drains, Leave, listener_id};
pub use entered::{Admitted, Entered};
pub use introduction::Arrival;
pub use plane::Plane;
pub use run::{Settings, Shutdown, UPKEEP, run};
pub use state::Worker;
