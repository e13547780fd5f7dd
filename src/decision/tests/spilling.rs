//! Where traffic goes that a zone cannot take: known figures, capacities, orders.

use std::time::Duration;

use super::fixture::{World, backend, order, pool, region, zone};
use crate::config::{Backend, Capacity, Pool, Thresholds, WhenAllDown, Zone};
use crate::model::{Action, Admin, Health, Scope};

const DOWN: (Health, Admin) = (Health::Down, Admin::Ready);

/// A pool of one region with these zones, in which no zone ever fails.
fn tireless(zones: Vec<Zone>) -> Pool {
    let mut pool = pool("api", vec![region("r", None, zones)]);
    pool.failover.zone = Thresholds { min_health: 0.0, restore_health: 0.0 };
    pool
}

/// A hundred backends, so that a zone's health can be any whole percent.
fn hundred(zone: u8) -> Vec<Backend> {
    (0..100).map(|n| backend(&format!("{zone}-{n}"), n)).collect()
}

/// The zones' shares in whole percent (the largest remainders are rounded up, so that they sum to
/// 100), each zone in its own level of priority and with so many percent of its backends up.
fn by_priority(healthy: &[usize]) -> Vec<u32> {
    let level = |(at, _): (usize, &usize)| Zone {
        priority: at as u32,
        ..zone(&format!("z{at}"), None, hundred(at as u8))
    };
    let mut world = World::new(tireless(healthy.iter().enumerate().map(level).collect()));
    let down = |(at, up): (usize, &usize)| (*up..100).map(move |n| format!("{at}-{n}"));
    let down: Vec<String> = healthy.iter().enumerate().flat_map(down).collect();
    let down: Vec<_> = down.iter().map(|name| (name.as_str(), DOWN)).collect();
    world.decide(&down);
    let shares: Vec<f64> = world.core.plan.zones.iter().map(|zone| zone.share * 100.0).collect();
    let mut percent: Vec<u32> = shares.iter().map(|share| (share + 1e-9) as u32).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|a, b| shares[*b].fract().total_cmp(&shares[*a].fract()).then(a.cmp(b)));
    let missing = 100 - percent.iter().sum::<u32>();
    order.iter().take(missing as usize).for_each(|at| percent[*at] += 1);
    percent
}

#[test]
fn what_the_first_level_cannot_bear_goes_to_the_next() {
    assert_eq!(by_priority(&[72, 100]), [100, 0]);
    assert_eq!(by_priority(&[71, 100]), [99, 1]);
    assert_eq!(by_priority(&[50, 100]), [70, 30]);
    assert_eq!(by_priority(&[25, 100]), [35, 65]);
    assert_eq!(by_priority(&[0, 100]), [0, 100]);
    assert_eq!(by_priority(&[25, 25, 100]), [35, 35, 30]);
    assert_eq!(by_priority(&[25, 25, 20]), [36, 36, 28]);
}

/// Zones that can take so many requests per second, each with one backend named as itself.
fn bounded(zones: &[(&str, u32)]) -> World {
    let zone = |(at, (name, rps)): (usize, &(&str, u32))| Zone {
        capacity: Some(Capacity::Rps(*rps)),
        ..zone(name, Some(1), vec![backend(name, at as u8)])
    };
    World::new(pool("api", vec![region("r", None, zones.iter().enumerate().map(zone).collect())]))
}

#[test]
fn no_zone_gets_more_than_its_capacity_and_the_rest_is_shed() {
    let mut world = bounded(&[("a", 100), ("b", 50), ("c", 100)]);
    world.load(200);
    let report = world.decide(&[]);
    // By weight each gets a third, 66.7 of 200; but b has room for 50 only.
    assert_eq!(world.shares_of(200.0), "a=75 b=50 c=75 shed=0");
    insta::assert_snapshot!(report);
    let report = world.decide(&[("c", DOWN)]);
    assert_eq!(world.shares_of(200.0), "a=100 b=50 c=0 shed=50");
    insta::assert_snapshot!("shed", report);
}

#[test]
fn what_is_left_of_a_region_stays_while_it_is_needed() {
    let zones = |names: [&str; 3]| {
        names.map(|name| Zone {
            capacity: Some(Capacity::Rps(200)),
            ..zone(name, Some(1), vec![backend(name, name.as_bytes()[0])])
        })
    };
    let east = region("east", Some(1), zones(["a", "b", "c"]).into());
    let west = region("west", Some(1), zones(["d", "e", "f"]).into());
    let mut world = World::new(pool("api", vec![east, west]));
    world.load(720);
    let report = world.decide(&[("a", DOWN), ("b", DOWN)]);
    assert!(report.contains("would take east out, waits for room elsewhere"), "{report}");
    assert_eq!(world.shares_of(720.0), "a=0 b=0 c=200 d=173 e=173 f=173 shed=0");
    world.load(500);
    let report = world.decide(&[("a", DOWN), ("b", DOWN)]);
    assert!(report.contains("took east out, because"), "{report}");
    assert_eq!(world.shares_of(300.0), "a=0 b=0 c=0 d=100 e=100 f=100 shed=0");
}

#[test]
fn a_zone_with_fewer_backends_has_less_room() {
    let wide = Zone {
        capacity: Some(Capacity::Concurrent(40)),
        ..zone("a", Some(1), (0..4).map(|n| backend(&format!("a{n}"), n)).collect())
    };
    let narrow = zone("b", Some(1), vec![backend("b0", 9)]);
    let mut world = World::new(pool("api", vec![region("r", None, vec![wide, narrow])]));
    world.in_flight(60);
    world.decide(&[("a0", DOWN)]);
    assert_eq!(world.shares_of(60.0), "a=30 b=30 shed=0", "30 of its 40 are left, and suffice");
    world.decide(&[("a0", DOWN), ("a1", DOWN)]);
    assert_eq!(world.shares_of(60.0), "a=20 b=40 shed=0");
}

#[test]
fn a_pool_may_be_told_to_take_a_part_of_its_traffic() {
    let mut world = World::flat(vec![backend("a", 1)]);
    let half = order(Scope::Pool("site".into()), Action::Traffic(Some(0.5)), world.now);
    world.order(half);
    let report = world.decide(&[]);
    assert_eq!(world.shares_of(100.0), "default=50 shed=50");
    insta::assert_snapshot!(report);
}

#[test]
fn a_failover_by_order_goes_where_it_is_told_to() {
    let zones =
        |names: [&str; 2]| names.map(|n| zone(n, Some(1), vec![backend(n, n.as_bytes()[0])]));
    let regions = vec![
        region("east", Some(1), zones(["a", "b"]).into()),
        region("west", Some(1), zones(["c", "d"]).into()),
        region("south", Some(2), zones(["e", "f"]).into()),
    ];
    let mut world = World::new(pool("api", regions));
    let fail = |scope, to: &str, world: &World| {
        order(scope, Action::Fail { to: Some(to.into()) }, world.now)
    };
    let zone = Scope::Zone { pool: None, region: None, zone: "a".into() };
    world.order(fail(zone.clone(), "b", &world));
    world.decide(&[]);
    assert_eq!(world.shares(), "a=0.000 b=0.250 c=0.125 d=0.125 e=0.250 f=0.250");
    world.order(order(zone, Action::Restore { advance: true }, world.now));
    let region = Scope::Region { pool: Some("api".into()), region: "east".into() };
    world.order(fail(region, "west", &world));
    world.decide(&[]);
    assert_eq!(world.shares(), "a=0.000 b=0.000 c=0.250 d=0.250 e=0.250 f=0.250");
}

#[test]
fn when_all_is_down_the_pool_has_its_choice() {
    let choose = |choice| {
        let mut pool = super::fixture::flat("site", vec![backend("a", 1), backend("b", 2)]);
        pool.failover.when_all_down = choice;
        let mut world = World::new(pool);
        world.decide(&[("b", DOWN)]);
        let report = world.decide(&[("a", DOWN), ("b", DOWN)]);
        (world, report)
    };
    let (refusing, report) = choose(WhenAllDown::Refuse);
    assert_eq!(refusing.shares(), "default=0.000");
    insta::assert_snapshot!("all_down_refused", report);
    let (mut all, report) = choose(WhenAllDown::All);
    assert_eq!((all.shares().as_str(), all.weights()), ("default=1.000", vec![1.0, 1.0]));
    insta::assert_snapshot!("all_down_all_used", report);
    all.decide(&[("a", DOWN), ("b", (Health::Down, Admin::Maint))]);
    assert_eq!(all.weights(), [1.0, 0.0], "what was removed by order stays removed");
    let (mut last, report) = choose(WhenAllDown::LastKnownGood);
    assert_eq!((last.shares().as_str(), last.weights()), ("default=1.000", vec![1.0, 0.0]));
    insta::assert_snapshot!("all_down_last_known_good", report);
    last.decide(&[("b", DOWN)]);
    assert_eq!(last.weights(), [1.0, 0.0]);
}

#[test]
fn traffic_that_need_not_hurry_moves_no_faster_than_allowed() {
    let zones = vec![
        zone("a", Some(1), vec![backend("a", 1)]),
        zone("b", Some(8), vec![backend("b", 2)]),
        zone("c", Some(1), vec![backend("c", 3)]),
    ];
    let mut slow = pool("api", vec![region("r", None, zones)]);
    slow.failover.max_share_per_second = Some(0.1);
    let mut world = World::new(slow);
    world.decide(&[]);
    let weigh = |world: &mut World, weight| {
        let scope = Scope::Zone { pool: None, region: None, zone: "b".into() };
        world.order(order(scope, Action::Weight(Some(weight)), world.now));
    };
    world.now += Duration::from_secs(3600);
    weigh(&mut world, 1);
    let mut seen = Vec::new();
    for _ in 0..60 {
        world.decide(&[]);
        seen.push(world.core.plan.zones[1].share);
        world.now += Duration::from_millis(100);
    }
    let expected = |n: usize| (0.8 - 0.01 * (n + 1) as f64).max(1.0 / 3.0);
    assert!(
        seen.iter().enumerate().all(|(n, share)| (share - expected(n)).abs() < 1e-6),
        "a quiet hour saves nothing up: {seen:?}"
    );
    weigh(&mut world, 0);
    world.decide(&[]);
    assert_eq!(world.shares(), "a=0.500 b=0.000 c=0.500", "an operator's zero does not wait");
    world.decide(&[("a", DOWN)]);
    assert_eq!(world.shares(), "a=0.000 b=0.000 c=1.000", "what is dead is left at once");
}

#[test]
fn what_is_shed_by_order_does_not_wait_for_what_moves() {
    let zones =
        vec![zone("a", Some(3), vec![backend("a", 1)]), zone("b", Some(1), vec![backend("b", 2)])];
    let mut slow = pool("api", vec![region("r", None, zones)]);
    slow.failover.max_share_per_second = Some(0.1);
    let mut world = World::new(slow);
    world.decide(&[]);
    world.now += Duration::from_secs(1);
    let half = order(Scope::Pool("api".into()), Action::Traffic(Some(0.5)), world.now);
    world.order(half);
    let scope = Scope::Zone { pool: None, region: None, zone: "b".into() };
    world.order(order(scope, Action::Weight(Some(3)), world.now));
    world.decide(&[]);
    assert_eq!(world.shares_of(1000.0), "a=365 b=135 shed=500");
}
