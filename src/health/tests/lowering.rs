//! Layers that lower the weight instead of removing.

use insta::assert_snapshot;

use super::*;
use crate::config::{BusinessAsk, BusinessCheck, ProcessAsk, ProcessCheck};
use crate::model::{AgentReport, AgentState, Health};

const PASS: Outcome = Outcome::Pass;

/// Network and business, the latter with `fall` 2 every 5 s and a floor of 10 %.
pub(super) fn business() -> HealthChecks {
    let ask =
        BusinessAsk::Transaction { host: None, tls: None, values: Vec::new(), steps: Vec::new() };
    let cadence = cadence(Duration::from_secs(5), 2, 2);
    HealthChecks { business: Some(BusinessCheck { cadence, ask, floor: 0.1 }), ..network() }
}

impl Story {
    fn buy(&mut self, outcome: Outcome) -> &mut Self {
        let change = self.health.observe(&seen(Layer::Business, 0, outcome, self.now));
        self.tell(change)
    }

    fn elapse(&mut self) -> &mut Self {
        let change = self.health.elapse(self.now);
        self.tell(change)
    }
}

#[test]
fn a_failing_application_keeps_what_is_configured() {
    let mut checks = both(&["/health"]);
    checks.application.as_mut().unwrap().degrade = Some(0.5);
    let mut story = Story::new(&checks);
    story.at(10).connect(PASS).at(20).get(0, PASS);
    for ms in [1_000, 1_001, 2_000] {
        story.at(ms).get(0, status("503"));
    }
    assert_eq!(story.health.health().0, Health::Degraded(0.5));
    story.at(3_000).get(0, PASS).at(4_000).get(0, PASS);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    10 ms: unknown -> up (network, -)
    2000 ms: up -> degraded (application, status: 503)
    4000 ms: degraded -> up (application, status: 503)
    ");
}

#[test]
fn a_failing_transaction_keeps_the_floor_and_is_not_waited_for() {
    let mut story = Story::new(&business());
    story.at(10).connect(PASS);
    assert_eq!(story.health.health().0, Health::Up);
    story.at(5_000).buy(status("500")).at(5_100).buy(status("500"));
    assert_eq!(story.health.health().0, Health::Degraded(0.1));
    story.at(10_000).buy(PASS).at(15_000).buy(PASS);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    10 ms: unknown -> up (network, -)
    5100 ms: up -> degraded (business, status: 500)
    15000 ms: degraded -> up (business, status: 500)
    ");
}

#[test]
fn among_several_zones_it_counts_once_the_others_were_asked() {
    let mut story = Story::new(&business());
    story.health.watch(true);
    story.at(10).connect(PASS).buy(PASS);
    story.at(5_000).buy(status("500")).at(5_100).buy(status("500"));
    let due = story.zero + Duration::from_millis(10_500);
    assert_eq!(story.health.due(), Some(due), "one interval and its jitter after the first");
    story.at(10_100).buy(status("500")).elapse();
    assert_eq!(story.health.health().0, Health::Up);
    assert!(story.health.business_due(due));
    story.at(10_500).elapse();
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    10 ms: unknown -> up (network, -)
    10500 ms: up -> degraded (business, status: 500)
    ");
}

#[test]
fn an_excuse_holds_until_it_is_taken_back() {
    let mut story = Story::new(&business());
    story.health.watch(true);
    story.at(10).connect(PASS).buy(PASS);
    story.at(5_000).buy(status("500")).at(5_100).buy(status("500"));
    assert_eq!(story.health.excuse(true, story.now), None);
    story.at(10_500).elapse().at(60_000).buy(status("500")).elapse();
    assert_eq!((story.health.health().0, story.health.due()), (Health::Up, None));
    story.at(70_000);
    let change = story.health.excuse(false, story.now);
    story.tell(change);
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    10 ms: unknown -> up (network, -)
    70000 ms: up -> degraded (business, status: 500)
    ");
}

#[test]
fn a_new_failure_waits_again() {
    let mut story = Story::new(&business());
    story.health.watch(true);
    story.at(10).connect(PASS).buy(PASS);
    story.at(5_000).buy(status("500")).at(5_100).buy(status("500")).at(10_500).elapse();
    story.at(15_000).buy(PASS).at(20_000).buy(PASS);
    assert_eq!(story.health.health().0, Health::Up);
    story.at(25_000).buy(status("500")).at(25_100).buy(status("500"));
    assert_eq!(story.health.health().0, Health::Up);
    story.at(30_500).elapse();
    assert_eq!(story.health.health().0, Health::Degraded(0.1));
}

#[test]
fn an_agent_has_a_wish_and_drains_without_being_down() {
    let mut checks = network();
    let ask = ProcessAsk::Agent { port: 9, send: "".into() };
    checks.process = Some(ProcessCheck { cadence: cadence(Duration::from_millis(500), 3, 2), ask });
    let mut story = Story::new(&checks);
    let mut at = 0;
    let mut says = |story: &mut Story, state, weight, reason: &str| {
        at += 500;
        story.at(at).connect(PASS);
        let report = AgentReport { state, weight, reason: reason.into() };
        let seen = Observation { agent: Some(report), ..seen(Layer::Process, 0, PASS, story.now) };
        let change = story.health.observe(&seen);
        story.tell(change);
    };
    says(&mut story, AgentState::Up, None, "");
    says(&mut story, AgentState::Up, Some(0.75), "");
    says(&mut story, AgentState::Drain, None, "deploying");
    assert_eq!(story.health.health().0, Health::Degraded(0.0));
    says(&mut story, AgentState::Up, Some(0.5), "");
    story.at(2_500).reload(&network());
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    500 ms: unknown -> up (process, -)
    1000 ms: up -> degraded (agent, rejected: the agent asks for 75 %)
    1500 ms: degraded -> degraded (agent, rejected: the agent drains: deploying)
    2000 ms: degraded -> degraded (agent, rejected: the agent asks for 50 %)
    2500 ms: degraded -> up (agent, rejected: the agent asks for 50 %)
    ");
}
