//! What a restart keeps, and for how long it is believed.

use insta::assert_snapshot;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::config::TrafficCheck;
use crate::health::{HISTORY, Kept, Verdict};
use crate::model::Health;

const PASS: Outcome = Outcome::Pass;

impl Story {
    /// Another process goes on with what this one leaves, `ms` after the beginning.
    fn restart(&mut self, checks: &HealthChecks, ms: u64) -> &mut Self {
        let kept = self.health.keep();
        self.at(ms).begin_with(checks, &kept)
    }

    fn begin_with(&mut self, checks: &HealthChecks, kept: &Kept) -> &mut Self {
        self.health = BackendHealth::new(checks, self.now);
        self.text.push_str("restart\n");
        let change = self.health.resume(kept, self.now);
        self.tell(change)
    }

    /// Looks whenever the backend asked to be looked at, and says when that was last.
    fn silent(&mut self) -> &mut Self {
        while let Some(due) = self.health.due() {
            self.now = self.now.max(due);
            let change = self.health.elapse(self.now);
            self.tell(change);
        }
        self
    }
}

#[test]
fn who_was_up_is_up_until_fall_intervals_have_passed_without_a_result() {
    let mut story = Story::new(&network());
    story.at(10).connect(PASS).at(110).connect(PASS).restart(&network(), 250);
    assert_eq!(story.health.since(), story.zero + Duration::from_millis(10));
    story.silent();
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    10 ms: unknown -> up (network, -)
    restart
    250 ms: unknown -> up (network, -)
    410 ms: up -> unknown (network, -)
    ");
}

#[test]
fn a_result_of_ones_own_takes_the_place_of_what_is_believed() {
    let mut story = Story::new(&network());
    story.at(10).connect(PASS).restart(&network(), 250).at(260).connect(void());
    assert!(story.health.due().is_some(), "a void result is none");
    story.at(270).connect(PASS).silent();
    assert_eq!(story.health.health().0, Health::Up);
}

#[test]
fn who_was_down_must_rise_again() {
    let mut story = Story::new(&network());
    for ms in [100, 200, 300] {
        story.at(ms).connect(refused());
    }
    story.restart(&network(), 400).at(410).connect(PASS).at(510).connect(PASS);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    300 ms: unknown -> down (network, refused)
    restart
    400 ms: unknown -> down (network, refused)
    510 ms: down -> up (network, refused)
    ");
}

#[test]
fn what_is_too_old_is_shown_and_not_believed() {
    let mut story = Story::new(&network());
    story.at(10).connect(PASS).at(110).connect(refused()).restart(&network(), 410);
    assert_eq!(story.health.health(), (Health::Unknown, None));
    let evidence = story.health.evidence(story.now);
    assert_eq!(
        (evidence.layers[0].verdict, evidence.layers[0].checks[0].results.len()),
        (Verdict::Unknown, 2)
    );
    assert_eq!(story.health.due(), None);
}

#[test]
fn a_question_that_is_not_asked_any_more_is_not_answered_by_what_is_kept() {
    let mut story = Story::new(&application(&["/a", "/b"]));
    story.at(10).get(0, PASS).get(1, PASS).at(500).get(0, status("503"));
    story.restart(&application(&["/b", "/c"]), 900);
    let evidence = story.health.evidence(story.now);
    let told = evidence.layers[0].checks.iter().map(|check| (check.verdict, check.results.len()));
    assert!(told.eq([(Verdict::Up, 1), (Verdict::Unknown, 0)]));
    assert_eq!(story.health.health().0, Health::Unknown);
}

#[test]
fn an_ejection_for_bad_answers_ends_by_trial_after_a_restart_too() {
    let checks = HealthChecks { traffic: Some(TrafficCheck::DEFAULT), ..network() };
    let mut story = Story::new(&checks);
    story.at(10).connect(PASS);
    let bad = Traffic { requests: 100, answered: 100, server_errors: 100, ..Traffic::none(key()) };
    story.health.traffic(&bad, story.now);
    let change = story.health.eject(story.now);
    story.tell(change).restart(&checks, 200).at(210).connect(PASS).silent();
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    10 ms: unknown -> up (network, -)
    10 ms: up -> down (traffic, traffic: 100 of 100 tries failed within 10s)
    restart
    200 ms: unknown -> down (traffic, traffic: 100 of 100 tries failed within 10s)
    10010 ms: down -> degraded (traffic, traffic: 100 of 100 tries failed within 10s)
    ");
    assert_eq!(story.health.evidence(story.now).ejections, 1);
}

#[test]
fn who_could_not_be_connected_to_proves_it_anew() {
    let mut story = Story::new(&network());
    story.at(10).connect(PASS).at(50).traffic(3, 0).at(110).connect(PASS);
    story.restart(&network(), 150).at(210).connect(PASS).at(310).connect(PASS);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    10 ms: unknown -> up (network, -)
    50 ms: up -> down (traffic, traffic: 3 connects failed)
    restart
    150 ms: unknown -> down (traffic, traffic: 3 connects failed)
    310 ms: down -> up (traffic, traffic: 3 connects failed)
    ");
}

/// The results of both endpoints and of connecting.
fn results() -> impl Strategy<Value = Vec<(usize, Option<bool>)>> {
    vec(
        (0..3usize, prop_oneof![4 => Just(Some(true)), 4 => Just(Some(false)), 1 => Just(None)]),
        0..60,
    )
}

/// Both layers once a second: what is seen 10 ms apart is young for all of a case.
fn slow() -> HealthChecks {
    let mut checks = both(&["/a", "/b"]);
    checks.network.as_mut().unwrap().cadence = cadence(Duration::from_secs(1), 3, 2);
    checks
}

fn feed(health: &mut BackendHealth, results: &[(usize, Option<bool>)], from: Instant) -> Instant {
    let mut now = from;
    for (check, result) in results {
        now += Duration::from_millis(10);
        let outcome = match result {
            Some(true) => PASS,
            Some(false) => refused(),
            None => void(),
        };
        let layer = if *check == 0 { Layer::Network } else { Layer::Application };
        health.observe(&seen(layer, check.saturating_sub(1), outcome, now));
    }
    now
}

/// Everything a restart should not change.
fn shown(health: &BackendHealth, now: Instant) -> String {
    let evidence = health.evidence(now);
    let mut text = format!("{:?} {:?} {:?}", evidence.health, evidence.cause, evidence.since);
    for layer in &evidence.layers {
        write!(text, " {:?} {:?}", layer.verdict, layer.since).unwrap();
        for it in &layer.checks {
            write!(text, " {:?} {:?} {} {}", it.verdict, it.since, it.passes, it.fails).unwrap();
            assert!(it.results.len() <= HISTORY);
            write!(text, " {:?} {:?}", it.results, it.decided_by).unwrap();
        }
    }
    text
}

proptest! {
    #[test]
    fn a_restart_in_the_middle_of_young_results_changes_nothing(
        before in results(), after in results(),
    ) {
        let zero = start();
        let mut stays = BackendHealth::new(&slow(), zero);
        let now = feed(&mut stays, &before, zero);
        let mut next = BackendHealth::new(&slow(), now);
        next.resume(&stays.keep(), now);
        // Nothing is believed of a check that has only void results, or none.
        prop_assert_eq!(next.evidence(now).flips, stays.evidence(now).flips);
        let judged = |check| before.iter().any(|(of, result)| *of == check && result.is_some());
        if (0..3).all(judged) {
            prop_assert_eq!(shown(&next, now), shown(&stays, now));
            let end = feed(&mut next, &after, now);
            feed(&mut stays, &after, now);
            prop_assert_eq!(shown(&next, end), shown(&stays, end));
        }
    }

    #[test]
    fn nothing_is_believed_for_longer_than_fall_intervals(
        before in results(), gap_ms in 0..5_000u64,
    ) {
        let zero = start();
        let mut health = BackendHealth::new(&slow(), zero);
        let ended = feed(&mut health, &before, zero);
        let begun = ended + Duration::from_millis(gap_ms);
        let mut next = BackendHealth::new(&slow(), begun);
        next.resume(&health.keep(), begun);
        let bound = ended + 3 * Duration::from_secs(1);
        while let Some(due) = next.due() {
            prop_assert!(due > begun && due <= bound, "believed until {:?}", due - begun);
            next.elapse(due);
        }
        prop_assert_eq!(next.health().0, Health::Unknown);
    }
}
