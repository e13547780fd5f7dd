//! A backend that flaps, whatever its period: how often its verdict may change.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::config::TrafficCheck;
use crate::model::Health;

const MAX_RETURNS: u32 = 5;
const PASS: Outcome = Outcome::Pass;

fn bounded(max_returns: u32) -> HealthChecks {
    HealthChecks {
        max_returns: Some(max_returns),
        traffic: Some(TrafficCheck::DEFAULT),
        ..network()
    }
}

/// The most changes within any minute.
fn per_minute(changes: &[Instant]) -> usize {
    let within = |first: &Instant| {
        let end = *first + Duration::from_secs(60);
        changes.iter().filter(|at| **at >= *first && **at < end).count()
    };
    changes.iter().map(within).max().unwrap_or_default()
}

/// A backend's life: what it is told, and when its verdict changed.
struct Life {
    health: BackendHealth,
    now: Instant,
    changes: Vec<Instant>,
}

impl Life {
    fn new(checks: &HealthChecks) -> Self {
        let now = start();
        Self { health: BackendHealth::new(checks, now), now, changes: Vec::new() }
    }

    fn tick(&mut self, step: Duration) {
        self.now += step;
        if self.health.due().is_some_and(|due| due <= self.now) {
            let change = self.health.elapse(self.now);
            self.note(change);
        }
    }

    fn note(&mut self, change: Option<Change>) {
        self.changes.extend(change.map(|change| change.at));
    }

    fn probe(&mut self, layer: Layer, well: bool) {
        let outcome = if well { PASS } else { refused() };
        let change = self.health.observe(&seen(layer, 0, outcome, self.now));
        self.note(change);
    }
}

#[test]
fn no_period_of_flapping_exceeds_the_bound() {
    let bound = 2 * MAX_RETURNS as usize + 1;
    let mut worst = 0;
    // Well for `up`, then ill for `down` probes of 100 ms, for three minutes.
    for up in (1..30).chain([40, 100, 250]) {
        for down in (1..30).step_by(4).chain([60, 200]) {
            let mut life = Life::new(&bounded(MAX_RETURNS));
            for n in 0..1_800 {
                life.tick(Duration::from_millis(100));
                life.probe(Layer::Network, n % (up + down) < up);
            }
            let most = per_minute(&life.changes);
            assert!(most <= bound, "{most} changes within a minute: {up} up, {down} down");
            worst = worst.max(most);
        }
    }
    assert!(worst >= bound - 1, "the bound is not reached: {worst}, so it says nothing");
}

#[test]
fn who_is_held_back_comes_back_when_the_minute_is_over() {
    let mut life = Life::new(&bounded(1));
    life.probe(Layer::Network, true);
    let first = life.now;
    for well in [false, false, false, true, true, true, true] {
        life.tick(Duration::from_millis(100));
        life.probe(Layer::Network, well);
    }
    assert_eq!(life.health.health().0, Health::Down);
    assert!(life.health.health().1.is_some(), "the reason stays");
    let until = first + Duration::from_secs(60);
    assert_eq!(life.health.evidence(life.now).held_until, Some(until));
    assert_eq!(life.health.due(), Some(until));
    while life.now < until {
        life.tick(Duration::from_millis(10));
    }
    assert_eq!(life.health.health(), (Health::Up, None));
}

#[test]
fn a_backend_presumed_up_serves_before_its_first_pass() {
    let checks = HealthChecks { presumed_up: true, ..network() };
    let mut life = Life::new(&checks);
    assert_eq!(life.health.health().0, Health::Up);
    (0..3).for_each(|_| life.probe(Layer::Network, false));
    assert_eq!(life.health.health().0, Health::Down);
}

/// One of the facts a backend can be told.
#[derive(Clone, Copy, Debug)]
enum Fact {
    Network(bool),
    Application(bool),
    Answers(u64),
    Unreachable,
}

fn fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        4 => any::<bool>().prop_map(Fact::Network),
        4 => any::<bool>().prop_map(Fact::Application),
        2 => (0..30u64).prop_map(Fact::Answers),
        1 => Just(Fact::Unreachable),
    ]
}

proptest! {
    /// Facts of every kind, each told for a while, in bursts and pauses.
    #[test]
    fn no_mixture_of_facts_exceeds_the_bound(
        facts in vec((fact(), 1..8usize, 1..80u32), 1..400), max_returns in 1..8u32,
    ) {
        let mut checks = both(&["/health"]);
        checks.application.as_mut().unwrap().degrade = Some(0.5);
        let HealthChecks { max_returns, traffic, .. } = bounded(max_returns);
        let mut life = Life::new(&HealthChecks { max_returns, traffic, ..checks });
        for (fact, times, pause) in facts {
            for _ in 0..times {
                (0..pause).for_each(|_| life.tick(Duration::from_millis(10)));
                match fact {
                    Fact::Network(well) => life.probe(Layer::Network, well),
                    Fact::Application(well) => life.probe(Layer::Application, well),
                    Fact::Answers(failed) => {
                        let (answered, server_errors) = (30, failed);
                        let sample = Traffic { answered, server_errors, ..Traffic::none(key()) };
                        let change = life.health.traffic(&sample, life.now);
                        life.note(change);
                        if life.health.answers_badly(life.now) {
                            let change = life.health.eject(life.now);
                            life.note(change);
                        }
                    }
                    Fact::Unreachable => {
                        let sample = Traffic { connect_failures: 1, ..Traffic::none(key()) };
                        let change = life.health.traffic(&sample, life.now);
                        life.note(change);
                    }
                }
            }
        }
        let bound = 3 * max_returns.unwrap() as usize + 2;
        let most = per_minute(&life.changes);
        prop_assert!(most <= bound, "{most} changes within a minute, bound {bound}");
    }
}
