//! What a pool says it could do beyond what it does.

use super::fixture::{World, backend, order, pool, region, zone};
use crate::config::{Capacity, Zone};
use crate::decision::outlook;
use crate::model::{Action, Admin, Health, Scope};

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
