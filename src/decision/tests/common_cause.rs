//! A business failure in one zone moves traffic; the same one in every zone does not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixture::{backend, config, key, pass, pool, region, zone};
use crate::config::{BusinessAsk, BusinessCheck, Cadence, OwnHealth, Pool};
use crate::decision::{Change, Input, State};
use crate::model::{Failure, Layer, Observation, Outcome, Reason};

const BACKENDS: [&str; 4] = ["a1", "a2", "b1", "b2"];
const INTERVAL_MS: u64 = 5_000;

fn two_zones() -> Pool {
    let zones = vec![
        zone("a", None, vec![backend("a1", 1), backend("a2", 2)]),
        zone("b", None, vec![backend("b1", 3), backend("b2", 4)]),
    ];
    let (interval, timeout) = (Duration::from_millis(INTERVAL_MS), Duration::from_secs(2));
    let mut pool = pool("site", vec![region("r", None, zones)]);
    pool.health.business = Some(BusinessCheck {
        cadence: Cadence { interval, timeout, fall: 2, rise: 2, jitter: 0.1 },
        ask: BusinessAsk::Transaction {
            host: None,
            tls: None,
            values: Vec::new(),
            steps: Vec::new(),
        },
        floor: 0.1,
    });
    pool
}

fn business(name: &str, at: Instant, failure: Option<Failure>) -> Observation {
    let outcome = match failure {
        Some(failure) => Outcome::Fail(Reason { failure, detail: "".into() }),
        None => Outcome::Pass,
    };
    Observation { layer: Layer::Business, outcome, ..pass("site", name, at) }
}

/// Drives a state for two minutes of virtual time, each backend's transactions in a phase of its
/// own; `fails` says how one fails at a second. Returns what was told of shares and alerts.
fn drive(fails: impl Fn(&str, u64) -> Option<Failure>) -> Vec<String> {
    drive_pool(two_zones(), fails)
}

fn drive_pool(pool: Pool, fails: impl Fn(&str, u64) -> Option<Failure>) -> Vec<String> {
    let zero = tokio::time::Instant::now().into_std();
    let mut state = State::new(config(vec![pool]).into(), zero);
    state.step(BACKENDS.map(|name| Input::Observed(pass("site", name, zero))), zero);
    let mut told = Vec::new();
    for ms in (100..120_000u64).step_by(100) {
        let now = zero + Duration::from_millis(ms);
        let seen = BACKENDS.iter().zip(1..).filter_map(|(name, n)| {
            let asked = ms % INTERVAL_MS == n * 1_100;
            asked.then(|| Input::Observed(business(name, now, fails(name, ms / 1000))))
        });
        let seen: Vec<Input> = seen.collect();
        let step = state.step(seen, now);
        for change in step.changes {
            if let Change::CommonCause(pool, shown) = change {
                let shown = shown.map_or("over", |(_, failure)| failure.name());
                told.push(format!("{} s: {pool} everywhere: {shown}", ms / 1000));
            }
        }
        if let Some(plan) = step.plan {
            let zones = plan.pools[0].zones.iter();
            let shares: Vec<String> =
                zones.map(|zone| format!("{} {:.0} %", zone.zone, zone.share * 100.0)).collect();
            told.push(format!("{} s: {}", ms / 1000, shares.join(", ")));
        }
    }
    told
}

#[test]
fn a_zone_that_fails_alone_loses_its_share() {
    let told = drive(|name, s| {
        (name.starts_with('b') && (30..60).contains(&s)).then_some(Failure::Content)
    });
    insta::assert_snapshot!(told.join("\n"), @r"
    0 s: a 50 %, b 50 %
    38 s: a 65 %, b 35 %
    39 s: a 100 %, b 0 %
    68 s: a 100 %, b 0 %
    69 s: a 100 %, b 0 %
    99 s: a 100 %, b 0 %
    ");
}

#[test]
fn a_shared_dependency_is_one_alert_and_no_failover() {
    let told = drive(|_, s| (30..60).contains(&s).then_some(Failure::Content));
    insta::assert_snapshot!(told.join("\n"), @r"
    0 s: a 50 %, b 50 %
    36 s: site everywhere: content
    74 s: site everywhere: over
    ");
}

#[test]
fn backends_that_are_asked_of_their_own_have_a_common_cause_too() {
    let mut pool = two_zones();
    let checks = pool.health.clone();
    pool.health.business = None;
    let zones = pool.regions.iter_mut().flat_map(|region| &mut region.zones);
    for backend in zones.flat_map(|zone| &mut zone.backends) {
        let own = OwnHealth { place: None, host: None, checks: checks.clone() };
        backend.own_health = Some(Arc::new(own));
    }
    let told = drive_pool(pool, |_, s| (30..60).contains(&s).then_some(Failure::Content));
    insta::assert_snapshot!(told.join("\n"), @r"
    0 s: a 50 %, b 50 %
    36 s: site everywhere: content
    74 s: site everywhere: over
    ");
}

#[test]
fn who_stays_behind_when_a_shared_dependency_is_back_is_judged_alone() {
    let told = drive(|name, s| {
        let end = if name == "b1" { 100 } else { 60 };
        (30..end).contains(&s).then_some(Failure::Timeout)
    });
    insta::assert_snapshot!(told.join("\n"), @r"
    0 s: a 50 %, b 50 %
    36 s: site everywhere: timeout
    74 s: site everywhere: over
    74 s: a 65 %, b 35 %
    108 s: a 50 %, b 50 %
    ");
}

#[test]
fn failures_of_different_kinds_are_no_common_cause() {
    let told = drive(|name, s| {
        let kind = if name.starts_with('a') { Failure::Content } else { Failure::Timeout };
        (s >= 30).then_some(kind)
    });
    insta::assert_snapshot!(told.join("\n"), @r"
    0 s: a 50 %, b 50 %
    36 s: a 35 %, b 65 %
    37 s: a 0 %, b 100 %
    38 s: a 0 %, b 100 %
    39 s: a 0 %, b 100 %
    ");
}

#[test]
fn a_reload_in_the_middle_changes_nothing() {
    let zero = tokio::time::Instant::now().into_std();
    let mut state = State::new(config(vec![two_zones()]).into(), zero);
    state.step(BACKENDS.map(|name| Input::Observed(pass("site", name, zero))), zero);
    let failed = |name, s| {
        Input::Observed(business(name, zero + Duration::from_secs(s), Some(Failure::Content)))
    };
    for s in [1, 2] {
        state.step(BACKENDS.map(|name| failed(name, s)), zero + Duration::from_secs(s));
    }
    state.step([], zero + Duration::from_secs(9));
    assert!(state.common_cause(&"site".into()).is_some());
    let before = state.plan().clone();
    let config = Input::Configured(config(vec![two_zones()]).into());
    state.step([config], zero + Duration::from_secs(10));
    assert_eq!(*state.plan(), before);
    assert!(state.common_cause(&"site".into()).is_some());
    assert_eq!(state.pools().count(), 1);
    assert_eq!(state.common_cause(&key("other", "a").pool), None);
}
