//! Measures latency the way clients feel it, and says when it could not.
//!
//! A tool that sends its next request when it has the last answer stops asking while the server
//! stalls, and so hardly sees the stall ("coordinated omission"). Here requests arrive on a
//! schedule that waits for nobody, and a request's latency counts from the moment it was *due*.
//! Latency from the moment it was sent stands beside it, to show what the other way would claim.
//!
//! ```text
//! measure::Schedule -> load::run: pace -> desk -> lanes (HTTP/1.1, HTTP/2) -> server
//!                                                  |
//!                               measure::Tally <---+---> view::Report -> report, JSON
//! ```
//!
//! - [`measure`] is pure: arrivals, histograms, targets. Moments come in as numbers.
//! - [`load`] does the I/O: one thread, connections opened before the first request is due.
//! - [`view`] is the result as a contract with scripts; [`report`] shows it to people.
//!
//! The generator doubts itself: it records how late each request was handed out, and a run in
//! which it was late is void.

pub mod load;
pub mod measure;
pub mod report;
pub mod view;
