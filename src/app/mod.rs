//! The composition root: builds every part, wires them, and ends them in order.
//!
//! Nothing is decided here. Threads: one per data-plane worker, and apart from them one for probes
//! and a small runtime for control, discovery and the admin API, so that neither a scrape nor a probe
//! storm can slow a request, and no scrape a probe.

mod access_logs;
mod clock;
pub mod demo;
mod instance;
mod prober;
mod run;
mod signals;
mod system;
mod workers;

pub use access_logs::UnwritableLog;
pub use clock::wall_clock;
pub use instance::{Instance, Lost, StartError};
pub use run::{RunError, run};
pub use system::raise_open_files;
