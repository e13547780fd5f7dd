//! Single backends on their way back: the curve, and what sets them back on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixture::{backend, config, fail, flat, key, pass};
use crate::config::{Pool, Restoration};
use crate::decision::{Change, Input, State};
use crate::model::{LATENCY_BUCKETS, Traffic};

const MS: Duration = Duration::from_millis(1);
const TICK: Duration = Duration::from_millis(100);
const WINDOW: Duration = Duration::from_secs(20);

/// A pool of this many backends, `a`, `b` and so on, that start slowly.
fn site(backends: u8) -> Pool {
    let named = |n: u8| backend(&char::from(b'a' + n).to_string(), n + 1);
    let mut site = flat("site", (0..backends).map(named).collect());
    site.slow_start = Some(WINDOW);
    site
}

/// A core in time.
struct Run {
    state: State,
    now: Instant,
}

impl Run {
    /// All are up, then `a` has been down for a minute and is back.
    fn new(site: Pool) -> Self {
        let now = tokio::time::Instant::now().into_std();
        let mut run = Self { state: State::new(Arc::new(config(vec![site])), now), now };
        let names: Vec<String> = run.weights().into_iter().map(|(name, _)| name).collect();
        names.iter().for_each(|name| run.up(name));
        run.down("a");
        run.now += Duration::from_secs(60);
        run.up("a");
        run.up("a");
        run
    }

    fn step(&mut self, inputs: Vec<Input>) -> Vec<Change> {
        let mut changes = self.state.step(inputs, self.now).changes;
        self.now += 10 * MS;
        changes.extend(self.state.step([], self.now).changes);
        changes
    }

    fn up(&mut self, name: &str) {
        self.step(vec![Input::Observed(pass("site", name, self.now))]);
    }

    fn down(&mut self, name: &str) {
        let failed = || Input::Observed(fail("site", name, self.now));
        self.step(vec![failed(), failed(), failed()]);
    }

    fn weights(&self) -> Vec<(String, f64)> {
        let zones = self.state.plan().pools.iter().flat_map(|pool| &pool.zones);
        let backends = zones.flat_map(|zone| &*zone.backends);
        backends.map(|one| (one.name.to_string(), one.effective_weight)).collect()
    }

    /// The weight of `a`.
    fn weight(&self) -> f64 {
        self.weights()[0].1
    }

    /// One tick of traffic: `a` as it is given, `b` well.
    fn tick(&mut self, a: Traffic) -> Vec<Change> {
        let b = answers("b", 50, 0, 1);
        let changes = self.step(vec![Input::Sampled(a), Input::Sampled(b)]);
        self.now += TICK - 10 * MS;
        changes
    }

    /// Ticks until something is told, or for so long; what is told.
    fn ticks(&mut self, most: Duration, a: impl Fn() -> Traffic) -> Vec<Change> {
        let end = self.now + most;
        while self.now < end {
            let changes = self.tick(a());
            if !changes.is_empty() {
                return changes;
            }
        }
        Vec::new()
    }
}

/// So many answers, of which some are errors and some are slow.
fn answers(name: &str, answered: u64, server_errors: u64, slow: u64) -> Traffic {
    let mut latency = [0; LATENCY_BUCKETS];
    (latency[5], latency[12]) = (answered - slow, slow);
    Traffic { answered, server_errors, latency, ..Traffic::none(key("site", name)) }
}

#[test]
fn who_comes_back_beside_others_starts_slowly_by_one_curve() {
    let mut run = Run::new(site(2));
    let (back, mut seen) = (run.now, vec![(0, (run.weight() * 100.0).round() as u32)]);
    // Nothing is asked of anybody: time alone.
    while let Some(due) = run.state.due() {
        if run.state.step([], due).plan.is_some() {
            seen.push(((due - back).as_secs(), (run.weight() * 100.0).round() as u32));
        }
        run.now = due;
    }
    assert!(seen.is_sorted() && seen.len() > 10, "evenly upwards: {seen:?}");
    assert_eq!(seen.first(), Some(&(0, 10)));
    assert!(seen.contains(&(10, 50)), "{seen:?}");
    assert!(matches!(seen.last(), Some((19 | 20, 100))), "{seen:?}");

    run.step(vec![Input::Configured(Arc::new(config(vec![site(3)])))]);
    run.up("c");
    let expected = [("a", 1.0), ("b", 1.0), ("c", 0.1)].map(|(name, weight)| (name.into(), weight));
    assert_eq!(run.weights(), expected, "one that is new starts slowly, too");
}

#[test]
fn when_all_begin_nobody_is_spared() {
    let now = tokio::time::Instant::now().into_std();
    let mut run = Run { state: State::new(Arc::new(config(vec![site(2)])), now), now };
    run.up("a");
    run.up("b");
    assert!(run.weights().iter().all(|(_, weight)| *weight >= 1.0), "{:?}", run.weights());
}

#[test]
fn who_is_worse_than_those_beside_it_begins_again_and_takes_twice_as_long() {
    for (bad, told) in [
        (answers("a", 5, 2, 0), "more of its requests fail than elsewhere"),
        (answers("a", 5, 0, 3), "more of its requests are slow than elsewhere"),
    ] {
        let mut run = Run::new(site(3));
        let mut lasts = WINDOW;
        for _ in 0..3 {
            // What is slow must be known first.
            run.ticks(5 * TICK, || answers("a", 5, 0, 0));
            let changes = run.ticks(WINDOW / 2, || bad.clone());
            assert_eq!(changes, [Change::SetBack(key("site", "a"), told.into())]);
            assert!((run.weight() - 0.1).abs() < 1e-9, "{}", run.weight());
            lasts *= 2;
        }
        let report = run.state.report().to_string();
        assert!(report.contains("being worse than the others 3 times"), "{report}");
        let well = |run: &mut Run, most| run.ticks(most, || answers("a", 5, 0, 0));
        assert_eq!(well(&mut run, lasts - WINDOW), []);
        assert!(run.weight() < 1.0, "{}", run.weight());
        assert_eq!(well(&mut run, WINDOW + 30 * TICK), []);
        assert!(run.weight() >= 1.0, "{}", run.weight());
    }
}

#[test]
fn what_all_suffer_sets_nobody_back() {
    let mut run = Run::new(site(3));
    for _ in 0..200 {
        let (a, b) = (answers("a", 10, 4, 4), answers("b", 20, 8, 8));
        let changes = run.step(vec![Input::Sampled(a), Input::Sampled(b)]);
        assert_eq!(changes, []);
        run.now += TICK;
    }
    assert!(run.weight() >= 1.0);
}

#[test]
fn whom_its_pool_cannot_spare_goes_on() {
    let mut run = Run::new(site(5));
    ["c", "d", "e"].iter().for_each(|name| run.down(name));
    let changes = run.ticks(WINDOW + 10 * TICK, || answers("a", 5, 3, 0));
    assert_eq!(changes, []);
    assert!(run.weight() >= 1.0, "{}", run.weight());
}

#[test]
fn who_is_left_alone_in_its_zone_is_needed_whole() {
    let mut run = Run::new(site(2));
    assert!(run.weight() < 0.2);
    run.down("b");
    assert!(run.weight() >= 1.0, "{}", run.weight());
}

#[test]
fn who_wants_no_proof_of_zones_gets_none_of_backends() {
    let mut off = site(3);
    off.restoration = Restoration { stages: Vec::new(), ..Restoration::default() };
    let mut run = Run::new(off);
    assert_eq!(run.ticks(WINDOW + 10 * TICK, || answers("a", 5, 5, 0)), []);
    assert!(run.weight() >= 1.0, "{}", run.weight());
}

#[test]
fn a_reload_does_not_let_it_off() {
    let mut run = Run::new(site(3));
    run.ticks(WINDOW / 2, || answers("a", 5, 3, 0));
    run.step(vec![Input::Configured(Arc::new(config(vec![site(4)])))]);
    assert!(run.weight() < 0.2, "{}", run.weight());
    let changes = run.ticks(WINDOW / 2, || answers("a", 5, 3, 0));
    assert!(matches!(&changes[..], [Change::SetBack(..)]), "{changes:?}");
}

#[test]
fn a_restart_does_not_let_it_off_either() {
    let mut run = Run::new(site(3));
    run.ticks(5 * TICK, || answers("a", 5, 0, 0));
    let changes = run.ticks(WINDOW / 2, || answers("a", 5, 3, 0));
    assert!(matches!(&changes[..], [Change::SetBack(..)]), "{changes:?}");
    run.ticks(WINDOW / 2, || answers("a", 5, 0, 0));
    // What was seen long ago is not trusted.
    ["a", "b", "c"].iter().for_each(|name| run.up(name));
    let (kept, before) = (run.state.memories().collect(), run.weight());
    let mut next = Run { state: State::new(Arc::clone(run.state.config()), run.now), now: run.now };
    next.state.recall(kept, next.now);
    next.step(Vec::new());
    let (after, report) = (next.weight(), next.state.report().to_string());
    assert!((before - after).abs() < 0.05 && after < 0.5, "{before}, then {after}");
    assert!(report.contains("it starts slowly again"), "{report}");
}
