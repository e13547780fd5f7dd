//! What a restart and a reload must not forget about zones.

use std::sync::Arc;
use std::time::Duration;

use super::fixture::{World, backend, config, order, pool, region, zone};
use crate::config::{Pool, Stage};
use crate::decision::{Change, Input, State};
use crate::model::{Action, Phase, PlaceKey, Scope, Standing};

const MINUTE: Duration = Duration::from_secs(60);

fn two() -> Pool {
    let zones = ["a", "b"].map(|name| zone(name, Some(1), vec![backend(name, 1)]));
    pool("api", vec![region("r", None, zones.into())])
}

fn key(zone: &str) -> PlaceKey {
    PlaceKey { pool: "api".into(), region: "r".into(), zone: Some(zone.into()) }
}

/// A world that was started again after zone `a` had stood like this for so long.
fn resumed(phase: Phase, ago: Duration, stale: bool) -> World {
    let mut world = World::new(two());
    let before = Standing {
        phase,
        since: Some(world.now - ago),
        cause: "its health is 0 %, below 50 %".into(),
        held_until: Some(world.now + MINUTE),
        flaps: 2,
        escalated: false,
    };
    let pool = world.pool.clone();
    world.core.resume(&pool, &[(key("a"), before)], stale, world.now);
    world.decide(&[]);
    world
}

fn standing(world: &World) -> &Standing {
    &world.core.plan.zones[0].standing
}

#[test]
fn who_was_out_is_held_out_and_proves_itself() {
    let mut world = resumed(Phase::Out, 10 * MINUTE, true);
    assert_eq!(world.shares(), "a=0.000 b=1.000");
    assert_eq!(&*standing(&world).cause, "its health is 0 %, below 50 %");
    world.now += MINUTE;
    world.decide(&[]);
    assert_eq!(standing(&world).phase, Phase::Proving);
    let down = (crate::model::Health::Down, crate::model::Admin::Ready);
    world.now += 2 * MINUTE;
    world.order(order(Scope::All, Action::Restore { advance: true }, world.now));
    world.decide(&[]);
    world.decide(&[("a", down)]);
    let out = standing(&world);
    let held = out.held_until.unwrap() - world.now;
    assert_eq!((out.flaps, held), (3, 4 * MINUTE), "earlier failures are remembered");
}

#[test]
fn who_was_on_its_way_back_resumes_its_stage_or_its_proof() {
    let mut world = resumed(Phase::Restoring { stage: 1 }, 4 * MINUTE, false);
    assert_eq!(world.shares(), "a=0.050 b=0.950", "a tenth of its half");
    world.now += 2 * MINUTE;
    let report = world.decide(&[]);
    assert!(report.contains("waits for stage 2 to be held"), "its time begins anew: {report}");
    let world = resumed(Phase::Restoring { stage: 1 }, 4 * MINUTE, true);
    assert_eq!(standing(&world).phase, Phase::Proving);
    assert_eq!(world.shares(), "a=0.000 b=1.000");
    assert_eq!(standing(&resumed(Phase::Watching, MINUTE, false)).phase, Phase::Watching);
    assert_eq!(standing(&resumed(Phase::Watching, MINUTE, true)).phase, Phase::Proving);
    assert_eq!(standing(&resumed(Phase::Draining, MINUTE, false)).phase, Phase::Active);
}

#[test]
fn who_does_not_recover_is_told_once_over_all_restarts() {
    let escalates = |escalated: bool| {
        let mut world = World::new(two());
        let since = Some(world.now - 60 * MINUTE);
        let before =
            Standing { phase: Phase::Out, since, flaps: 1, escalated, ..Standing::default() };
        let pool = world.pool.clone();
        world.core.resume(&pool, &[(key("a"), before)], true, world.now);
        let down = (crate::model::Health::Down, crate::model::Admin::Ready);
        let mut told = 0;
        for _ in 0..20 {
            told += world.moved(&[("a", down)]).iter().filter(|moved| moved.escalated).count();
            world.now += MINUTE;
        }
        let kept = world.core.standings(&pool).next();
        (told, kept.is_some_and(|(_, standing)| standing.escalated))
    };
    assert_eq!(escalates(true), (0, true));
    assert_eq!(escalates(false), (1, true));
}

#[test]
fn nothing_that_a_file_may_hold_does_harm() {
    let (mut world, hold) = (World::new(two()), two().failover.hold_down);
    let later = Some(world.now + 1_000_000 * MINUTE);
    let broken = Standing {
        phase: Phase::Out,
        since: later,
        cause: "".into(),
        held_until: later,
        flaps: u32::MAX,
        escalated: false,
    };
    let pool = world.pool.clone();
    let unknown = (key("gone"), broken.clone());
    world.core.resume(&pool, &[(key("a"), broken), unknown], false, world.now);
    world.decide(&[]);
    assert_eq!(standing(&world).held_until, Some(world.now + hold.max));
    assert_eq!(standing(&world).since, Some(world.now));
    let beyond = resumed(Phase::Restoring { stage: 99 }, MINUTE, false);
    assert_eq!(standing(&beyond).phase, Phase::Restoring { stage: 2 });
}

#[test]
fn an_order_goes_before_what_was_seen() {
    let now = tokio::time::Instant::now().into_std();
    let mut state = State::new(Arc::new(config(vec![two()])), now);
    let scope = Scope::Zone { pool: None, region: None, zone: "a".into() };
    state.step([order(scope, Action::Maint, now)], now);
    let phase = Phase::Restoring { stage: 0 };
    state.resume(&[(key("a"), Standing { phase, ..Standing::default() })], false, now);
    state.step([], now);
    assert_eq!(state.plan().pools[0].zones[0].standing.phase, Phase::Out);
    assert!(state.standings().is_empty(), "orders are kept by themselves");
}

#[test]
fn what_resumes_and_what_an_order_restores_is_told() {
    let now = tokio::time::Instant::now().into_std();
    let mut state = State::new(Arc::new(config(vec![two()])), now);
    state.resume(&[(key("a"), Standing { phase: Phase::Out, ..Standing::default() })], true, now);
    let told = |changes: &[Change]| {
        let moved = changes.iter().filter_map(|change| match change {
            Change::Moved(moved) => Some((moved.from.phase, moved.to.phase)),
            _ => None,
        });
        moved.collect::<Vec<_>>()
    };
    let step = state.step([], now);
    assert_eq!(told(&step.changes), [(Phase::Active, Phase::Out)]);
    let scope = Scope::Zone { pool: None, region: None, zone: "a".into() };
    let step = state.step([order(scope, Action::Restore { advance: true }, now)], now);
    assert_eq!(told(&step.changes), [(Phase::Out, Phase::Restoring { stage: 0 })]);
}

#[test]
fn a_reload_with_fewer_stages_gives_nobody_more_than_its_last_one() {
    let now = tokio::time::Instant::now().into_std();
    let mut state = State::new(Arc::new(config(vec![two()])), now);
    let phase = Phase::Restoring { stage: 2 };
    state.resume(&[(key("a"), Standing { phase, ..Standing::default() })], false, now);
    state.step([], now);
    let mut fewer = two();
    let share = |share| Stage { share, hold: MINUTE };
    fewer.restoration.stages = vec![share(0.05), share(1.0)];
    fewer.restoration.stages[1].hold = Duration::ZERO;
    state.step([Input::Configured(Arc::new(config(vec![fewer])))], now);
    assert_eq!(state.plan().pools[0].zones[0].standing.phase, Phase::Restoring { stage: 0 });
}
