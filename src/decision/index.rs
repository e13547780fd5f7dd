//! Finds a member by its identity.
//!
//! Observations come by the ten thousand each second, and each names its backend. The names are the
//! config's and no client's, so their hash has to be fast and nothing else.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::Member;
use super::alarms::Place;
use crate::model::{BackendKey, PoolName};

/// Where each member is, by the name of its pool and its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Index(HashMap<PoolName, (usize, HashMap<Arc<str>, usize>)>);

impl Index {
    /// The places in these lists, one list for each pool.
    pub(super) fn of(pools: &[Vec<Member>]) -> Self {
        let names = |members: &[Member]| {
            let mut names = HashMap::with_capacity(members.len());
            let places = members.iter().enumerate();
            names.extend(places.map(|(place, it)| (Arc::clone(&it.backend.key.name), place)));
            names
        };
        let pools = pools.iter().enumerate().filter_map(|(pool, members)| {
            let name = &members.first()?.backend.key.pool;
            Some((Arc::clone(name), (pool, names(members))))
        });
        Self(pools.collect())
    }

    /// Where the member is, if it is there.
    pub(super) fn get(&self, key: &BackendKey) -> Option<Place> {
        let (pool, names) = self.0.get(&key.pool)?;
        Some((*pool, *names.get(&key.name)?))
    }
}
