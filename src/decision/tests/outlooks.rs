//! What a pool says it could do beyond what it does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixture::{World, backend, config, key, order, pass, pool, region, zone};
use crate::config::{Capacity, HeadroomLimit, Zone};
use crate::decision::{Change, Input, State, outlook};
use crate::model::{Action, Admin, Health, Scope, Traffic};

const DOWN: (Health, Admin) = (Health::Down, Admin::Ready);

fn equal(names: &[&str]) -> Vec<Zone> {
    let zone = |(at, name): (usize, &&str)| zone(name, Some(1), vec![backend(name, at as u8)]);
    names.iter().enumerate().map(zone).collect()
}

fn world(zones: Vec<Zone>) -> World {
    World::new(pool("api", vec![region("r", None, zones)]))
}

/// In percent.
fn headroom(world: &World) -> Option<u32> {
    let outlook = outlook::of(&world.core, &world.pool, &world.orders);
    outlook.headroom.map(|part| (part * 100.0).round() as u32)
}

#[test]
fn without_capacities_what_is_left_bears_four_tenths_more_than_its_part() {
    let mut three = world(equal(&["a", "b", "c"]));
    three.decide(&[]);
    assert_eq!(headroom(&three), Some(93));
    three.decide(&[("a", DOWN)]);
    assert_eq!(headroom(&three), Some(47));
    three.decide(&[("a", DOWN), ("b", DOWN), ("c", DOWN)]);
    assert_eq!(headroom(&three), None, "nothing is left to lose");
    let mut four = world(equal(&["a", "b", "c", "d"]));
    four.decide(&[]);
    assert_eq!(headroom(&four), Some(105));
    let mut one = world(equal(&["a"]));
    one.decide(&[]);
    assert_eq!(headroom(&one), Some(0));
    let mut standby = equal(&["a", "b", "spare"]);
    standby[2].priority = 1;
    let mut standby = world(standby);
    standby.decide(&[]);
    assert_eq!(headroom(&standby), Some(140), "the standby may be lost, or one of the others");
}

#[test]
fn with_capacities_it_follows_the_load() {
    let mut zones = equal(&["a", "b", "c"]);
    for (zone, rps) in zones.iter_mut().zip([100, 50, 100]) {
        zone.capacity = Some(Capacity::Rps(rps));
    }
    let mut world = world(zones);
    world.decide(&[]);
    assert_eq!(headroom(&world), None, "nothing is asked");
    world.load(120);
    world.decide(&[]);
    assert_eq!(headroom(&world), Some(125));
    world.load(200);
    world.decide(&[]);
    assert_eq!(headroom(&world), Some(75));
}

#[test]
fn regions_count_by_their_weight() {
    let regions = vec![
        region("big", Some(75), equal(&["a", "b"])),
        region("small", Some(25), vec![zone("c", Some(9), vec![backend("c", 9)])]),
    ];
    let mut world = World::new(pool("api", regions));
    world.decide(&[]);
    // 1.4 times all but the 37.5 % of one of the big zones.
    assert_eq!(headroom(&world), Some(87));
}

#[test]
fn what_is_held_back_is_entitled_to_its_part_and_cannot_be_counted_upon() {
    let mut world = world(equal(&["a", "b", "c"]));
    world.decide(&[]);
    world.decide(&[("a", DOWN)]);
    let entitled = |world: &World| {
        let entitled = outlook::of(&world.core, &world.pool, &world.orders).entitled;
        entitled.iter().map(|part| format!("{part:.3}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(entitled(&world), "0.000 0.500 0.500", "nobody is there");
    let scope = Scope::Zone { pool: None, region: None, zone: "a".into() };
    world.order(order(scope, Action::Restore { advance: true }, world.now));
    world.decide(&[]);
    assert_eq!(entitled(&world), "0.333 0.333 0.333");
    assert_eq!(world.shares(), "a=0.003 b=0.498 c=0.498");
    assert_eq!(headroom(&world), Some(47));
}

/// What is told of the headroom while so much is asked of zones a and b together.
fn asked(state: &mut State, now: &mut Instant, rps: u64, seconds: u32) -> Vec<bool> {
    let mut told = Vec::new();
    for _ in 0..seconds * 10 {
        *now += Duration::from_millis(100);
        let sample = |name| Traffic { requests: rps / 20, ..Traffic::none(key("api", name)) };
        let step = state.step(["a", "b"].map(|name| Input::Sampled(sample(name))), *now);
        told.extend(step.changes.into_iter().filter_map(|change| match change {
            Change::Headroom { low, .. } => Some(low),
            _ => None,
        }));
    }
    told
}

#[test]
fn that_a_zone_can_no_longer_be_lost_is_told_once_and_that_it_can_again() {
    let second = Duration::from_secs(1);
    let mut zones = equal(&["a", "b"]);
    zones.iter_mut().for_each(|zone| zone.capacity = Some(Capacity::Rps(100)));
    let mut pool = pool("api", vec![region("r", None, zones)]);
    pool.failover.headroom = Some(HeadroomLimit { min: 1.0, margin: 0.05, lasts: 10 * second });
    let mut now = tokio::time::Instant::now().into_std();
    let mut state = State::new(Arc::new(config(vec![pool.clone()])), now);
    let up = ["a", "b"].map(|name| Input::Observed(pass("api", name, now)));
    state.step(up, now);
    assert_eq!(asked(&mut state, &mut now, 60, 60), [] as [bool; 0]);
    assert_eq!(asked(&mut state, &mut now, 160, 60), [true]);
    // A reload is no reason to tell it again.
    let again = config(vec![pool]);
    state.step([Input::Configured(Arc::new(again))], now);
    assert_eq!(asked(&mut state, &mut now, 160, 60), [] as [bool; 0]);
    assert_eq!(asked(&mut state, &mut now, 40, 120), [false]);
}
