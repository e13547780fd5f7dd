//! One backend as it truly is.

use std::time::Duration;

use super::latency::Spread;
use crate::config::scenario::{Nature, Verb};
use crate::model::Traffic;

/// Requests beyond its capacity that a backend keeps waiting, in seconds of its capacity.
const QUEUE_S: f64 = 1.0;

/// A backend that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Gone {
    /// Nothing answers a connect.
    Silent,
    /// Connects are refused.
    Refusing,
}

/// How a backend is.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Truth {
    /// As it is while nothing is wrong.
    pub(in crate::sim) nature: Nature,
    killed: Option<Gone>,
    flapping: Option<Flapping>,
    impaired: Option<Impaired>,
    /// The part of its capacity that it has, 0..=1.
    left: f64,
    /// What it depends on fails, and this part of its answers with it.
    pub(super) dependency: Option<f64>,
    /// Requests that wait for an answer beyond what it can do.
    backlog: f64,
    /// The part of the last requests that found the queue full, 0..=1.
    refused: f64,
    spread: Option<Spread>,
}

#[derive(Clone, Copy, Debug)]
struct Flapping {
    since: Duration,
    period: Duration,
    gone: Duration,
}

/// On the way from one latency and error rate to another.
#[derive(Clone, Copy, Debug)]
struct Impaired {
    since: Duration,
    over: Duration,
    latency: (Duration, Duration),
    errors: (f64, f64),
}

impl Impaired {
    /// How far it has come, 0..=1.
    fn progress(&self, at: Duration) -> f64 {
        let gone = at.saturating_sub(self.since);
        if gone >= self.over { 1.0 } else { gone.as_secs_f64() / self.over.as_secs_f64() }
    }

    fn latency(&self, at: Duration) -> Duration {
        let (from, to) = (self.latency.0.as_secs_f64(), self.latency.1.as_secs_f64());
        Duration::from_secs_f64(from + (to - from) * self.progress(at))
    }

    fn errors(&self, at: Duration) -> f64 {
        self.errors.0 + (self.errors.1 - self.errors.0) * self.progress(at)
    }
}

impl Truth {
    pub(super) fn new(nature: Nature) -> Self {
        Self {
            nature,
            killed: None,
            flapping: None,
            impaired: None,
            left: 1.0,
            dependency: None,
            backlog: 0.0,
            refused: 0.0,
            spread: None,
        }
    }

    /// Something happens to it. Orders do not: they are given to the balancer.
    pub(super) fn happen(&mut self, verb: &Verb, at: Duration) {
        match *verb {
            Verb::Kill { silent } => {
                self.killed = Some(if silent { Gone::Silent } else { Gone::Refusing });
            }
            Verb::Return => (self.killed, self.flapping) = (None, None),
            Verb::Flap { period, gone } => {
                self.flapping = Some(Flapping { since: at, period, gone });
            }
            Verb::Impair { latency, errors, over } => {
                let now = (self.own_latency(at), self.own_errors(at));
                let latency = (now.0, latency.unwrap_or(now.0));
                let errors = (now.1, errors.unwrap_or(now.1));
                self.impaired = Some(Impaired { since: at, over, latency, errors });
            }
            Verb::Capacity(left) => self.left = left,
            Verb::Dependency(errors) => self.dependency = Some(errors),
            Verb::Mend => (self.impaired, self.left, self.dependency) = (None, 1.0, None),
            Verb::Order { .. } => {}
        }
    }

    /// Whether it is not there, and how that shows.
    pub(in crate::sim) fn gone(&self, at: Duration) -> Option<Gone> {
        let flapped = self.flapping.is_some_and(|Flapping { since, period, gone }| {
            let within = at.saturating_sub(since).as_nanos() % period.as_nanos().max(1);
            within < gone.as_nanos()
        });
        self.killed.or(flapped.then_some(Gone::Refusing))
    }

    /// The median time to answer now, what waits before included.
    pub(super) fn latency(&self, at: Duration) -> Duration {
        let queued = match self.rps() {
            Some(rps) if rps > 0.0 => (self.backlog / rps).min(QUEUE_S),
            Some(_) => QUEUE_S,
            None => 0.0,
        };
        self.own_latency(at) + Duration::from_secs_f64(queued)
    }

    /// The part of the answers that are errors now.
    pub(super) fn errors(&self, at: Duration) -> f64 {
        let depends = self.dependency.unwrap_or(0.0);
        1.0 - (1.0 - self.faults(at)) * (1.0 - depends)
    }

    /// The part of the answers that are errors of its own, whatever it depends on.
    pub(super) fn faults(&self, at: Duration) -> f64 {
        1.0 - (1.0 - self.own_errors(at)) * (1.0 - self.refused)
    }

    /// What it can answer per second; `None` = any number.
    pub(in crate::sim) fn rps(&self) -> Option<f64> {
        self.nature.rps.map(|rps| rps * self.left)
    }

    fn own_latency(&self, at: Duration) -> Duration {
        self.impaired.map_or(self.nature.latency, |impaired| impaired.latency(at))
    }

    fn own_errors(&self, at: Duration) -> f64 {
        self.impaired.map_or(self.nature.errors, |impaired| impaired.errors(at))
    }

    /// Answers the requests of one tick; it is there. What they show is added to `seen`.
    pub(in crate::sim) fn answer(
        &mut self,
        requests: u64,
        tick: Duration,
        at: Duration,
        seen: &mut Traffic,
        rng: &mut fastrand::Rng,
    ) {
        self.queue(requests, tick);
        if requests == 0 {
            return;
        }
        seen.requests += requests;
        seen.answered += requests;
        seen.connects += 1;
        let errors = self.errors(at);
        if errors > 0.0 {
            seen.server_errors += (0..requests).filter(|_| rng.f64() < errors).count() as u64;
        }
        let median = self.latency(at) + self.nature.round_trip;
        if !self.spread.as_ref().is_some_and(|spread| spread.fits(median)) {
            self.spread = Some(Spread::new(median));
        }
        if let Some(spread) = &self.spread {
            (0..requests).for_each(|_| seen.latency[spread.bucket(rng)] += 1);
        }
    }

    fn queue(&mut self, requests: u64, tick: Duration) {
        let Some(rps) = self.rps() else { return };
        let (arrived, room) = (requests as f64, rps * QUEUE_S);
        self.backlog = (self.backlog + arrived - rps * tick.as_secs_f64()).max(0.0);
        let over = (self.backlog - room).max(0.0);
        self.backlog -= over;
        self.refused = if arrived > 0.0 { (over / arrived).min(1.0) } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BackendKey;

    const MS: Duration = Duration::from_millis(1);

    fn truth(rps: Option<f64>) -> Truth {
        Truth::new(Nature { latency: 20 * MS, round_trip: MS, errors: 0.0, rps })
    }

    #[test]
    fn what_exceeds_capacity_waits_and_then_fails() {
        let (mut truth, mut rng) = (truth(Some(100.0)), fastrand::Rng::with_seed(1));
        let mut tick = |truth: &mut Truth, requests| {
            let mut seen = Traffic::none(BackendKey { pool: "p".into(), name: "b".into() });
            truth.answer(requests, 100 * MS, Duration::ZERO, &mut seen, &mut rng);
            seen.failed()
        };
        assert_eq!(tick(&mut truth, 10), 0);
        assert_eq!(truth.latency(Duration::ZERO), 20 * MS);
        for _ in 0..10 {
            assert_eq!(tick(&mut truth, 20), 0, "there is room in the queue");
        }
        assert_eq!(truth.latency(Duration::ZERO), 1020 * MS);
        let failed = (0..100).map(|_| tick(&mut truth, 20)).sum::<u64>();
        assert!(failed.abs_diff(1000) < 120, "half of 2,000: {failed}");
        for _ in 0..20 {
            tick(&mut truth, 0);
        }
        assert_eq!(truth.latency(Duration::ZERO), 20 * MS);
    }

    #[test]
    fn a_leak_goes_from_where_it_is_to_where_it_shall() {
        let mut truth = truth(None);
        let (latency, errors) = (Some(120 * MS), Some(0.5));
        truth.happen(&Verb::Impair { latency, errors, over: 1000 * MS }, 1000 * MS);
        for (at, latency, errors) in [(1000, 20, 0.0), (1500, 70, 0.25), (2000, 120, 0.5)] {
            assert_eq!(truth.latency(at * MS), latency * MS);
            assert_eq!(truth.errors(at * MS), errors);
        }
        truth.happen(&Verb::Mend, 3000 * MS);
        assert_eq!(truth.latency(3000 * MS), 20 * MS);
    }

    #[test]
    fn flapping_is_gone_and_back_until_it_returns() {
        let mut truth = truth(None);
        truth.happen(&Verb::Flap { period: 10 * MS, gone: 4 * MS }, 100 * MS);
        let gone: Vec<bool> = (100..116).map(|at| truth.gone(at * MS).is_some()).collect();
        let shown: String = gone.iter().map(|gone| if *gone { '-' } else { '+' }).collect();
        assert_eq!(shown, "----++++++----++");
        truth.happen(&Verb::Return, 120 * MS);
        assert_eq!(truth.gone(121 * MS), None);
    }
}
