//! Properties of every sequence of results, thresholds and reloads.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::Health;

/// Both layers with two endpoints: checks 0, 1 and 2 in [`Fact::Probe`].
const CHECKS: [(Layer, usize); 3] =
    [(Layer::Network, 0), (Layer::Application, 0), (Layer::Application, 1)];

#[derive(Clone, Debug)]
enum Fact {
    /// A check's pass (`Some(true)`), failure or void result.
    Probe(usize, Option<bool>),
    Traffic {
        failures: u64,
        connects: u64,
    },
}

fn result() -> impl Strategy<Value = Option<bool>> {
    prop_oneof![4 => Just(Some(true)), 4 => Just(Some(false)), 1 => Just(None)]
}

fn fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        9 => (0..CHECKS.len(), result()).prop_map(|(check, result)| Fact::Probe(check, result)),
        1 => (0..3u64, 0..3u64).prop_map(|(failures, connects)| Fact::Traffic { failures, connects }),
    ]
}

fn checks() -> impl Strategy<Value = HealthChecks> {
    let paths = prop_oneof![
        Just(vec!["/a"]),
        Just(vec!["/a", "/b"]),
        Just(vec!["/b", "/a"]),
        Just(vec!["/c", "/d"])
    ];
    (any::<bool>(), prop::option::of(paths), 1..5u32, 1..5u32).prop_map(
        |(network, paths, fall, rise)| {
            let mut checks = both(&paths.clone().unwrap_or_default());
            for cadence in [
                checks.network.as_mut().map(|check| &mut check.cadence),
                checks.application.as_mut().map(|check| &mut check.cadence),
            ]
            .into_iter()
            .flatten()
            {
                (cadence.fall, cadence.rise) = (fall, rise);
            }
            checks.network.take_if(|_| !network);
            checks.application.take_if(|_| paths.is_none());
            checks
        },
    )
}

fn outcome(result: Option<bool>) -> Outcome {
    match result {
        Some(true) => Outcome::Pass,
        Some(false) => refused(),
        None => void(),
    }
}

fn tell(health: &mut BackendHealth, fact: &Fact, now: Instant) -> Option<Change> {
    match *fact {
        Fact::Probe(check, result) => {
            let (layer, check) = CHECKS[check];
            health.observe(&seen(layer, check, outcome(result), now))
        }
        Fact::Traffic { failures, connects } => {
            let sample = Traffic { connect_failures: failures, connects, ..Traffic::none(key()) };
            health.traffic(&sample, now)
        }
    }
}

/// Feeds facts 10 ms apart, beginning at `from`; returns the changes.
fn feed(health: &mut BackendHealth, facts: &[Fact], from: Instant) -> Vec<Change> {
    let times = (1..).map(|n| from + Duration::from_millis(10) * n);
    facts.iter().zip(times).filter_map(|(fact, now)| tell(health, fact, now)).collect()
}

/// The network layer alone with these thresholds.
fn thresholds(fall: u32, rise: u32) -> HealthChecks {
    let mut checks = network();
    checks.network.as_mut().unwrap().cadence = cadence(Duration::from_millis(100), fall, rise);
    checks
}

proptest! {
    #[test]
    fn a_verdict_changes_exactly_when_results_in_a_row_say_so(
        results in vec(result(), 0..200), fall in 1..6u32, rise in 1..6u32,
    ) {
        let now = start();
        let mut health = BackendHealth::new(&thresholds(fall, rise), now);
        let mut counted = Vec::new();
        let mut expected = Health::Unknown;
        for result in results {
            tell(&mut health, &Fact::Probe(0, result), now);
            counted.extend(result);
            let run = |of| counted.iter().rev().take_while(|one| **one == of).count() as u32;
            expected = match expected {
                _ if run(false) >= fall => Health::Down,
                Health::Unknown if run(true) >= 1 => Health::Up,
                Health::Down if run(true) >= rise => Health::Up,
                same => same,
            };
            prop_assert_eq!(health.health().0, expected);
        }
    }

    #[test]
    fn void_results_change_nothing(facts in vec(fact(), 0..100)) {
        let now = start();
        let without: Vec<Fact> = facts
            .iter()
            .filter(|fact| !matches!(fact, Fact::Probe(_, None)))
            .cloned()
            .collect();
        let changes = |facts: &[Fact]| {
            let mut health = BackendHealth::new(&both(&["/a", "/b"]), now);
            facts.iter().filter_map(|fact| tell(&mut health, fact, now)).collect::<Vec<_>>()
        };
        prop_assert_eq!(changes(&facts), changes(&without));
    }

    #[test]
    fn a_flapping_backend_changes_at_most_once_per_fall_and_rise(
        results in vec(result(), 0..300), fall in 1..6u32, rise in 1..6u32,
    ) {
        let now = start();
        let mut health = BackendHealth::new(&thresholds(fall, rise), now);
        let facts: Vec<Fact> = results.iter().map(|result| Fact::Probe(0, *result)).collect();
        let changes = feed(&mut health, &facts, now).len();
        let rounds = facts.len().div_ceil((fall + rise) as usize);
        prop_assert!(changes <= 2 * rounds + 1, "{changes} changes in {} results", facts.len());
        prop_assert_eq!(health.evidence(now).flips as usize, changes.saturating_sub(1));
    }

    #[test]
    fn a_reload_of_the_same_checks_changes_nothing(
        checks in checks(), before in vec(fact(), 0..60), after in vec(fact(), 0..60),
    ) {
        let now = start();
        let later = now + Duration::from_secs(60);
        let mut kept = BackendHealth::new(&checks, now);
        feed(&mut kept, &before, now);
        let mut reloaded = kept.clone();
        prop_assert_eq!(reloaded.reconfigure(&checks, later), None);
        prop_assert_eq!(reloaded.evidence(later), kept.evidence(later));
        prop_assert_eq!(feed(&mut reloaded, &after, later), feed(&mut kept, &after, later));
        prop_assert_eq!(reloaded.evidence(later), kept.evidence(later));
    }

    #[test]
    fn a_reload_never_takes_an_up_backend_out(
        old in checks(), facts in vec(fact(), 0..60), new in checks(),
    ) {
        let now = start();
        let mut health = BackendHealth::new(&old, now);
        feed(&mut health, &facts, now);
        let was_up = health.health().0 == Health::Up;
        let change = health.reconfigure(&new, now + Duration::from_secs(60));
        prop_assert!(!was_up || change.is_none(), "{change:?}");
    }

    #[test]
    fn whatever_happened_a_backend_that_is_well_comes_back(
        checks in checks(), facts in vec(fact(), 0..60),
    ) {
        let now = start();
        let mut health = BackendHealth::new(&checks, now);
        feed(&mut health, &facts, now);
        let well: Vec<Fact> =
            (0..5).flat_map(|_| (0..3).map(|check| Fact::Probe(check, Some(true)))).collect();
        feed(&mut health, &well, now + Duration::from_secs(60));
        prop_assert_eq!(health.health(), (Health::Up, None));
    }

    #[test]
    fn changes_follow_each_other_and_a_reason_is_given(facts in vec(fact(), 0..200)) {
        let now = start();
        let mut health = BackendHealth::new(&both(&["/a", "/b"]), now);
        let mut before = Health::Unknown;
        for change in feed(&mut health, &facts, now) {
            prop_assert_eq!(change.from, before);
            prop_assert_ne!(change.to, before);
            if change.to == Health::Down {
                prop_assert!(change.reason.is_some() && change.cause.is_some());
            }
            before = change.to;
        }
        prop_assert_eq!(health.health().0, before);
        prop_assert_eq!(before == Health::Up, health.evidence(now).cause.is_none());
    }
}
