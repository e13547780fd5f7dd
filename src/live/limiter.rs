//! Rate limits by the generic cell rate algorithm (ITU-T I.371, appendix I; "leaky bucket as a
//! meter"): per key one number, when the last request that was let in would be due if all came
//! evenly. How far that is ahead of now is what was taken of the burst.
//!
//! The number is shared by all workers, so the limit is one limit. A limit for all is one atomic; a
//! limit by client or header keeps its numbers in a table of fixed size, in sets of eight under
//! sharded locks. A key whose time has come is as good as never seen, so its place is free again
//! without anybody sweeping; where a set is full of others, the one that is nearest to that makes
//! way. So a million keys cost what ten do, and a flood of new ones can harm none that is busier.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Keys that share a place in the table.
const SET: usize = 8;
/// Locks.
const SHARDS: usize = 256;
/// Places per key that is asked for: sets fill unevenly.
const SPARE: usize = 2;

/// How many requests may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From one request to the next, if they come evenly; at least 1 ns.
    pub interval: Duration,
    /// How many may come at once, after a silence.
    pub burst: u32,
}

/// A request beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    /// How many may come at once.
    pub burst: u32,
    /// After this time one more may come.
    pub retry_after: Duration,
    /// After this time, the whole burst.
    pub reset: Duration,
}

/// One limit's state, as it lives across tables.
#[derive(Debug)]
pub struct Limiter {
    epoch: Instant,
    all: AtomicU64,
    keys: Option<Keys>,
    refused: AtomicU64,
    forgotten: AtomicU64,
}

#[derive(Debug)]
struct Keys {
    hasher: RandomState,
    shards: Box<[Mutex<Box<[Slot]>>]>,
}

/// A key and when it would be due, in nanoseconds since the limiter began; 0 = never seen.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    key: u64,
    due: u64,
}

impl Limiter {
    /// A limit for all requests together.
    #[must_use]
    pub fn for_all(now: Instant) -> Self {
        let (all, refused, forgotten) = Default::default();
        Self { epoch: now, all, keys: None, refused, forgotten }
    }

    /// A limit for each key, of which so many are remembered.
    #[must_use]
    pub fn by_key(keys_max: usize, now: Instant) -> Self {
        let slots = (keys_max * SPARE).next_power_of_two().max(SHARDS * SET);
        // Zeroed memory of which the system hands out only what is written to.
        let shard = |_| Mutex::new(vec![Slot::default(); slots / SHARDS].into_boxed_slice());
        let keys = Keys { hasher: RandomState::new(), shards: (0..SHARDS).map(shard).collect() };
        Self { keys: Some(keys), ..Self::for_all(now) }
    }

    /// Are so many keys remembered, or is it one for all (`None`)?
    #[must_use]
    pub fn remembers(&self, keys_max: Option<usize>) -> bool {
        let slots = |keys: &Keys| keys.shards.len() * keys.shards.first().map_or(0, lock_len);
        let wanted = keys_max.map(|max| (max * SPARE).next_power_of_two().max(SHARDS * SET));
        self.keys.as_ref().map(slots) == wanted
    }

    /// Lets one request in, of this key if there is one, or says by how much it comes too early.
    ///
    /// # Errors
    /// It is beyond the limit, and counted.
    pub fn take(&self, key: impl Hash, pace: Pace, now: Instant) -> Result<(), Excess> {
        let now = u64::try_from(now.saturating_duration_since(self.epoch).as_nanos());
        // From 1 on: 0 is "never seen".
        let now = now.unwrap_or(u64::MAX / 2).saturating_add(1);
        let taken = match &self.keys {
            None => self.take_of_all(pace, now),
            Some(keys) => {
                let (taken, forgotten) = keys.take(key, pace, now);
                if forgotten {
                    self.forgotten.fetch_add(1, Relaxed);
                }
                taken
            }
        };
        if taken.is_err() {
            self.refused.fetch_add(1, Relaxed);
        }
        taken
    }

    fn take_of_all(&self, pace: Pace, now: u64) -> Result<(), Excess> {
        let mut due = self.all.load(Relaxed);
        loop {
            let next = pace.next(due, now)?;
            match self.all.compare_exchange_weak(due, next, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => due = other,
            }
        }
    }

    /// Requests refused so far.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Keys forgotten so far although their time had not come, for want of places.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Relaxed)
    }
}

fn lock_len(shard: &Mutex<Box<[Slot]>>) -> usize {
    shard.lock().unwrap_or_else(PoisonError::into_inner).len()
}

impl Keys {
    /// What came of it, and whether another key had to be forgotten for it.
    fn take(&self, key: impl Hash, pace: Pace, now: u64) -> (Result<(), Excess>, bool) {
        let key = self.hasher.hash_one(key);
        let shard = &self.shards[key as usize % SHARDS];
        let mut slots = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let sets = slots.len() / SET;
        let first = (key as usize / SHARDS) % sets * SET;
        let set = &mut slots[first..first + SET];
        let known = set.iter().position(|slot| slot.due > 0 && slot.key == key);
        let at = known.or_else(|| (0..SET).min_by_key(|at| set[*at].due)).unwrap_or(0);
        let slot = &mut set[at];
        let forgotten = known.is_none() && slot.due > now;
        let due = if known.is_some() { slot.due } else { 0 };
        let next = pace.next(due, now);
        // Who is refused at its first request has a burst of none, and needs no place.
        if let Ok(due) = next {
            *slot = Slot { key, due };
        }
        (next.map(|_| ()), forgotten)
    }
}

impl Pace {
    /// When the next request is due, if one that was due at `due` may come at `now`.
    fn next(self, due: u64, now: u64) -> Result<u64, Excess> {
        let interval = u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX).max(1);
        let whole = interval.saturating_mul(u64::from(self.burst));
        let next = due.max(now).saturating_add(interval);
        let ahead = next - now;
        if ahead <= whole {
            return Ok(next);
        }
        Err(Excess {
            burst: self.burst,
            retry_after: Duration::from_nanos(ahead - whole),
            reset: Duration::from_nanos(ahead - interval),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(per_second: u32, burst: u32) -> Pace {
        Pace { interval: Duration::from_secs(1) / per_second, burst }
    }

    #[test]
    fn a_burst_is_let_in_and_then_the_rate() {
        let start = Instant::now();
        let limiter = Limiter::for_all(start);
        let pace = pace(10, 5);
        let burst = (0..9).filter(|_| limiter.take((), pace, start).is_ok()).count();
        assert_eq!((burst, limiter.refused()), (5, 4));
        let excess = limiter.take((), pace, start).unwrap_err();
        assert_eq!(excess.retry_after, Duration::from_millis(100));
        assert_eq!(excess.reset, Duration::from_millis(500));
        let steps = (1..=1000).map(|ms| start + Duration::from_millis(ms));
        assert_eq!(steps.filter(|now| limiter.take((), pace, *now).is_ok()).count(), 10);
        let rested = start + Duration::from_secs(10);
        assert_eq!((0..9).filter(|_| limiter.take((), pace, rested).is_ok()).count(), 5);
    }

    #[test]
    fn threads_share_one_limit() {
        let start = Instant::now();
        for limiter in [Limiter::for_all(start), Limiter::by_key(10, start)] {
            let take = || (0..10_000).filter(|_| limiter.take(7, pace(1, 5_000), start).is_ok());
            let taken: usize = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| take().count())).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            assert_eq!(taken, 5_000);
        }
    }

    #[test]
    fn each_key_has_a_limit_of_its_own_and_a_million_fit() {
        const KEYS: u32 = 1_000_000;
        let start = Instant::now();
        let limiter = Limiter::by_key(KEYS as usize, start);
        let slots: usize = limiter.keys.as_ref().unwrap().shards.iter().map(lock_len).sum();
        assert!(slots * size_of::<Slot>() <= 32 << 20, "{slots} places");
        let pace = pace(1, 1);
        assert!((0..KEYS).all(|key| limiter.take(key, pace, start).is_ok()));
        let refused = (0..KEYS).filter(|key| limiter.take(key, pace, start).is_err()).count();
        // Sets fill unevenly, so a few had to go although there is room for twice as many.
        assert!(refused >= KEYS as usize * 97 / 100, "{refused} of {KEYS} are remembered");
        assert!(limiter.forgotten() < u64::from(KEYS) * 3 / 100, "{}", limiter.forgotten());
    }

    #[test]
    fn a_flood_of_new_keys_forgets_those_first_whose_time_is_nearest() {
        let start = Instant::now();
        let limiter = Limiter::by_key(1, start);
        let (busy, once) = (pace(10, 1_000), pace(10, 1_000));
        for _ in 0..1_000 {
            assert!(limiter.take("busy", busy, start).is_ok());
        }
        for key in 0..100_000 {
            assert!(limiter.take(key, once, start).is_ok());
        }
        assert!(limiter.forgotten() > 0);
        assert!(limiter.take("busy", busy, start).is_err(), "who has taken most is known longest");
    }

    #[test]
    fn a_table_is_kept_as_long_as_it_has_the_size() {
        let now = Instant::now();
        assert!(Limiter::for_all(now).remembers(None) && !Limiter::for_all(now).remembers(Some(1)));
        let limiter = Limiter::by_key(100_000, now);
        assert!(limiter.remembers(Some(100_000)) && !limiter.remembers(Some(1_000_000)));
        assert!(!limiter.remembers(None));
    }
}
