//! The decision as a whole: golden reports, properties, and the core driven by hand.

mod core;
pub(crate) mod fixture;
mod golden;
mod properties;
