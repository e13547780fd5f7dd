//! Silences: what φ adds to counting, and what it must never do.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::config::Phi;
use crate::health::Detector;
use crate::model::Health;

const PASS: Outcome = Outcome::Pass;
const PHI: Phi = Phi { suspect: 8.0, failed: 16.0, window: 200, jitter: 0.3 };
const INTERVAL_MS: u64 = 100;
const FALL: u64 = 3;

fn learning() -> HealthChecks {
    HealthChecks { phi: Some(PHI), ..network() }
}

impl Story {
    /// Looks when the backend asked to be looked at, if that is before `ms`.
    fn silent_until(&mut self, ms: u64) -> &mut Self {
        while let Some(due) =
            self.health.due().filter(|due| *due < self.zero + Duration::from_millis(ms))
        {
            self.now = due;
            let change = self.health.elapse(due);
            self.tell(change);
        }
        self
    }

    fn by(&self) -> Option<Detector> {
        self.health.evidence(self.now).layers[0].checks[0].decided_by
    }

    /// Passes at an even pace, the last one at `ms`.
    fn steady_until(&mut self, ms: u64) -> &mut Self {
        for at in (0..=ms).step_by(INTERVAL_MS as usize) {
            self.at(at).connect(PASS);
        }
        self
    }
}

#[test]
fn two_failures_and_a_silence_against_all_habit_are_a_verdict() {
    let mut story = Story::new(&learning());
    story.steady_until(10_000).at(10_150).connect(refused()).silent_until(10_200);
    story.at(10_200).connect(refused()).silent_until(20_000);
    assert_eq!(story.by(), Some(Detector::Phi));
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    0 ms: unknown -> up (network, -)
    10255 ms: up -> down (network, refused)
    ");
}

#[test]
fn one_failure_is_no_verdict_however_long_the_silence() {
    let mut story = Story::new(&learning());
    story.steady_until(10_000).at(10_900).connect(refused()).silent_until(20_000);
    assert_eq!(story.health.health().0, Health::Up);
    let evidence = story.health.evidence(story.now);
    let check = &evidence.layers[0].checks[0];
    assert!(check.phi.unwrap() > PHI.failed, "{:?}", check.phi);
    assert!(check.suspect);
}

#[test]
fn a_suspicion_is_told_and_changes_nothing() {
    let mut story = Story::new(&learning());
    story.steady_until(10_000);
    let suspect = |ms: u64| {
        let evidence = story.health.evidence(story.zero + Duration::from_millis(ms));
        (evidence.layers[0].checks[0].suspect, evidence.health)
    };
    // The deviation is taken as 30 ms: φ reaches 8 after a silence of about 202 ms.
    assert_eq!([10_195, 10_210].map(suspect), [(false, Health::Up), (true, Health::Up)]);
    assert_eq!(story.health.due(), None, "nothing is awaited of it");
    story.at(10_300).connect(PASS);
    assert!(!story.health.evidence(story.now).layers[0].checks[0].suspect);
}

#[test]
fn before_a_rhythm_is_known_the_bound_holds() {
    let mut story = Story::new(&learning());
    story.steady_until(500).at(600).connect(refused()).at(700).connect(refused());
    story.silent_until(20_000);
    assert_eq!(story.by(), Some(Detector::Bound));
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    0 ms: unknown -> up (network, -)
    800 ms: up -> down (network, refused)
    ");
}

#[test]
fn a_look_that_comes_late_decides_nothing() {
    let mut story = Story::new(&learning());
    story.steady_until(10_000).at(10_100).connect(refused()).at(10_200).connect(refused());
    let late = story.zero + Duration::from_millis(10_400);
    assert_eq!(story.health.elapse(late), None, "who slept may have slept through a pass");
    assert_eq!(story.health.due(), None);
    story.at(10_400).connect(refused());
    assert_eq!(story.by(), Some(Detector::Fall));
}

#[test]
fn a_prober_that_was_late_is_no_silence() {
    let mut story = Story::new(&learning());
    story.steady_until(10_000).at(10_800).connect(void());
    story.at(10_850).connect(refused()).at(10_900).connect(refused()).silent_until(20_000);
    assert_eq!(story.health.health().0, Health::Up);
}

#[test]
fn an_outage_is_not_learnt() {
    let mut story = Story::new(&learning());
    story.steady_until(10_000);
    for ms in [10_100, 10_200, 10_300] {
        story.at(ms).connect(refused());
    }
    let back = 60_000;
    for n in 0..3 {
        story.at(back + n * INTERVAL_MS).connect(PASS);
    }
    story.at(back + 300).connect(refused()).at(back + 400).connect(refused());
    story.silent_until(100_000);
    assert_eq!(story.by(), Some(Detector::Phi), "{}", story.text);
}

#[test]
fn another_pace_is_learnt_anew() {
    let mut story = Story::new(&learning());
    story.steady_until(10_000);
    let mut slower = learning();
    slower.network.as_mut().unwrap().cadence.interval = Duration::from_secs(1);
    story.at(10_050).reload(&slower);
    story.at(11_000).connect(refused()).at(11_050).connect(refused()).silent_until(20_000);
    assert_eq!(story.health.health().0, Health::Up);
}

/// Series of every kind, as the results of probes sent each interval: bursts of losses, slow
/// answers that drift, single losses.
fn results() -> impl Strategy<Value = Vec<(bool, u64)>> {
    let steady = (Just(true), 0..10u64);
    let lost = (Just(false), 0..50u64);
    let slow = (Just(true), 0..90u64);
    let burst = proptest::collection::vec(prop_oneof![Just(false), Just(true)], 1..6)
        .prop_map(|losses| losses.into_iter().map(|lost| (!lost, 40)).collect::<Vec<_>>());
    let one = prop_oneof![8 => steady, 1 => lost, 2 => slow].prop_map(|one| vec![one]);
    let part = prop_oneof![10 => one, 1 => burst];
    proptest::collection::vec(part, 20..150).prop_map(|parts| parts.concat())
}

proptest! {
    /// From the last pass of a series of any kind, when nothing passes any more and each failure
    /// is seen at once: down within `fall` × interval.
    #[test]
    fn a_silence_is_a_verdict_within_fall_times_interval(results in results()) {
        let mut story = Story::new(&learning());
        let mut at = 0;
        for (n, (passed, latency)) in results.iter().enumerate() {
            at = n as u64 * INTERVAL_MS;
            story.silent_until(at + latency);
            story.at(at + latency).connect(if *passed { PASS } else { refused() });
        }
        // However it ended, it is up once more.
        for _ in 0..2 {
            at += INTERVAL_MS;
            story.silent_until(at);
            story.at(at).connect(PASS);
        }
        prop_assert_eq!(story.health.health().0, Health::Up);
        for n in 1..FALL {
            story.silent_until(at + n * INTERVAL_MS);
            story.at(at + n * INTERVAL_MS).connect(refused());
        }
        story.silent_until(at + FALL * INTERVAL_MS + 1);
        prop_assert_eq!(story.health.health().0, Health::Down);
    }
}
