//! A zone's way out and back, through time.

use std::time::Duration;

use super::fixture::{World, backend, order, pool, region, zone};
use crate::config::{HoldDown, Pool};
use crate::model::{Action, Admin, Health, LATENCY_BUCKETS, Phase, Scope, Standing, Traffic};

const DOWN: (Health, Admin) = (Health::Down, Admin::Ready);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Three zones with one backend each, of the zone's name.
fn three() -> Pool {
    let zones = ["a", "b", "c"].map(|name| zone(name, Some(1), vec![backend(name, 1)]));
    pool("api", vec![region("r", None, zones.into())])
}

/// A tenth of a second of traffic: requests, failed ones, and answers in a fast and a slow bucket.
fn traffic(world: &World, place: usize, requests: u64, failed: u64, slow: u64) -> Traffic {
    let mut latency = [0; LATENCY_BUCKETS];
    latency[5] = requests - slow;
    latency[12] = slow;
    Traffic {
        requests,
        answered: requests,
        server_errors: failed,
        latency,
        ..Traffic::none(world.backends[place].key.clone())
    }
}

/// Goes on for a time in steps of a second, with a thousand requests a second shared out by the plan,
/// one in a hundred of them slow, and in zone `a` one in so many failed or slow.
fn go_on(world: &mut World, time: Duration, failing: u64, slow: u64) {
    let mut owed = [0.0; 3];
    for second in 0..time.as_secs() {
        world.now += SECOND;
        for (place, owed) in owed.iter_mut().enumerate() {
            *owed += world.core.plan.zones[place].share * 1000.0;
            let requests = *owed as u64;
            *owed -= requests as f64;
            let one_in = |n: u64| {
                (requests + second.checked_rem(n).unwrap_or(0)).checked_div(n).unwrap_or(0)
            };
            let (failing, slow) = if place == 0 { (failing, slow) } else { (0, 100) };
            let sample = traffic(world, place, requests, one_in(failing), one_in(slow));
            world.core.count(&world.pool, place, &sample, world.now);
        }
        world.core.judge(&world.pool);
        world.decide(&[]);
    }
}

fn standing(world: &World) -> Standing {
    world.core.plan.zones[0].standing.clone()
}

/// Fails zone `a` and lets it be well again until it gets its first traffic.
fn until_restored(world: &mut World) {
    world.decide(&[]);
    world.decide(&[("a", DOWN)]);
    assert_eq!(standing(world).phase, Phase::Out);
    let proven = MINUTE + 30 * SECOND;
    world.now += MINUTE;
    world.decide(&[]);
    assert_eq!(standing(world).phase, Phase::Proving);
    world.now += proven - MINUTE;
    world.decide(&[]);
    assert_eq!(standing(world).phase, Phase::Restoring { stage: 0 });
}

#[test]
fn a_good_zone_comes_back_in_stages_of_what_it_is_entitled_to() {
    let mut world = World::new(three());
    until_restored(&mut world);
    let share = |world: &World| world.core.plan.zones[0].share * 3.0;
    assert!((share(&world) - 0.01).abs() < 1e-9);
    go_on(&mut world, 5 * MINUTE, 0, 100);
    assert_eq!(standing(&world).phase, Phase::Restoring { stage: 1 });
    assert!((share(&world) - 0.1).abs() < 1e-9);
    go_on(&mut world, 5 * MINUTE, 0, 100);
    assert!((share(&world) - 0.5).abs() < 1e-9);
    go_on(&mut world, 5 * MINUTE, 0, 100);
    assert_eq!(standing(&world).phase, Phase::Watching);
    assert!((share(&world) - 1.0).abs() < 1e-9);
    go_on(&mut world, 30 * MINUTE, 0, 100);
    assert_eq!(standing(&world).phase, Phase::Active);
}

#[test]
fn too_little_traffic_holds_a_stage_until_somebody_advances_it() {
    let mut world = World::new(three());
    until_restored(&mut world);
    world.now += 60 * MINUTE;
    let report = world.decide(&[]);
    assert_eq!(standing(&world).phase, Phase::Restoring { stage: 0 });
    assert!(report.contains("stage 1, waits for 100 requests, 0 so far"), "{report}");
    let scope = Scope::Zone { pool: None, region: None, zone: "a".into() };
    for phase in [Phase::Restoring { stage: 1 }, Phase::Restoring { stage: 2 }, Phase::Watching] {
        world.order(order(scope.clone(), Action::Restore { advance: true }, world.now));
        world.decide(&[]);
        assert_eq!(standing(&world).phase, phase);
    }
}

#[test]
fn a_zone_whose_requests_fail_is_rolled_back_and_held_for_longer() {
    let mut world = World::new(three());
    until_restored(&mut world);
    assert_eq!(standing(&world).flaps, 1);
    go_on(&mut world, MINUTE, 4, 100);
    let out = standing(&world);
    assert_eq!((out.phase, out.flaps), (Phase::Out, 2));
    assert_eq!(&*out.cause, "more of its requests fail than elsewhere");
    let held = out.held_until.unwrap() - out.since.unwrap();
    assert_eq!(held, 2 * MINUTE, "twice as long as the first time");
    assert_eq!(world.core.plan.zones[0].share, 0.0);
}

#[test]
fn a_slow_zone_never_gets_past_its_first_stage() {
    let mut world = World::new(three());
    until_restored(&mut world);
    go_on(&mut world, 10 * MINUTE, 0, 10);
    let out = standing(&world);
    assert_eq!(&*out.cause, "more of its requests are slow than elsewhere");
    assert_ne!(out.phase, Phase::Restoring { stage: 1 });
}

#[test]
fn the_caps_yield_when_the_rest_cannot_carry_the_load() {
    let mut world = World::new(three());
    until_restored(&mut world);
    let report = world.decide(&[("b", DOWN), ("c", DOWN)]);
    assert_eq!(world.shares(), "a=1.000 b=0.000 c=0.000");
    assert!(report.contains("because the rest cannot carry it"), "{report}");
}

#[test]
fn a_hold_down_doubles_up_to_its_cap_and_is_forgotten() {
    let mut flapping = three();
    flapping.restoration.stages.clear();
    flapping.restoration.proving = Duration::ZERO;
    let (first, max, decay) = (MINUTE, 3 * MINUTE, 60 * MINUTE);
    flapping.failover.hold_down = HoldDown { first, max, decay };
    let mut world = World::new(flapping);
    let mut held = Vec::new();
    for round in 0..5 {
        world.now += if round == 4 { 4 * decay } else { MINUTE };
        world.decide(&[("a", DOWN)]);
        let out = standing(&world);
        assert_eq!(out.phase, Phase::Out);
        held.push((out.held_until.unwrap() - world.now).as_secs());
        while standing(&world).phase != Phase::Active {
            world.now += 10 * SECOND;
            world.decide(&[]);
        }
    }
    assert_eq!(held, [60, 120, 180, 180, 60]);
}

#[test]
fn no_more_zones_go_out_than_allowed_and_the_last_one_stays() {
    let mut few = three();
    few.failover.max_zones_out = Some(1);
    let mut world = World::new(few);
    world.decide(&[]);
    let half = |name| (name, (Health::Degraded(0.4), Admin::Ready));
    let worse = ("b", (Health::Degraded(0.3), Admin::Ready));
    let report = world.decide(&[half("a"), worse, half("c")]);
    assert_eq!(world.shares(), "a=0.500 b=0.000 c=0.500", "the worst goes");
    assert!(report.contains("would take r/a out, waits for one of the 1 zones"), "{report}");

    let mut world = World::new(three());
    world.decide(&[]);
    world.decide(&[half("a"), half("b"), half("c")]);
    assert_eq!(world.shares(), "a=0.000 b=0.000 c=1.000");
}

#[test]
fn a_pause_keeps_automation_from_taking_out_and_bringing_back() {
    let mut world = World::new(three());
    world.order(order(Scope::All, Action::Pause, world.now));
    let report = world.decide(&[("a", (Health::Degraded(0.4), Admin::Ready))]);
    assert_eq!(standing(&world).phase, Phase::Active);
    assert!(report.contains("would take r/a out, waits for automation to be resumed"), "{report}");
    world.order(order(Scope::All, Action::Resume, world.now));
    world.decide(&[("a", DOWN)]);
    assert_eq!(standing(&world).phase, Phase::Out);
    world.order(order(Scope::All, Action::Pause, world.now));
    world.now += 60 * MINUTE;
    world.decide(&[]);
    assert_eq!(standing(&world).phase, Phase::Out);
}

#[test]
fn what_does_not_recover_is_escalated_once() {
    let mut world = World::new(three());
    world.decide(&[]);
    let mut escalated = 0;
    for _ in 0..20 {
        escalated += world.moved(&[("a", DOWN)]).iter().filter(|moved| moved.escalated).count();
        world.now += MINUTE;
    }
    assert_eq!(escalated, 1);
}
