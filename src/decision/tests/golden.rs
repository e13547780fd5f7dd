//! Scenarios and the reports they must give, reviewed as text.

use super::fixture::{backend, config, flat, ordered, pool, region, zone};
use crate::config::{Config, ResolvedBackend, expand};
use crate::decision::{Candidate, Inputs, Orders, decide};
use crate::model::{Addresses, Admin, Failure, Health, Plan, Reason};

/// Backends that are not simply up: `(name, health, admin)`.
type Exceptions<'a> = &'a [(&'a str, Health, Admin)];

fn decided(config: &Config, exceptions: Exceptions<'_>, previous: &Plan) -> (Plan, String) {
    let none = Addresses::default();
    let backends: Vec<Vec<ResolvedBackend>> =
        config.pools.iter().map(|pool| expand(pool, &none)).collect();
    let candidate = |backend| candidate(backend, exceptions);
    let pools: Vec<Vec<Candidate<'_>>> =
        backends.iter().map(|pool| pool.iter().map(candidate).collect()).collect();
    let (plan, report) =
        decide(&Inputs { config, pools: &pools, orders: &Orders::default(), previous });
    (plan, report.to_string())
}

fn candidate<'a>(backend: &'a ResolvedBackend, exceptions: Exceptions<'_>) -> Candidate<'a> {
    let found = exceptions.iter().find(|(name, ..)| *name == &*backend.key.name);
    let (_, health, admin) = found.copied().unwrap_or(("", Health::Up, Admin::Ready));
    let reason = Reason { failure: Failure::Timeout, detail: "50 ms".into() };
    let reason = matches!(health, Health::Down).then_some(reason);
    Candidate { backend, health, reason, ordered: ordered(admin) }
}

fn shares(plan: &Plan) -> String {
    let zones = plan.pools.iter().flat_map(|pool| &pool.zones);
    zones.map(|zone| format!("{}={:.3}", zone.zone, zone.share)).collect::<Vec<_>>().join(" ")
}

/// Two regions 70:30, the first with zones 1:1, the second with one.
fn world() -> Config {
    config(vec![pool(
        "api",
        vec![
            region(
                "east",
                Some(70),
                vec![
                    zone("east-a", Some(1), vec![backend("a1", 1), backend("a2", 2)]),
                    zone("east-b", Some(1), vec![backend("b1", 3)]),
                ],
            ),
            region("west", Some(30), vec![zone("west-a", None, vec![backend("w1", 4)])]),
        ],
    )])
}

#[test]
fn all_is_well() {
    let (plan, report) = decided(&world(), &[], &Plan::default());
    assert_eq!(shares(&plan), "east-a=0.350 east-b=0.350 west-a=0.300");
    assert_eq!(
        report,
        "\
pool api
  moves: east/east-a 0.0 % -> 35.0 %
  moves: east/east-b 0.0 % -> 35.0 %
  moves: west/west-a 0.0 % -> 30.0 %
"
    );
    let (again, report) = decided(&world(), &[], &plan);
    assert_eq!(again, plan);
    assert_eq!(report, "pool api\n");
}

#[test]
fn a_zone_is_lost_within_its_region() {
    let (before, _) = decided(&world(), &[], &Plan::default());
    let (plan, report) = decided(&world(), &[("b1", Health::Down, Admin::Ready)], &before);
    assert_eq!(shares(&plan), "east-a=0.700 east-b=0.000 west-a=0.300");
    assert_eq!(
        report,
        "\
pool api
  eligibility: left out b1, because it is down (timeout: 50 ms)
  zones: gave nothing to east/east-b, because nothing in it is eligible
  moves: east/east-a 35.0 % -> 70.0 %
  moves: east/east-b 35.0 % -> 0.0 %
"
    );
}

#[test]
fn a_region_is_lost() {
    let (before, _) = decided(&world(), &[], &Plan::default());
    let (plan, report) = decided(&world(), &[("w1", Health::Up, Admin::Maint)], &before);
    assert_eq!(shares(&plan), "east-a=0.500 east-b=0.500 west-a=0.000");
    assert_eq!(
        report,
        "\
pool api
  eligibility: left out w1, because maintenance was ordered
  regions: gave nothing to west, because nothing in it is eligible
  moves: east/east-a 35.0 % -> 50.0 %
  moves: east/east-b 35.0 % -> 50.0 %
  moves: west/west-a 30.0 % -> 0.0 %
"
    );
}

#[test]
fn a_fresh_start_waits_for_the_first_checks() {
    let site = config(vec![flat("site", vec![backend("a1", 1), backend("a2", 2)])]);
    let unknown = [("a1", Health::Unknown, Admin::Ready), ("a2", Health::Unknown, Admin::Ready)];
    let (plan, report) = decided(&site, &unknown, &Plan::default());
    assert_eq!(shares(&plan), "default=0.000");
    assert_eq!(
        report,
        "\
pool site
  eligibility: left out a1, waits for its first passing check
  eligibility: left out a2, waits for its first passing check
  regions: gave nothing to anybody, waits for an eligible backend in a region and zone with weight
"
    );
}

#[test]
fn a_backup_is_called_in_and_sent_home() {
    let mut backup = backend("spare", 9);
    backup.backup = true;
    let site = config(vec![flat("site", vec![backend("a1", 1), backup])]);
    let (idle, report) = decided(&site, &[], &Plan::default());
    assert_eq!(
        report,
        "\
pool site
  backups: held back 1 backup(s), because others are eligible
  moves: default/default 0.0 % -> 100.0 %
"
    );
    let weights = |plan: &Plan| -> Vec<f64> {
        plan.pools[0].zones[0].backends.iter().map(|backend| backend.effective_weight).collect()
    };
    assert_eq!(weights(&idle), [1.0, 0.0]);

    let (called, report) = decided(&site, &[("a1", Health::Up, Admin::Drain)], &idle);
    assert_eq!(weights(&called), [0.0, 1.0]);
    assert_eq!(
        report,
        "\
pool site
  eligibility: left out a1, because drain was ordered
  backups: called in 1 backup(s), because no other backend is eligible
"
    );
}

#[test]
fn zones_without_weights_share_by_what_is_eligible_in_them() {
    let site = config(vec![pool(
        "site",
        vec![region(
            "r",
            None,
            vec![
                zone("big", None, vec![backend("a", 1), backend("b", 2), backend("c", 3)]),
                zone("small", None, vec![backend("d", 4)]),
            ],
        )],
    )]);
    let (plan, _) = decided(&site, &[], &Plan::default());
    assert_eq!(shares(&plan), "big=0.750 small=0.250");
    let slow = [("a", Health::Degraded(0.5), Admin::Ready), ("b", Health::Down, Admin::Ready)];
    let (plan, report) = decided(&site, &slow, &plan);
    assert_eq!(shares(&plan), "big=0.600 small=0.400");
    assert!(report.contains("eligibility: a counts 50 %, because degraded\n"), "{report}");
}

#[test]
fn an_operators_zero_is_absolute() {
    let mut zero = world();
    zero.pools[0].regions[1].weight = Some(0);
    zero.pools[0].regions[0].zones[0].weight = Some(0);
    let (plan, report) = decided(&zero, &[("b1", Health::Down, Admin::Ready)], &Plan::default());
    assert_eq!(shares(&plan), "east-a=0.000 east-b=0.000 west-a=0.000");
    assert!(report.contains("waits for an eligible backend in a region and zone with weight"));
}
