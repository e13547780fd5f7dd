//! What would happen: the decision core under a virtual clock, in a world made by a scenario.
//!
//! A failover that was never rehearsed is tested by the first outage. So the same core that control
//! drives ([`decision::State`](crate::decision::State)) is driven here by probes and traffic of a
//! model world: backends that are there or gone, slow or failing, with the capacity they have. Time
//! and chance are arguments; the same config, scenario and seed give the same bytes.
//!
//! # What the model leaves out
//!
//! One request is one number: no connections are kept, no bodies flow, and what is in flight when a
//! backend dies is not lost. A backend answers with a median latency and a long tail, queues up to
//! a second's worth of requests beyond its capacity, and refuses the rest with an error. Probes keep
//! their configured interval. A request that could not connect is tried elsewhere, as often as its
//! route says; one whose backend goes down while it waits for the connection is tried elsewhere at
//! once.

#![deny(clippy::disallowed_methods)]

mod drive;
mod incident;
mod place;
mod record;
mod replay;
mod requests;
mod run;
mod sample;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod timeline;
mod view;
mod world;

pub use drive::all_well;
pub use replay::{Replay, replay};
pub use run::{Run, simulate};
