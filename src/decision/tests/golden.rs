//! Scenarios and the reports they must give, reviewed as text.

use super::fixture::{World, backend, pool, region, zone};
use crate::config::Pool;
use crate::model::{Admin, Health};

const DOWN: (Health, Admin) = (Health::Down, Admin::Ready);

/// Two regions 70:30, the first with zones 1:1, the second with one.
fn two_regions() -> Pool {
    let east = vec![
        zone("east-a", Some(1), vec![backend("a1", 1), backend("a2", 2)]),
        zone("east-b", Some(1), vec![backend("b1", 3)]),
    ];
    let west = vec![zone("west-a", None, vec![backend("w1", 4)])];
    pool("api", vec![region("east", Some(70), east), region("west", Some(30), west)])
}

#[test]
fn all_is_well() {
    let mut world = World::new(two_regions());
    let report = world.decide(&[]);
    assert_eq!(world.shares(), "east-a=0.350 east-b=0.350 west-a=0.300");
    insta::assert_snapshot!(report);
    assert_eq!(world.decide(&[]), "pool api\n", "nothing has moved");
}

#[test]
fn a_zone_is_lost_within_its_region() {
    let mut world = World::new(two_regions());
    world.decide(&[]);
    let report = world.decide(&[("b1", DOWN)]);
    // Half of the region is left, which is assumed to bear 1.4 times that: 49 to 30.
    assert_eq!(world.shares(), "east-a=0.620 east-b=0.000 west-a=0.380");
    insta::assert_snapshot!(report);
}

#[test]
fn a_region_is_lost() {
    let mut world = World::new(two_regions());
    world.decide(&[]);
    let report = world.decide(&[("w1", (Health::Up, Admin::Maint))]);
    assert_eq!(world.shares(), "east-a=0.500 east-b=0.500 west-a=0.000");
    insta::assert_snapshot!(report);
}

#[test]
fn a_region_fails_as_a_whole_when_two_of_its_zones_are_out() {
    let east =
        ["a", "b", "c"].map(|name| zone(name, None, vec![backend(name, name.as_bytes()[0])]));
    let west =
        ["d", "e", "f"].map(|name| zone(name, None, vec![backend(name, name.as_bytes()[0])]));
    let regions = vec![region("east", Some(1), east.into()), region("west", Some(1), west.into())];
    let mut world = World::new(pool("api", regions));
    world.decide(&[]);
    let one = world.decide(&[("a", DOWN)]);
    assert_eq!(world.shares(), "a=0.000 b=0.241 c=0.241 d=0.172 e=0.172 f=0.172");
    insta::assert_snapshot!("one_zone_out", one);
    let two = world.decide(&[("a", DOWN), ("b", DOWN)]);
    assert_eq!(world.shares(), "a=0.000 b=0.000 c=0.000 d=0.333 e=0.333 f=0.333");
    insta::assert_snapshot!("two_zones_out", two);
}

#[test]
fn a_fresh_start_waits_for_the_first_checks() {
    let mut world = World::flat(vec![backend("a1", 1), backend("a2", 2)]);
    let unknown = (Health::Unknown, Admin::Ready);
    let report = world.decide(&[("a1", unknown), ("a2", unknown)]);
    assert_eq!(world.shares(), "default=0.000");
    insta::assert_snapshot!(report);
}

#[test]
fn a_backup_is_called_in_and_sent_home() {
    let mut backup = backend("spare", 9);
    backup.backup = true;
    let mut world = World::flat(vec![backend("a1", 1), backup]);
    let idle = world.decide(&[]);
    assert_eq!(world.weights(), [1.0, 0.0]);
    insta::assert_snapshot!("backup_held_back", idle);
    let called = world.decide(&[("a1", (Health::Up, Admin::Drain))]);
    assert_eq!(world.weights(), [0.0, 1.0]);
    insta::assert_snapshot!("backup_called_in", called);
}

#[test]
fn zones_without_weights_share_by_what_is_eligible_in_them() {
    let big = zone("big", None, vec![backend("a", 1), backend("b", 2), backend("c", 3)]);
    let small = zone("small", None, vec![backend("d", 4)]);
    let mut world = World::new(pool("site", vec![region("r", None, vec![big, small])]));
    world.decide(&[]);
    assert_eq!(world.shares(), "big=0.750 small=0.250");
    let report = world.decide(&[("a", (Health::Degraded(0.5), Admin::Ready)), ("b", DOWN)]);
    assert_eq!(world.shares(), "big=0.600 small=0.400");
    insta::assert_snapshot!(report);
}

#[test]
fn an_operators_zero_is_absolute() {
    let mut zero = two_regions();
    zero.regions[1].weight = Some(0);
    zero.regions[0].zones[0].weight = Some(0);
    let mut world = World::new(zero);
    let report = world.decide(&[("b1", DOWN)]);
    assert_eq!(world.shares(), "east-a=0.000 east-b=0.000 west-a=0.000");
    insta::assert_snapshot!(report);
}
