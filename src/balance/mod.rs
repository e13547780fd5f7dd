//! Chooses one of many: in turn, by load, or by a key.
//!
//! These are the algorithms alone. They know weights, sequence numbers, loads and hashes, but no
//! pools, addresses or counters: whoever holds those (a table) passes in what an algorithm needs
//! and gets back an index. So each can be tested against a model, on any input, by itself.

#![deny(clippy::disallowed_methods)]

pub mod ip_hash;
pub mod least_connections;
pub mod round_robin;
mod weight;

pub use weight::{share_parts, weight_parts};
