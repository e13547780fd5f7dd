//! Whole runs in small worlds.

mod fixture;
mod replays;
mod runs;
mod shipped;
mod verbs;
