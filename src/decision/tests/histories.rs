//! What holds at every moment of every history, and a search for histories in which it does not.

use std::time::{Duration, Instant};

use fastrand::Rng;
use proptest::prelude::{Just, Strategy, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::fixture::{World, backend, order, pool, region, zone};
use crate::config::{Capacity, HoldDown, Pool, Stage, Zone};
use crate::decision::failover::zones_out_max;
use crate::decision::place::Place;
use crate::model::{Action, Admin, Health, Phase, PoolPlan, Scope};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// One zone: its region, priority, weight and capacity, and how many backends it has.
type Shape = (usize, u32, Option<u32>, Option<u32>, usize);

fn shape() -> impl Strategy<Value = Shape> {
    let weight = prop_oneof![Just(None), (0..4_u32).prop_map(Some)];
    let capacity = prop_oneof![2 => Just(None), 1 => (1..200_u32).prop_map(Some)];
    (0..3_usize, 0..2_u32, weight, capacity, 1..4_usize)
}

/// Something happens: to a backend, or by order, or nothing but time.
#[derive(Clone, Copy, Debug)]
enum Event {
    Health(usize, Health),
    Ordered(usize, u8),
    Load(u32),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let health = prop_oneof![
        2 => Just(Health::Up),
        2 => Just(Health::Down),
        1 => Just(Health::Unknown),
        1 => (0.0..=1.0).prop_map(Health::Degraded),
    ];
    prop_oneof![
        6 => (0..20_usize, health).prop_map(|(at, health)| Event::Health(at, health)),
        1 => (0..8_usize, 0..7_u8).prop_map(|(at, what)| Event::Ordered(at, what)),
        1 => (0..1000_u32).prop_map(Event::Load),
        3 => (1..200_u64).prop_map(Event::Wait),
    ]
}

fn built(shapes: &[Shape]) -> Pool {
    let mut regions: Vec<Vec<Zone>> = vec![vec![]; 3];
    let mut host = 0;
    for (at, (within, priority, weight, capacity, size)) in shapes.iter().enumerate() {
        let backends = (0..*size).map(|_| {
            host += 1;
            backend(&format!("b{host}"), host)
        });
        let zone = zone(&format!("z{at}"), *weight, backends.collect());
        let capacity = capacity.map(Capacity::Rps);
        regions[*within].push(Zone { priority: *priority, capacity, ..zone });
    }
    let named = regions.into_iter().enumerate().filter(|(_, zones)| !zones.is_empty());
    let regions = named.map(|(at, zones)| region(&format!("r{at}"), None, zones)).collect();
    let mut pool = pool("api", regions);
    pool.failover.max_share_per_second = Some(0.2).filter(|_| shapes.len().is_multiple_of(2));
    pool
}

fn ordered(what: u8, zone: usize) -> (Scope, Action) {
    let scope = Scope::Zone { pool: None, region: None, zone: format!("z{zone}").into() };
    let action = match what {
        0 => Action::Maint,
        1 => Action::Fail { to: None },
        2 => Action::Restore { advance: true },
        3 => Action::Restore { advance: false },
        4 => Action::Weight(Some(0)),
        5 => Action::Drain { over: None },
        _ => Action::Ready,
    };
    (scope, action)
}

/// A plan, and what it was made from.
#[derive(Debug)]
struct Moment {
    plan: PoolPlan,
    load: f64,
    /// Zones that an order says get nothing.
    removed: Vec<usize>,
    /// Zones that automation has taken out or brings back.
    held_back: usize,
}

/// Lets a history happen.
fn moments(shapes: &[Shape], events: &[Event], start: Instant) -> Vec<Moment> {
    let mut world = World::new(built(shapes));
    world.now = start;
    let names: Vec<String> = world.backends.iter().map(|b| b.key.name.to_string()).collect();
    let mut healths = vec![Health::Up; names.len()];
    let mut load = 0;
    let mut moments = Vec::new();
    for event in events {
        match *event {
            Event::Health(at, health) => {
                let at = at % healths.len();
                healths[at] = health;
            }
            Event::Ordered(at, what) => {
                let (scope, action) = ordered(what, at % shapes.len());
                world.order(order(scope, action, world.now));
            }
            Event::Load(rps) => load = rps,
            Event::Wait(seconds) => world.now += Duration::from_secs(seconds),
        }
        world.load(u64::from(load));
        let facts: Vec<_> =
            names.iter().zip(&healths).map(|(n, h)| (n.as_str(), (*h, Admin::Ready))).collect();
        world.decide(&facts);
        let removed = |at: &usize| {
            let zone = &world.core.plan.zones[*at];
            let weight = world.orders.zone_weight(("api", &zone.region, &zone.zone));
            world.core.zone_places[*at].is_ordered() || weight == Some(0)
        };
        moments.push(Moment {
            plan: PoolPlan::clone(&world.core.plan),
            load: f64::from(load),
            removed: (0..world.core.zone_places.len()).filter(removed).collect(),
            held_back: world.core.zone_places.iter().filter(|place| place.held_back()).count(),
        });
    }
    moments
}

proptest! {
    #[test]
    fn every_plan_of_every_history_is_sound(
        shapes in prop::collection::vec(shape(), 1..7),
        events in prop::collection::vec(event(), 1..60),
    ) {
        let start = tokio::time::Instant::now().into_std();
        let config = built(&shapes);
        let settings: Vec<&Zone> = config.regions.iter().flat_map(|region| &region.zones).collect();
        let by_automation = !events.iter().any(|event| matches!(event, Event::Ordered(..)));
        for Moment { plan, load, removed, held_back } in moments(&shapes, &events, start) {
            prop_assert!(!by_automation || held_back <= zones_out_max(&config), "too many out");
            let total: f64 = plan.zones.iter().map(|zone| zone.share).sum();
            prop_assert!(total == 0.0 || (total + plan.shed - 1.0).abs() < 1e-6, "{:?}", plan);
            for (at, (zone, settings)) in plan.zones.iter().zip(&settings).enumerate() {
                prop_assert!((0.0..=1.0 + 1e-9).contains(&zone.share), "{:?}", plan);
                let eligible: f64 = zone.backends.iter().map(|one| one.effective_weight).sum();
                prop_assert!(zone.share == 0.0 || eligible > 0.0, "a share for nobody: {:?}", zone);
                prop_assert!(zone.share == 0.0 || !removed.contains(&at), "against orders: {:?}", zone);
                prop_assert!(zone.share == 0.0 || settings.weight != Some(0), "weight 0: {:?}", zone);
                if let Some(Capacity::Rps(rps)) = settings.capacity {
                    let all: f64 = zone.backends.iter().map(|one| f64::from(one.weight)).sum();
                    let room = f64::from(rps) * eligible / all;
                    prop_assert!(zone.share * load <= room + 1e-3, "over capacity: {:?}", zone);
                }
            }
        }
    }

    #[test]
    fn a_history_decides_alike_each_time_it_happens(
        shapes in prop::collection::vec(shape(), 1..7),
        events in prop::collection::vec(event(), 1..40),
    ) {
        let start = tokio::time::Instant::now().into_std();
        prop_assert_eq!(
            format!("{:?}", moments(&shapes, &events, start)),
            format!("{:?}", moments(&shapes, &events, start))
        );
    }
}

/// How an adversary treats its zone in each phase: how likely it is up in the next second.
#[derive(Clone, Copy, Debug)]
struct Adversary {
    out: f64,
    proving: f64,
    coming_back: f64,
    active: f64,
}

/// How many changes of phase the adversary's zone goes through within an hour.
fn changes_in_an_hour(pool: &Pool, adversary: Adversary, seed: u64) -> usize {
    let mut world = World::new(pool.clone());
    let mut rng = Rng::with_seed(seed);
    let mut changes = 0;
    for _ in 0..HOUR.as_secs() {
        world.now += SECOND;
        let place: &Place = &world.core.zone_places[0];
        let up = match place.standing.phase {
            Phase::Out => adversary.out,
            Phase::Proving => adversary.proving,
            Phase::Restoring { .. } | Phase::Watching => adversary.coming_back,
            Phase::Active | Phase::Draining => adversary.active,
        };
        let health = if rng.f64() < up { Health::Up } else { Health::Down };
        changes += world.moved(&[("a", (health, Admin::Ready))]).len();
    }
    changes
}

/// Searches for an adversary that makes its zone change as often as possible.
fn worst(pool: &Pool) -> usize {
    let mut rng = Rng::with_seed(7);
    let mut likely = || if rng.bool() { f64::from(rng.u8(0..=1)) } else { rng.f64() };
    let adversaries = (0..10).map(|_| Adversary {
        out: likely(),
        proving: likely(),
        coming_back: likely(),
        active: likely(),
    });
    // Always up while out and down otherwise is what a person would try first.
    let obvious = Adversary { out: 1.0, proving: 1.0, coming_back: 0.0, active: 0.0 };
    let quick = Adversary { proving: 0.0, ..obvious };
    adversaries
        .chain([obvious, quick])
        .enumerate()
        .map(|(seed, adversary)| changes_in_an_hour(pool, adversary, seed as u64))
        .max()
        .unwrap()
}

fn hurried() -> Pool {
    let zones = ["a", "b"].map(|name| zone(name, Some(1), vec![backend(name, 1)]));
    let mut pool = pool("api", vec![region("r", None, zones.into())]);
    pool.failover.dwell = 20 * SECOND;
    pool.failover.hold_down = HoldDown { first: 20 * SECOND, max: 20 * SECOND, decay: SECOND };
    pool.restoration.proving = 20 * SECOND;
    pool.restoration.stages = vec![Stage { share: 1.0, hold: Duration::ZERO }];
    pool.restoration.watch = 20 * SECOND;
    pool
}

#[test]
fn no_sequence_of_probes_makes_a_zone_change_more_often_than_told() {
    let hurried = hurried();
    let bound = hurried.failover.transitions_per_hour(&hurried.restoration).unwrap();
    let found = worst(&hurried);
    assert!(found <= bound as usize, "{found} changes in an hour, {bound} at most");
    assert!(found * 10 >= bound as usize * 8, "{found} of {bound}: the search is too weak");

    let mut restless = hurried;
    restless.failover.dwell = Duration::ZERO;
    let found = worst(&restless);
    assert!(found > bound as usize, "without dwell, {found} changes are within {bound}");
}

#[test]
fn the_bound_holds_for_the_default_as_well() {
    let zones = ["a", "b"].map(|name| zone(name, Some(1), vec![backend(name, 1)]));
    let pool = pool("api", vec![region("r", None, zones.into())]);
    let bound = pool.failover.transitions_per_hour(&pool.restoration).unwrap();
    assert!(bound <= pool.failover.max_transitions);
    assert!(worst(&pool) <= bound as usize);
}
