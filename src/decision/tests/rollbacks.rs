//! The whole core: who turns bad on its way back has nothing with the next tick.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixture::{backend, config, key, pass, pool, region, zone};
use crate::decision::{Change, Input, State, Step};
use crate::model::{LATENCY_BUCKETS, Phase, PlaceKey, Standing, Traffic};

const TICK: Duration = Duration::from_millis(100);

/// Three zones of one backend each; `a` is on its way back in this stage, after one failure.
fn in_stage(stage: usize) -> (State, Instant) {
    let now = tokio::time::Instant::now().into_std();
    let zones = ["a", "b", "c"].map(|name| zone(name, Some(1), vec![backend(name, 1)]));
    let site = pool("site", vec![region("r", None, zones.into())]);
    let mut state = State::new(Arc::new(config(vec![site])), now);
    let place = PlaceKey { pool: "site".into(), region: "r".into(), zone: Some("a".into()) };
    let phase = Phase::Restoring { stage };
    state.resume(&[(place, Standing { phase, flaps: 1, ..Standing::default() })], false, now);
    let seen = ["a", "b", "c"].map(|name| Input::Observed(pass("site", name, now)));
    state.step(seen, now);
    (state, now)
}

/// A tick of traffic, of which `a` is given this many and this many of them fail or are slow.
fn tick(state: &mut State, now: &mut Instant, a: u64, failed: u64, slow: u64) -> Step {
    *now += TICK;
    let sample = |name: &str, answered: u64, server_errors: u64, slow: u64| {
        let mut latency = [0; LATENCY_BUCKETS];
        (latency[5], latency[12]) = (answered - slow, slow);
        Input::Sampled(Traffic {
            requests: answered,
            answered,
            server_errors,
            latency,
            ..Traffic::none(key("site", name))
        })
    };
    let others = ["b", "c"].map(|name| sample(name, 1_000, 5, 10));
    state.step(others.into_iter().chain([sample("a", a, failed, slow)]), *now)
}

#[test]
fn a_zone_that_gets_worse_is_rolled_back_with_the_next_tick_and_held_for_longer() {
    for (stage, share) in [(0, 0.01), (1, 0.1), (2, 0.5)] {
        for (failed, slow) in [(15, 0), (0, 15)] {
            let (mut state, mut now) = in_stage(stage);
            for _ in 0..50 {
                let step = tick(&mut state, &mut now, 20, 0, 0);
                assert_eq!(step.changes, [], "it is as good as the others");
            }
            let before = &state.plan().pools[0].zones[0];
            assert!((before.share - share / 3.0).abs() < 1e-9, "stage {stage}: {}", before.share);

            let step = tick(&mut state, &mut now, 20, failed, slow);
            let plan = step.plan.expect("a new plan within the very tick");
            let zones: Vec<f64> = plan.pools[0].zones.iter().map(|zone| zone.share).collect();
            assert_eq!(zones, [0.0, 0.5, 0.5], "stage {stage}");
            let [Change::Moved(moved)] = &step.changes[..] else { panic!("{:?}", step.changes) };
            assert_eq!((moved.to.phase, moved.to.flaps), (Phase::Out, 2));
            let first = state.config().pools[0].failover.hold_down.first;
            assert_eq!(
                moved.to.held_until,
                Some(now + 2 * first),
                "twice as long as the first time"
            );
        }
    }
}
