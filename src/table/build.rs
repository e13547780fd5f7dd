//! Builds a table: a pure function of config, plan and what lives beside tables.
//!
//! Most tables differ from the one before in one backend's health or one zone's share. So every
//! part whose inputs are the same as before is taken from the previous table, as the same `Arc`.

#![deny(clippy::disallowed_methods)]

mod listeners;
mod members;
mod pools;

use std::sync::Arc;

use super::{Exceptions, Pool, Table};
use crate::config::Config;
use crate::live::{self, Live};
use crate::model::Plan;

/// What a table is built from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The configuration.
    pub config: &'a Arc<Config>,
    /// The decision; its pools are those of the config, in the same order.
    pub plan: &'a Arc<Plan>,
    /// Gives each identity its number and its counters.
    pub live: &'a Live,
    /// All open listeners.
    pub listeners: &'a [Arc<live::Listener>],
    /// The table before, whose unchanged parts are used again.
    pub previous: Option<&'a Table>,
    /// The new table's generation.
    pub generation: u64,
}

/// Builds a table.
#[must_use]
pub fn build(inputs: &Inputs<'_>) -> Table {
    let pools = pools::build(inputs);
    Table {
        generation: inputs.generation,
        config: Arc::clone(inputs.config),
        plan: Arc::clone(inputs.plan),
        listeners: listeners::build(inputs, &pools),
        exceptions: Exceptions::of(inputs.config, inputs.plan),
        pool_index: index(&pools),
        pools,
    }
}

fn index(pools: &[Arc<Pool>]) -> Vec<Option<u32>> {
    let length = pools.iter().map(|pool| pool.id.0 as usize + 1).max().unwrap_or(0);
    let mut index = vec![None; length];
    for (at, pool) in pools.iter().enumerate() {
        index[pool.id.0 as usize] = Some(at as u32);
    }
    index
}
