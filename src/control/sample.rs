//! What live traffic showed since the last look: differences of counters, backend by backend and
//! pool by pool.

use std::array;
use std::collections::HashMap;
use std::sync::Arc;

use crate::live::{self, Counter, Live};
use crate::model::{Arrivals, BackendKey, PRIORITY_CLASSES, PoolName, PriorityClass, Traffic};

/// Remembers each backend's counters as they were at the last look.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    watched: Vec<Watched>,
    doors: Vec<Door>,
}

#[derive(Debug)]
struct Watched {
    backend: Arc<live::Backend>,
    /// All that was counted up to the last look.
    counted: Traffic,
}

impl Sampler {
    /// Watches these backends from now on; of those watched before, nothing is lost.
    pub(super) fn watch<'a>(
        &mut self,
        live: &Live,
        pools: impl Iterator<Item = &'a PoolName>,
        keys: impl Iterator<Item = &'a BackendKey>,
    ) {
        self.watch_doors(live, pools);
        let before = std::mem::take(&mut self.watched).into_iter();
        let mut before: HashMap<u64, Watched> =
            before.map(|watched| (watched.backend.id, watched)).collect();
        let watched = |key| {
            let backend = live.backend(key);
            before
                .remove(&backend.id)
                .unwrap_or_else(|| Watched { counted: counted(&backend), backend })
        };
        self.watched = keys.map(watched).collect();
    }

    /// What happened since the last call; backends nothing happened to are left out.
    pub(super) fn sample(&mut self) -> Vec<Traffic> {
        self.watched.iter_mut().filter_map(Watched::sample).collect()
    }

    /// What arrived at pools since the last call. Pools that only ever had requests of the default
    /// class are left out: that is what is assumed of them.
    pub(super) fn arrivals(&mut self) -> Vec<Arrivals> {
        self.doors.iter_mut().filter_map(Door::sample).collect()
    }

    fn watch_doors<'a>(&mut self, live: &Live, pools: impl Iterator<Item = &'a PoolName>) {
        let mut before = std::mem::take(&mut self.doors);
        let door = |pool: &PoolName| match before.iter().position(|door| door.pool == *pool) {
            Some(at) => before.swap_remove(at),
            None => {
                let counters = live.arrivals(pool);
                let counted = counters.arrived();
                Door { pool: pool.clone(), counted, counters, mixed: false }
            }
        };
        self.doors = pools.map(door).collect();
    }
}

/// What arrives at a pool.
#[derive(Debug)]
struct Door {
    pool: PoolName,
    counters: Arc<live::Arrivals>,
    /// All that was counted up to the last look.
    counted: [u64; PRIORITY_CLASSES],
    /// Something of another class than the default has arrived.
    mixed: bool,
}

impl Door {
    fn sample(&mut self) -> Option<Arrivals> {
        let now = self.counters.arrived();
        let before = std::mem::replace(&mut self.counted, now);
        let by_class: [u64; PRIORITY_CLASSES] =
            array::from_fn(|class| now[class].wrapping_sub(before[class]));
        let other = |class: &PriorityClass| *class != PriorityClass::default();
        self.mixed |=
            PriorityClass::ALL.into_iter().filter(other).any(|it| by_class[it as usize] > 0);
        let told = self.mixed && by_class != [0; PRIORITY_CLASSES];
        told.then(|| Arrivals { pool: self.pool.clone(), by_class })
    }
}

impl Watched {
    fn sample(&mut self) -> Option<Traffic> {
        let before = self.counted.clone();
        let now = counted(&self.backend);
        if now == before {
            return None;
        }
        let since = |now: u64, before: u64| now.wrapping_sub(before);
        let sample = Traffic {
            backend: now.backend.clone(),
            connect_failures: since(now.connect_failures, before.connect_failures),
            connects: since(now.connects, before.connects),
            requests: since(now.requests, before.requests),
            answered: since(now.answered, before.answered),
            server_errors: since(now.server_errors, before.server_errors),
            resets: since(now.resets, before.resets),
            timeouts: since(now.timeouts, before.timeouts),
            bad_responses: since(now.bad_responses, before.bad_responses),
            in_flight: now.in_flight,
            latency: array::from_fn(|bucket| since(now.latency[bucket], before.latency[bucket])),
        };
        self.counted = now;
        Some(sample)
    }
}

/// All that was counted about a backend so far, over all workers.
fn counted(backend: &live::Backend) -> Traffic {
    let mut total = Traffic::none(backend.key.clone());
    total.in_flight = u64::from(backend.in_flight());
    for worker in backend.workers() {
        add(&mut total.connect_failures, &worker.connect_failures);
        add(&mut total.connects, &worker.connects);
        add(&mut total.requests, &worker.requests);
        // Before what includes it: a 5xx counted in between is then an answer at least.
        add(&mut total.server_errors, &worker.responses[4]);
        worker.responses.iter().for_each(|class| add(&mut total.answered, class));
        // The backend was there, and broke the connection off, or had to be left.
        add(&mut total.resets, &worker.resets);
        add(&mut total.resets, &worker.tls_failures);
        add(&mut total.timeouts, &worker.timeouts);
        add(&mut total.bad_responses, &worker.bad_responses);
        for (sum, count) in total.latency.iter_mut().zip(worker.latency.counts()) {
            *sum = sum.wrapping_add(count);
        }
    }
    total
}

fn add(sum: &mut u64, counter: &Counter) {
    *sum = sum.wrapping_add(counter.get());
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    #[test]
    fn a_pool_is_told_of_once_something_but_the_default_class_arrives() {
        let live = Live::new(2);
        let pool = PoolName::from("site");
        let counters = live.arrivals(&pool);
        let arrive = |worker: usize, class: PriorityClass, count| {
            counters.worker(worker).arrived[class as usize].add(count);
        };
        arrive(0, PriorityClass::Critical, 7);
        let mut sampler = Sampler::default();
        sampler.watch(&live, iter::once(&pool), iter::empty());
        arrive(0, PriorityClass::Normal, 5);
        assert_eq!(sampler.arrivals(), [], "what was before counts for nothing");
        arrive(0, PriorityClass::Normal, 2);
        arrive(0, PriorityClass::Low, 3);
        arrive(1, PriorityClass::Low, 1);
        sampler.watch(&live, iter::once(&pool), iter::empty());
        assert_eq!(sampler.arrivals(), [Arrivals { pool: pool.clone(), by_class: [4, 2, 0, 0] }]);
        assert_eq!(sampler.arrivals(), []);
        arrive(1, PriorityClass::Normal, 1);
        assert_eq!(sampler.arrivals(), [Arrivals { pool, by_class: [0, 1, 0, 0] }]);
    }

    fn key(name: &str) -> BackendKey {
        BackendKey { pool: "site".into(), name: name.into() }
    }

    #[test]
    fn only_what_happened_since_the_last_look_is_told() {
        let live = Live::new(2);
        let (a, b) = (live.backend(&key("a")), live.backend(&key("b")));
        a.worker(0).connects.add(5);
        let mut sampler = Sampler::default();
        sampler.watch(&live, iter::empty(), [&a.key, &b.key].into_iter());
        assert!(sampler.sample().is_empty(), "what was before counts for nothing");

        a.worker(0).connect_failures.add(1);
        a.worker(1).connect_failures.add(2);
        a.worker(1).connects.add(1);
        sampler.watch(&live, iter::empty(), [&b.key, &a.key].into_iter());
        let seen = sampler.sample();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].backend, a.key);
        let expected = Traffic { connect_failures: 3, connects: 1, ..Traffic::none(key("a")) };
        assert_eq!(seen[0], expected);
        assert!(sampler.sample().is_empty());
    }

    #[test]
    fn a_try_is_told_where_it_ended() {
        let live = Live::new(1);
        let backend = live.backend(&key("a"));
        let mut sampler = Sampler::default();
        sampler.watch(&live, iter::empty(), [&backend.key].into_iter());
        let worker = backend.worker(0);
        worker.requests.add(9);
        worker.responses[1].add(4);
        worker.responses[4].add(2);
        worker.resets.add(1);
        worker.timeouts.add(1);
        worker.bad_responses.add(1);
        worker.latency.record_us(50);
        worker.latency.record_us(60_000_000);
        let seen = sampler.sample().remove(0);
        assert_eq!((seen.requests, seen.ended(), seen.failed()), (9, 9, 5));
        assert_eq!((seen.answered, seen.server_errors), (6, 2));
        assert_eq!((seen.latency[0], seen.latency[17]), (1, 1));
    }
}
