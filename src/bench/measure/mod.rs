//! What is counted and how it is judged, without a clock and without I/O.
//!
//! All moments are offsets from the run's start, so a test can compute by hand what a run must
//! report.

mod fault;
mod paired;
mod schedule;
mod tally;
mod target;
mod timeline;

pub use fault::Fault;
pub use paired::{Difference, Paired};
pub use schedule::{Arrivals, Impossible, RATE_MAX, Schedule, Step, Times};
pub use tally::{Exchange, Tally};
pub use target::{BadTarget, Measure, Seen, Target, duration};
pub use timeline::{Timeline, Window};
