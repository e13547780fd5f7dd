//! The routing table: one immutable snapshot of all that a request needs.
//!
//! A request must never see half a change. So whatever two readers must agree on (listeners,
//! routes, pools, zones, shares, backends) is inside one [`Table`], built off the hot path by
//! [`build()`], a pure function, and swapped in whole by the [`Publisher`]. Readers load it once and use
//! plain references after that. What must outlive a table (counters, in-flight) is in
//! [`live`](crate::live), and the table only points there.
//!
//! Reading downwards is following a request: [`Listener::route`] finds the [`Route`], its
//! [`Split`] the pool, [`Pool::choose`] the zone and in it the backend, and the [`Lease`] counts
//! the request in flight there.

mod backend;
mod budget;
mod build;
mod chooser;
mod door;
mod exceptions;
mod handle;
mod host;
mod hosts;
mod listener;
mod odds;
mod path;
mod picker;
mod pool;
mod rate;
mod route;
mod seat;
mod shedding;
mod zone;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use backend::{Backend, Lease};
pub use budget::Budget;
pub use build::{Inputs, build};
pub use door::{Door, Refused};
pub use exceptions::Exceptions;
pub use handle::{CachedReader, Publisher, Reader};
pub use host::{HostError, normalise_host};
pub use listener::{Forward, HelloMismatch, Listener};
pub use odds::{BackendOdds, ZoneOdds};
pub use path::{PathError, normalise_path};
pub use picker::Picker;
pub use pool::Pool;
pub use rate::RateLimit;
pub use route::{Action, Headers, Mismatch, RequestView, Route, Split};
pub use seat::{Guest, Limited, Seating};
pub use shedding::Shedding;
pub use zone::{Leaving, Zone};

use std::sync::Arc;

use crate::config::Config;
use crate::live::PoolId;
use crate::model::{Health, Plan};

/// An immutable snapshot of listeners, routes, pools and backends.
#[derive(Debug)]
pub struct Table {
    /// Counts the tables of this process; a later table has a higher one.
    pub generation: u64,
    /// The configuration it was built from.
    pub config: Arc<Config>,
    /// The decision it was built from.
    pub plan: Arc<Plan>,
    /// In config order.
    pub listeners: Vec<Arc<Listener>>,
    /// What is ordered about requests themselves; `None` = nothing.
    pub exceptions: Option<Box<Exceptions>>,
    /// In config order.
    pools: Vec<Arc<Pool>>,
    /// Where a pool is in `pools`, by its id.
    pool_index: Vec<Option<u32>>,
}

impl Table {
    /// The pool of this id, if this table has it.
    #[must_use]
    pub fn pool(&self, id: PoolId) -> Option<&Pool> {
        self.shared_pool(id).map(|pool| &**pool)
    }

    /// All pools, in config order.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.iter().map(|pool| &**pool)
    }

    /// The backends that were observed down and get no traffic.
    pub fn down(&self) -> impl Iterator<Item = &Arc<Backend>> {
        let pools = self.pools.iter().zip(&self.plan.pools);
        let zones = pools.flat_map(|(pool, plan)| pool.zones.iter().zip(&plan.zones));
        zones.flat_map(|(zone, plan)| {
            let judged = zone.weighed().zip(&*plan.backends);
            let down = judged.filter(|((_, weight), plan)| {
                plan.health == Health::Down && (zone.share <= 0.0 || *weight <= 0.0)
            });
            down.map(|((backend, _), _)| backend)
        })
    }

    /// The backends that are drained, by themselves or with their zone, and get nothing any more.
    pub fn leaving(&self) -> impl Iterator<Item = Leaving<'_>> {
        let pools = self.pools.iter().zip(&self.plan.pools).zip(&self.config.pools);
        pools.flat_map(|((pool, plan), settings)| {
            let zones = pool.zones.iter().zip(&plan.zones);
            zones.flat_map(move |(zone, plan)| zone.leaving(plan, settings.drain.deadline))
        })
    }

    fn shared_pool(&self, id: PoolId) -> Option<&Arc<Pool>> {
        let index = (*self.pool_index.get(id.0 as usize)?)?;
        self.pools.get(index as usize)
    }
}
