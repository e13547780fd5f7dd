//! The decision as a whole: golden reports, properties, and the core driven by hand.

mod circuits;
mod common_cause;
mod core;
pub(crate) mod fixture;
mod golden;
mod histories;
mod journeys;
mod outlooks;
mod properties;
mod recoveries;
mod restarts;
mod rollbacks;
mod spilling;
mod starts;
