//! What follows from all that is known: who takes part, and which share of traffic each zone gets.
//!
//! A failover that nobody can explain afterwards is an outage waiting for its second half. So the
//! decision is pure: it takes everything it looks at as arguments, and gives a plan *and* a report
//! that says, step by step, what it did and because of what, or what it waits for. The same inputs
//! give the same plan, whatever order they arrived in.
//!
//! [`State`] is the whole core: facts in ([`Input`]), changes and a new plan out ([`Step`]), with its
//! own notion of when a burst of facts is worth a decision. Control drives it with the real clock;
//! anything else may drive it with another.
//!
//! # The tree
//!
//! The steps for one pool, in order (each module's documentation has the rules):
//!
//! 1. *eligibility* (`zone`): a backend counts with its weight times its health factor; not at all
//!    while it is unknown, down, drained, in maintenance, or has weight 0.
//! 2. *backups* (`pool`): backends marked `backup` count only while no other backend of the pool does.
//! 3. *failover* of zones, then of regions (`failover`): who falls below its limit goes out, if the
//!    interlocks allow it.
//! 4. *standing* (`place`): who is out proves itself and comes back in stages, judged by its traffic
//!    (`restoration`, `trial`, `gate`).
//! 5. *shares* (`share`, `spill`): weights, priorities, capacities and stages reconciled; what fits
//!    nowhere is shed, the lowest priority class first (`mix`).
//! 6. *all-down* (`all_down`): the pool's own choice when nothing is left.
//! 7. *moves* (`moves`): no faster than allowed, and what has moved.

mod alarms;
mod all_down;
mod candidate;
mod change;
mod decided;
mod failover;
mod gate;
mod gradient;
mod headroom;
mod index;
mod load;
mod member;
mod memory;
mod mix;
mod moves;
mod orders;
mod outlook;
mod pace;
mod place;
mod pool;
mod report;
mod restoration;
mod share;
mod spill;
mod start;
mod state;
#[cfg(test)]
pub(crate) mod tests;
mod trial;
mod watches;
mod zone;

pub use candidate::Candidate;
pub use change::Change;
pub use gradient::{Gradient, Seen};
pub use member::Member;
pub use orders::{Ordered, Orders};
pub use outlook::Outlook;
pub use pool::Moved;
pub use report::{Entry, PoolReport, Report, Stage, Why};
pub use state::{Input, Recalled, State, Step};
