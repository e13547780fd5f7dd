//! How many connections each client has open.
//!
//! The count is one for all workers, so the limit is exact. Only clients that are connected now are
//! in it: there are never more of them than connections. An IPv6 client is its /64, which one
//! subscriber has to itself and could draw addresses from as it likes.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;

/// Locks; a connection takes one as it begins and as it ends.
const SHARDS: usize = 64;

/// The clients of a listening address.
#[derive(Debug)]
pub struct Visitors {
    /// Keyed by chance, so that nobody can choose addresses that are counted together.
    hasher: RandomState,
    shards: Box<[Mutex<HashMap<NonZeroU64, u32>>]>,
}

/// A connection that is counted, to be given back to [`Visitors::leave`].
#[derive(Debug)]
pub struct Visit(NonZeroU64);

impl Default for Visitors {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { hasher: RandomState::new(), shards }
    }
}

impl Visitors {
    /// Counts a connection of this client in, unless it has `max` already.
    #[must_use]
    pub fn enter(&self, client: IpAddr, max: u32) -> Option<Visit> {
        let hash = self.hasher.hash_one(network(client));
        let key = NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN);
        let mut shard = self.shard(key);
        let open = shard.entry(key).or_default();
        let enters = *open < max;
        *open += u32::from(enters);
        enters.then_some(Visit(key))
    }

    /// Counts it out.
    pub fn leave(&self, Visit(key): Visit) {
        let mut shard = self.shard(key);
        if let Some(open) = shard.get_mut(&key) {
            *open -= 1;
            if *open == 0 {
                shard.remove(&key);
            }
        }
    }

    fn shard(&self, key: NonZeroU64) -> MutexGuard<'_, HashMap<NonZeroU64, u32>> {
        self.shards[key.get() as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts as one client; IPv4 in IPv6 is IPv4.
fn network(client: IpAddr) -> (u8, u64) {
    match client.to_canonical() {
        IpAddr::V4(address) => (4, u64::from(u32::from(address))),
        IpAddr::V6(address) => (6, (u128::from(address) >> 64) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_limit_holds_over_all_threads_and_what_left_is_forgotten() {
        let visitors = Visitors::default();
        let all = std::thread::scope(|scope| {
            let enter = || {
                let visits = (0..100).filter_map(|_| visitors.enter(client("192.0.2.1"), 30));
                visits.collect::<Vec<_>>()
            };
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(enter)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(all.len(), 30);
        assert!(visitors.enter(client("192.0.2.2"), 30).is_some(), "others have their own");
        let known =
            || -> usize { visitors.shards.iter().map(|shard| shard.lock().unwrap().len()).sum() };
        assert_eq!(known(), 2);
        all.into_iter().for_each(|visit| visitors.leave(visit));
        assert_eq!(known(), 1);
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_a_64_of_ipv6() {
        for (one, other, same) in [
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:0:0:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let visitors = Visitors::default();
            assert!(visitors.enter(client(one), 1).is_some());
            assert_eq!(visitors.enter(client(other), 1).is_none(), same, "{one} {other}");
        }
    }
}
