//! What follows from all that is known: who takes part, and which share of traffic each zone gets.
//!
//! A failover that nobody can explain afterwards is an outage waiting for its second half. So the
//! decision is pure: [`decide`] takes everything it looks at as arguments and returns a plan *and*
//! a report that says, step by step, what it did and because of what, or what it waits for. The
//! same inputs give the same plan, whatever order they arrived in.
//!
//! The steps for one pool, in order:
//!
//! 1. *eligibility*: a backend counts with its weight times its health factor; not at all while it
//!    is unknown, down, drained, in maintenance, or has weight 0.
//! 2. *backups*: backends marked `backup` count only while no other backend of the pool does.
//! 3. *orders*: a zone that is drained, failed, in maintenance or stopped by order stands so, and gets
//!    what the order leaves it.
//! 4. *regions*: regions with anything eligible share the pool's traffic by their weights.
//! 5. *zones*: zones with anything eligible share their region's part by theirs.
//!
//! A region or zone without a weight of its own has the eligible weight of what is in it.
//!
//! [`State`] is the whole core around it: facts in ([`Input`]), changes and a new plan out
//! ([`Step`]), with its own notion of when a burst of facts is worth a decision. Control drives it
//! with the real clock; anything else may drive it with another.

mod alarms;
mod candidate;
mod decide;
mod eligible;
mod member;
mod orders;
mod pace;
mod report;
mod share;
mod state;
#[cfg(test)]
pub(crate) mod tests;
mod watches;

pub use candidate::Candidate;
pub use decide::{Inputs, decide};
pub use member::Member;
pub use orders::{Ordered, Orders};
pub use report::{Entry, PoolReport, Report, Stage, Why};
pub use state::{Change, Input, State, Step};
