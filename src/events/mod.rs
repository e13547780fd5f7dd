//! The event log: one line for everything that moved traffic, or could have.
//!
//! After an outage the question is not what the balancer does now but what it knew and did then.
//! So each event is appended to `events.jsonl` in the state folder as it happens: one JSON object
//! per line ([`wire::Line`]), never changed afterwards. What the admin API shows under `/events`
//! are the same lines.
//!
//! # What is in it
//!
//! *Inputs* are what a decision looks at: `start` and `reload` (which configuration), `health` (a
//! verdict that changed), `resolved` (a hostname's addresses), `ordered` (an operator's order).
//! *Outputs* are what it came to: `published` with the shares that moved, before and after, and the
//! decision's reasons. The others tell what was tried and refused, and what ended by itself.
//!
//! Every line carries `inputs`, a digest of all input lines of this process so far. Two logs that
//! show the same digest had been told the same things in the same order; if their shares differ,
//! the decision does. The inputs are verdicts, not what led to them: that is in the recording ([`tape`]),
//! which is what a replay decides again.
//!
//! # What is not lost, and what may be
//!
//! Writing happens on a thread of its own: a disk that hangs must not hold up a failover. Lines that
//! the thread cannot take are dropped and counted ([`Losses`]), and `seq` shows the gap. A file that
//! is full is followed by another; how many are kept is configured, and that the oldest had to go is
//! told and counted ([`Rotations`]). SIGUSR1 opens the file again by its name, as a log rotation from
//! outside needs.

mod chain;
mod order;
mod read;
mod rotation;
mod tap;
pub mod tape;
pub mod wire;
mod writer;

pub use chain::Chain;
pub use order::{Anchor, action, read_back, scope, written};
pub use read::{Corrupt, read};
pub use rotation::{Bounds, Rotated, Rotations, files};
pub use tap::Tap;
pub use writer::{FILE, Losses, Writer};
