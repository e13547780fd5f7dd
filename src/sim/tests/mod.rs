//! Whole runs in small worlds.

mod fixture;
mod runs;
