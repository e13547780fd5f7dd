//! Every verb of a scenario does what its name says.

use std::time::Duration;

use super::fixture::played;
use crate::sim::Run;

/// A minute of load, with these events.
fn with(events: &str) -> Run {
    played(1, &format!("duration: 60s\nload: {{ shop: {{ rps: 200 }} }}\nevents:\n{events}"))
}

/// What zones `a` to `d` get at a second, in whole percent.
fn shares(run: &Run, second: u64) -> [u32; 4] {
    let second = Duration::from_secs(second);
    let sample = run.samples.iter().find(|sample| sample.at == second).unwrap();
    let share = |zone: usize| (sample.zones[zone].share * 100.0).round() as u32;
    [share(0), share(1), share(2), share(3)]
}

#[test]
fn backends_zones_and_regions_are_killed_and_return() {
    let run = with(
        "  - { at: 5s, kill: { backend: '10.0.0.1:80' } }\n\
                    \x20 - { at: 10s, return: { backend: '10.0.0.1:80' } }\n",
    );
    let backend = &run.incidents[0];
    assert!(backend.detected.is_some() && backend.ended.is_some() && backend.restored.is_some());
    let run = with("  - { at: 5s, kill: { zone: a } }\n  - { at: 15s, kill: { region: west } }\n");
    assert_eq!(shares(&run, 10)[0], 0);
    assert_eq!(shares(&run, 20), [0, 100, 0, 0]);
}

#[test]
fn a_leak_grows_and_an_impairment_is_there_at_once_until_it_is_mended() {
    let run = with(
        "  - { at: 0s, leak: { zone: a, errors: 40%, over: 40s } }\n\
                    \x20 - { at: 45s, mend: { zone: a } }\n",
    );
    // Whoever leaks worst is out for a while: what counts is a span, not a second.
    let failed = |from: usize, to: usize| {
        run.samples[from..to].iter().map(|sample| sample.rates.failed).sum::<f64>()
    };
    let (early, late) = (failed(0, 10), failed(10, 45));
    assert!(early > 0.0 && late / 35.0 > 2.0 * early / 10.0, "{early} {late}");
    assert_eq!(failed(46, 59), 0.0);
    let run = with("  - { at: 10s, impair: { zone: a, errors: 40%, latency: 100ms, for: 10s } }\n");
    let failed: f64 = run.samples.iter().map(|sample| sample.rates.failed).sum();
    // 40 % of a quarter of 2,000, but for what ejection spares them.
    assert!((50.0..250.0).contains(&failed), "{failed}");
}

#[test]
fn capacity_is_lost_and_a_load_follows_its_curve() {
    let run = played(
        1,
        "duration: 60s\nworld: { default: { rps: 100 } }\n\
         load: { shop: { curve: [ { at: 0s, rps: 0 }, { at: 40s, rps: 200 } ] } }\n\
         events: [ { at: 50s, capacity: { zone: a, left: 20% } } ]\n",
    );
    let offered = |second: usize| run.samples[second].rates.offered;
    assert!((45.0..55.0).contains(&offered(9)) && (195.0..205.0).contains(&offered(45)));
    assert_eq!(run.samples[55].zones[0].capacity, Some(20.0));
    assert!(run.totals.worst.as_ref().is_some_and(|(zone, load, _)| &**zone == "a" && *load > 2.0));
}

#[test]
fn orders_are_those_of_operators() {
    let drained = with("  - { at: 5s, drain: { zone: a, for: 20s, why: update } }\n");
    assert_eq!((shares(&drained, 10)[0], shares(&drained, 40)[0]), (0, 25));
    let text = drained.text();
    assert!(text.contains("orders drain of zone a for 20 s: update"), "{text}");
    let fading = with("  - { at: 5s, drain: { zone: a, over: 40s } }\n");
    assert!((10..=18).contains(&shares(&fading, 25)[0]), "{:?}", shares(&fading, 25));
    let maint = with("  - { at: 5s, maint: { zone: a } }\n  - { at: 20s, undrain: { zone: a } }\n");
    assert_eq!((shares(&maint, 10)[0], shares(&maint, 40)[0]), (0, 25));
    let weighed = with("  - { at: 5s, weight: { zone: a, is: 0 } }\n");
    assert_eq!(shares(&weighed, 10), [0, 33, 33, 33]);
    let failed = with(
        "  - { at: 5s, fail: { zone: a, to: d } }\n\
                       \x20 - { at: 20s, restore: { zone: a, advance: true } }\n",
    );
    assert_eq!(shares(&failed, 10), [0, 25, 25, 50]);
    assert!(failed.text().contains("a out -> restoring, stage 1"), "{}", failed.text());
}

#[test]
fn orders_hold_automation_and_traffic() {
    let traffic = with("  - { at: 5s, traffic: { pool: shop, share: 25% } }\n");
    assert!(traffic.totals.shed.abs_diff(55 * 150) < 100, "{:?}", traffic.totals);
    let stopped = with("  - { at: 5s, stop: { region: west } }\n");
    assert_eq!(shares(&stopped, 10), [50, 50, 0, 0]);
    let paused = with(
        "  - { at: 5s, pause: {} }\n  - { at: 10s, kill: { zone: a, for: 20s } }\n\
                       \x20 - { at: 20s, resume: {} }\n",
    );
    let phases = paused.timeline.iter().filter(|entry| entry.what.kind() == "phase");
    let first = phases.map(|entry| entry.at).min();
    assert!(first.is_some_and(|at| at >= Duration::from_secs(20)), "{first:?}");
}
