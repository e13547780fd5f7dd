//! When each probe is due, and the one loop that starts them.
//!
//! - **No herds.** Each check has a place of its own within its interval, from a hash of what it
//!   asks, so a thousand backends are spread evenly, and neither a reload nor a restart lines them
//!   up; jitter keeps several balancers from falling into step.
//! - **Prompt.** A new check is first asked within 100 ms, since its backend gets no traffic until
//!   then (of more than a thousand that are new at once, ten thousand a second are); and a first
//!   failure is followed by a second look at once.
//! - **Patient.** What has failed thirty times in a row is asked up to five times less often, but
//!   at least every two seconds, and as often as before from its first pass on.
//! - **Once.** The same question to the same address is sent once, however many pools ask it.
//! - **Bounded.** At most [`IN_FLIGHT_MAX`](driver::IN_FLIGHT_MAX) attempts at a time, of those that
//!   reach and of those that ask; what is due beyond that waits, and hung backends delay no connect.
//!   When the reader of the results is slow, fewer probes are sent.
//! - **In doubt of itself.** A timeout is believed only if this runtime was attentive for at least
//!   half of it; else the result is void.

mod driver;
mod job;
mod judge;
mod queue;
mod stalls;
#[cfg(test)]
mod tests;

pub use driver::run;
pub(super) use job::Check;
