//! What becomes of a backend, told change by change.

use insta::assert_snapshot;

use super::*;
use crate::health::{Cause, HISTORY, Verdict};
use crate::model::{Health, ProbeKind};

const PASS: Outcome = Outcome::Pass;

#[test]
fn a_backend_that_is_killed_and_restarted() {
    let mut story = Story::new(&network());
    story.at(10).connect(PASS).at(110).connect(PASS);
    story.at(210).connect(refused()).at(211).connect(refused()).at(310).connect(refused());
    story.at(410).connect(refused()).at(510).connect(PASS).at(610).connect(PASS);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    10 ms: unknown -> up (network, -)
    310 ms: up -> down (network, refused)
    610 ms: down -> up (network, refused)
    ");
}

#[test]
fn one_that_was_never_there() {
    let mut story = Story::new(&network());
    story.at(10).connect(refused());
    let (health, reason) = story.health.health();
    assert_eq!(health, Health::Unknown);
    assert_eq!(reason.unwrap().failure, Failure::Refused, "shown before there is a verdict");
    story.at(11).connect(refused()).at(110).connect(refused());
    story.at(210).connect(PASS).at(310).connect(PASS);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    110 ms: unknown -> down (network, refused)
    310 ms: down -> up (network, refused)
    ");
}

#[test]
fn every_endpoint_must_answer_and_one_is_enough_to_be_out() {
    let mut story = Story::new(&both(&["/health", "/ready"]));
    story.at(10).connect(PASS).at(20).get(0, PASS).at(900).get(1, PASS);
    for ms in [1_900, 1_901, 2_900] {
        story.at(ms).get(0, PASS).get(1, status("503"));
    }
    story.at(3_900).get(1, PASS).at(4_900).get(1, PASS);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    900 ms: unknown -> up (application, -)
    2900 ms: up -> down (application, status: 503)
    4900 ms: down -> up (application, status: 503)
    ");
}

#[test]
fn the_lowest_cause_is_the_one_shown() {
    let mut story = Story::new(&both(&["/health"]));
    story.at(10).connect(PASS).get(0, PASS);
    for ms in [100, 200, 300] {
        story.at(ms).get(0, status("500"));
    }
    for ms in [400, 500, 600] {
        story.at(ms).connect(refused());
    }
    assert_eq!(story.health.evidence(story.now).cause, Some(Cause::Layer(Layer::Network)));
    assert_eq!(story.health.health().1.unwrap().failure, Failure::Refused);
    story.at(700).connect(PASS).at(800).connect(PASS);
    assert_eq!(story.health.evidence(story.now).cause, Some(Cause::Layer(Layer::Application)));
    assert_eq!(story.health.health().1.unwrap().to_string(), "status: 500");
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    10 ms: unknown -> up (application, -)
    300 ms: up -> down (application, status: 500)
    ");
}

#[test]
fn traffic_ejects_at_once_and_probes_readmit() {
    let mut story = Story::new(&network());
    story.at(10).connect(PASS);
    story.at(50).traffic(4, 0).at(60).traffic(1, 0);
    // Begun before traffic failed last: proves nothing.
    story.at(60).connect(PASS);
    story.at(160).connect(PASS).at(260).connect(refused());
    story.at(360).connect(PASS).at(460).connect(PASS);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    10 ms: unknown -> up (network, -)
    50 ms: up -> down (traffic, traffic: 4 connects failed)
    460 ms: down -> up (traffic, traffic: 1 connect failed)
    ");
}

#[test]
fn traffic_that_gets_through_is_no_witness_against() {
    let mut story = Story::new(&network());
    story.at(10).connect(PASS).at(50).traffic(4, 1).at(60).traffic(0, 0).at(70).traffic(0, 3);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    10 ms: unknown -> up (network, -)
    ");
}

#[test]
fn without_a_network_layer_the_lowest_layer_readmits() {
    let mut story = Story::new(&application(&["/health", "/ready"]));
    story.at(10).get(0, PASS).get(1, PASS).at(50).traffic(1, 0);
    story.at(1_000).get(0, PASS).get(1, PASS).at(2_000).get(0, PASS).at(2_500).get(1, PASS);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    10 ms: unknown -> up (application, -)
    50 ms: up -> down (traffic, traffic: 1 connect failed)
    2500 ms: down -> up (traffic, traffic: 1 connect failed)
    ");
}

#[test]
fn without_any_layer_it_is_always_up() {
    let mut story = Story::new(&HealthChecks::default());
    story.at(10).traffic(100, 0).connect(refused());
    assert_snapshot!(story.text, @"0 ms: up");
}

#[test]
fn the_last_results_are_kept_with_the_void_ones() {
    let mut story = Story::new(&network());
    for ms in 0..HISTORY as u64 {
        story.at(ms).connect(PASS);
    }
    story.at(100).connect(void()).at(101).connect(refused());
    let evidence = story.health.evidence(story.now);
    let check = &evidence.layers[0].checks[0];
    assert_eq!(check.question, &ProbeKind::Connect);
    assert_eq!((check.verdict, check.passes, check.fails), (Verdict::Up, 0, 1));
    assert_eq!(check.since, story.zero);
    assert_eq!(check.results.len(), HISTORY);
    assert_eq!(check.results[0].at, story.zero + Duration::from_millis(2));
    let last: Vec<&Outcome> = check.results.range(HISTORY - 2..).map(|one| &one.outcome).collect();
    assert_eq!(last, [&void(), &refused()]);
    assert_eq!(evidence.reason, None, "one failure is no reason while it is up");
}
