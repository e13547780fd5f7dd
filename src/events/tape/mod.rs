//! The recording: all that the core was told, so that it can be decided again.
//!
//! The event log tells what was decided. Whether another configuration would have decided better
//! can only be asked of the facts themselves: every probe's end, every sample of traffic, every
//! order, at their times. There are thousands of them per second, so recording is asked for
//! (`state.record`), and bounded: `inputs.jsonl` is followed by a new one at half the bound, and only
//! the one before is kept.
//!
//! Each file begins with what was known then ([`wire::Begin`]). Where that was everything, because
//! the process began there with what the one before had left, a replay is exact. Elsewhere what the
//! detectors remembered is missing, and what is decided in the first minute is not compared.

mod facts;
mod read;
pub mod wire;

pub use facts::{
    Epoch, arrivals_of, arrived, looked_up, lookup_of, order_given, order_of, sampled, seen,
    seen_of, standing_of, stood, traffic_of,
};
pub use read::lines;

/// The file in the state folder.
pub const FILE: &str = "inputs.jsonl";
