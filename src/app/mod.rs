//! The composition root: builds every part, wires them, and ends them in order.
//!
//! Nothing is decided here. Threads: one per data-plane worker, and a small runtime apart from them
//! for control, probes, discovery and the admin API, so that neither a scrape nor a probe storm can
//! slow a request.

mod access_logs;
mod clock;
pub mod demo;
mod instance;
mod run;
mod signals;
mod system;
mod workers;

pub use access_logs::UnwritableLog;
pub use clock::wall_clock;
pub use instance::{Instance, Lost, StartError};
pub use run::{RunError, run};
pub use system::raise_open_files;
