//! What live traffic showed since the last look: differences of counters, backend by backend.

use std::collections::HashMap;
use std::sync::Arc;

use crate::live::{self, BackendCounters, Counter, Live};
use crate::model::{BackendKey, Traffic};

/// Remembers each backend's counters as they were at the last look.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    watched: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    backend: Arc<live::Backend>,
    connect_failures: u64,
    connects: u64,
}

impl Sampler {
    /// Watches these backends from now on; of those watched before, nothing is lost.
    pub(super) fn watch<'a>(&mut self, live: &Live, keys: impl Iterator<Item = &'a BackendKey>) {
        let before = std::mem::take(&mut self.watched).into_iter();
        let mut before: HashMap<u64, Watched> =
            before.map(|watched| (watched.backend.id, watched)).collect();
        let watched = |key| {
            let backend = live.backend(key);
            before.remove(&backend.id).unwrap_or_else(|| Watched {
                connect_failures: sum(&backend, |worker| &worker.connect_failures),
                connects: sum(&backend, |worker| &worker.connects),
                backend,
            })
        };
        self.watched = keys.map(watched).collect();
    }

    /// What happened since the last call; backends nothing happened to are left out.
    pub(super) fn sample(&mut self) -> Vec<Traffic> {
        self.watched.iter_mut().filter_map(Watched::sample).collect()
    }
}

impl Watched {
    fn sample(&mut self) -> Option<Traffic> {
        let failures = sum(&self.backend, |worker| &worker.connect_failures);
        let connects = sum(&self.backend, |worker| &worker.connects);
        let traffic = Traffic {
            backend: self.backend.key.clone(),
            connect_failures: failures.wrapping_sub(self.connect_failures),
            connects: connects.wrapping_sub(self.connects),
        };
        (self.connect_failures, self.connects) = (failures, connects);
        (traffic.connect_failures > 0 || traffic.connects > 0).then_some(traffic)
    }
}

fn sum(backend: &live::Backend, counter: fn(&BackendCounters) -> &Counter) -> u64 {
    backend.workers().map(|worker| counter(worker).get()).fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> BackendKey {
        BackendKey { pool: "site".into(), name: name.into() }
    }

    #[test]
    fn only_what_happened_since_the_last_look_is_told() {
        let live = Live::new(2);
        let (a, b) = (live.backend(&key("a")), live.backend(&key("b")));
        a.worker(0).connects.add(5);
        let mut sampler = Sampler::default();
        sampler.watch(&live, [&a.key, &b.key].into_iter());
        assert!(sampler.sample().is_empty(), "what was before counts for nothing");

        a.worker(0).connect_failures.add(1);
        a.worker(1).connect_failures.add(2);
        a.worker(1).connects.add(1);
        sampler.watch(&live, [&b.key, &a.key].into_iter());
        let seen = sampler.sample();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].backend, a.key);
        assert_eq!((seen[0].connect_failures, seen[0].connects), (3, 1));
        assert!(sampler.sample().is_empty());
    }
}
