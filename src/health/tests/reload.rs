//! What a reload keeps, adds and removes.

use insta::assert_snapshot;

use super::*;
use crate::health::Verdict;
use crate::model::Health;

const PASS: Outcome = Outcome::Pass;

fn up(checks: &HealthChecks) -> Story {
    let mut story = Story::new(checks);
    story.at(1).connect(PASS).get(0, PASS).get(1, PASS);
    assert_eq!(story.health.health().0, Health::Up);
    story
}

#[test]
fn an_added_check_is_presumed_up_until_it_has_failed_in_a_row() {
    let mut story = up(&network());
    story.at(100).reload(&both(&["/health"]));
    assert_eq!(story.health.evidence(story.now).layers[1].verdict, Verdict::Presumed);
    story.at(200).get(0, status("500")).at(300).get(0, status("500")).at(400).get(0, status("500"));
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    1 ms: unknown -> up (network, -)
    400 ms: up -> down (application, status: 500)
    ");
}

#[test]
fn an_added_check_must_pass_if_the_backend_is_not_up() {
    let mut story = Story::new(&network());
    story.at(10).reload(&both(&["/health"])).at(20).connect(PASS).at(30).get(0, PASS);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    30 ms: unknown -> up (application, -)
    ");
}

#[test]
fn counts_survive_new_thresholds() {
    let mut story = up(&network());
    story.at(100).connect(refused()).at(200).connect(refused());
    let mut stricter = network();
    stricter.network.as_mut().unwrap().cadence.fall = 1;
    story.at(250).reload(&stricter);
    assert_eq!(story.health.health().0, Health::Up, "a reload alone takes nobody out");
    story.at(300).connect(refused());
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    1 ms: unknown -> up (network, -)
    300 ms: up -> down (network, refused)
    ");
}

#[test]
fn a_check_that_moves_in_the_file_keeps_its_state() {
    let mut story = up(&both(&["/health", "/ready"]));
    for ms in [100, 200, 300] {
        story.at(ms).get(1, status("503"));
    }
    story.at(400).reload(&both(&["/ready", "/health"]));
    let layer = story.health.evidence(story.now).layers.swap_remove(1);
    let told = layer.checks.iter().map(|check| (check.question.to_string(), check.verdict));
    let expected = [("GET /ready", Verdict::Down), ("GET /health", Verdict::Up)];
    assert!(told.eq(expected.map(|(name, verdict)| (name.to_owned(), verdict))));
    assert_eq!(layer.checks[0].results.len(), 4);
    assert_eq!(story.health.health().0, Health::Down);
}

#[test]
fn a_check_that_is_gone_no_longer_counts() {
    let mut story = up(&both(&["/health"]));
    for ms in [100, 200, 300] {
        story.at(ms).get(0, status("503"));
    }
    story.at(400).reload(&network());
    // On its way when the check was removed.
    story.at(401).get(0, status("503"));
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    1 ms: unknown -> up (application, -)
    300 ms: up -> down (application, status: 503)
    400 ms: down -> up (application, status: 503)
    ");
}

#[test]
fn an_ejection_outlives_a_reload_unless_nothing_could_end_it() {
    let mut story = up(&network());
    story.at(100).traffic(2, 0).at(200).connect(PASS).at(250).reload(&application(&["/health"]));
    story.at(300).get(0, PASS).at(1_300).get(0, PASS);
    story.at(1_400).traffic(2, 0).at(1_500).reload(&HealthChecks::default());
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    1 ms: unknown -> up (network, -)
    100 ms: up -> down (traffic, traffic: 2 connects failed)
    1300 ms: down -> up (traffic, traffic: 2 connects failed)
    1400 ms: up -> down (traffic, traffic: 2 connects failed)
    1500 ms: down -> up (traffic, traffic: 2 connects failed)
    ");
}

#[test]
fn a_new_address_keeps_an_up_backend_on_trial_and_a_down_one_waits_for_proof() {
    let mut story = up(&network());
    assert_eq!(story.health.moved(story.now), None);
    assert_eq!(story.health.evidence(story.now).layers[0].verdict, Verdict::Presumed);
    story.at(10).traffic(1, 0);
    let change = story.health.moved(story.now);
    story.tell(change).at(20).connect(PASS);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    1 ms: unknown -> up (network, -)
    10 ms: up -> down (traffic, traffic: 1 connect failed)
    10 ms: down -> unknown (network, -)
    20 ms: unknown -> up (network, -)
    ");
}
