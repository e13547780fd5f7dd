//! Lets the number of requests that a pool bears follow its latency, tick by tick, where that is
//! wanted.

use std::sync::Arc;

use tokio::time::Instant;

use crate::config::Adaptive;
use crate::decision::{Gradient, Seen, State};
use crate::live::{self, Live, Pressure};
use crate::model::PoolName;

/// The pools whose number is found out.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pools: Vec<Pool>,
    random: fastrand::Rng,
}

#[derive(Debug)]
struct Pool {
    name: PoolName,
    terms: Adaptive,
    gradient: Gradient,
    pressure: Arc<Pressure>,
    backends: Vec<Arc<live::Backend>>,
    /// What was counted up to the last look.
    counted: Counted,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    answered: u64,
    latency_us: u64,
    refused: u64,
}

impl Limits {
    /// Follows the pools there are now; of those there were before, nothing is forgotten.
    pub(super) fn follow(&mut self, live: &Live, state: &State, now: Instant) {
        let mut before = std::mem::take(&mut self.pools);
        for (settings, members) in state.pools() {
            let Some(terms) = settings.shed.and_then(|shed| shed.adaptive) else { continue };
            let backends = members.iter().map(|member| live.backend(&member.backend.key));
            let known = before.iter().position(|pool| pool.name == settings.name);
            let gradient = match known {
                Some(at) => before.swap_remove(at).gradient,
                None => Gradient::new(&terms, now.into_std()),
            };
            let mut pool = Pool {
                name: settings.name.clone(),
                terms,
                gradient,
                pressure: live.pressure(&settings.name),
                backends: backends.collect(),
                counted: Counted::default(),
            };
            pool.counted = pool.count();
            self.pools.push(pool);
        }
    }

    /// Looks at what was seen since the last call.
    pub(super) fn tick(&mut self, now: Instant) {
        for pool in &mut self.pools {
            pool.tick(now, self.random.f64());
        }
    }
}

impl Pool {
    fn tick(&mut self, now: Instant, chance: f64) {
        let counted = self.count();
        let before = std::mem::replace(&mut self.counted, counted);
        let seen = Seen {
            answered: counted.answered.wrapping_sub(before.answered),
            latency_us: counted.latency_us.wrapping_sub(before.latency_us),
            under_way: self.pressure.under_way(),
            refused: counted.refused.wrapping_sub(before.refused),
        };
        self.gradient.see(&self.terms, seen, now.into_std(), chance);
        self.pressure.set_limit(self.gradient.limit());
    }

    fn count(&self) -> Counted {
        let mut counted = Counted { refused: self.pressure.refused(), ..Counted::default() };
        for worker in self.backends.iter().flat_map(|backend| backend.workers()) {
            let answered = worker.latency.counts().fold(0, u64::wrapping_add);
            counted.answered = counted.answered.wrapping_add(answered);
            counted.latency_us = counted.latency_us.wrapping_add(worker.latency.sum_us());
        }
        counted
    }
}
