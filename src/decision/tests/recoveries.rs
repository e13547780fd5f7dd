//! Ten thousand recoveries of each kind, simulated: how often the gates err.

use std::f64::consts::TAU;
use std::time::Duration;

use fastrand::Rng;

use crate::config::Restoration;
use crate::decision::start::Start;
use crate::decision::tests::fixture::flat;
use crate::decision::trial::{Flow, Trial, errors};
use crate::model::{BackendKey, LATENCY_BUCKETS, Traffic};

const RECOVERIES: u32 = 10_000;
/// Seconds between two looks.
const LOOK: f64 = 60.0;
/// Looks in an hour.
const LOOKS: u32 = 60;
/// Requests per second in the whole pool, of which a third is the zone's when it is back.
const RPS: f64 = 1000.0;

/// The rates at which requests fail and are slow.
#[derive(Clone, Copy)]
struct Rates {
    failing: f64,
    slow: f64,
}

const HEALTHY: Rates = Rates { failing: 0.005, slow: 0.01 };
/// Zones all of whose answers take about as long.
const ALIKE: Rates = Rates { slow: 0.0, ..HEALTHY };

/// How often something of this rate happens among so many: Poisson, by its normal form where it is
/// large.
fn happen(rng: &mut Rng, all: f64, rate: f64) -> u64 {
    let mean = all * rate;
    if mean > 20.0 {
        // Box and Muller 1958.
        let normal = (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (TAU * rng.f64()).cos();
        return (mean + mean.sqrt() * normal).round().max(0.0) as u64;
    }
    let nothing = (-mean).exp();
    let (mut product, mut count) = (rng.f64(), 0);
    while product > nothing {
        product *= rng.f64();
        count += 1;
    }
    count
}

fn flow(rng: &mut Rng, requests: f64, rates: Rates) -> Flow {
    let all = requests.round() as u64;
    let slow = happen(rng, requests, rates.slow).min(all);
    let mut latency = [0; LATENCY_BUCKETS];
    (latency[6], latency[12]) = (all - slow, slow);
    let key = BackendKey { pool: "api".into(), name: "a".into() };
    let server_errors = happen(rng, requests, rates.failing).min(all);
    let mut flow = Flow::default();
    flow.add(&Traffic { answered: all, server_errors, latency, ..Traffic::none(key) });
    flow
}

/// How a recovery ends: rolled back, or at least past so many stages.
#[derive(Clone, Copy, PartialEq)]
struct End {
    rolled_back: bool,
    stages: usize,
}

/// One recovery of a zone with these rates beside others; a stage that is not decided after an hour is held.
fn recover(rng: &mut Rng, restoration: &Restoration, zone: Rates, beside: Rates) -> End {
    let watch = (1.0, restoration.watch);
    let stages = restoration.stages.iter().filter(|stage| !stage.is_whole_at_once());
    let phases = stages.map(|stage| (stage.share, stage.hold)).chain([watch]);
    for (stage, (share, hold)) in phases.enumerate() {
        let mut trial = Trial::default();
        let own = RPS * LOOK * share / 3.0;
        let others = RPS * LOOK - own;
        let holds = (hold.as_secs_f64() / LOOK) as u32;
        let is_watch = stage + 1 == restoration.stages.len();
        for look in 1..=LOOKS {
            let (own, others) = (flow(rng, own, zone), flow(rng, others, beside));
            trial.take(&own, &others, &restoration.gate, errors(restoration));
            if trial.worse().is_some() {
                return End { rolled_back: true, stages: stage };
            }
            let held = look >= holds;
            if held && (is_watch || trial.missing(&restoration.gate).is_none()) {
                break;
            }
            if look == LOOKS {
                return End { rolled_back: false, stages: stage };
            }
        }
    }
    End { rolled_back: false, stages: restoration.stages.len() }
}

fn ends(zone: Rates) -> Vec<End> {
    ends_beside(HEALTHY, zone)
}

fn ends_beside(others: Rates, zone: Rates) -> Vec<End> {
    let restoration = Restoration::default();
    let mut rng = Rng::with_seed(20_261_121);
    (0..RECOVERIES).map(|_| recover(&mut rng, &restoration, zone, others)).collect()
}

fn part(ends: &[End], what: impl Fn(&End) -> bool) -> f64 {
    ends.iter().filter(|end| what(end)).count() as f64 / f64::from(RECOVERIES)
}

/// A single backend of twenty on its way back over half a minute; whether it was set back.
fn start(rng: &mut Rng, backend: Rates) -> bool {
    let mut site = flat("site", vec![]);
    site.slow_start = Some(Duration::from_secs(30));
    let begun = tokio::time::Instant::now().into_std();
    let mut start = Start::new(None, begun);
    for second in 0..30 {
        let part = start.part(&site, begun + Duration::from_secs(second)).unwrap_or(1.0);
        let own = flow(rng, RPS * part / 20.0, backend);
        let others = flow(rng, RPS * (1.0 - part / 20.0), HEALTHY);
        start.judge(&own, &others, &site.restoration.gate);
        if start.worse().is_some() {
            return true;
        }
    }
    false
}

#[test]
fn a_backend_as_good_as_the_others_is_hardly_ever_set_back_and_a_bad_one_nearly_always() {
    let mut rng = Rng::with_seed(20_261_121);
    let mut set_back = |rates| (0..RECOVERIES).filter(|_| start(&mut rng, rates)).count();
    let alpha = Restoration::default().gate.alpha;
    let good = set_back(HEALTHY);
    assert!(good as f64 <= alpha * f64::from(RECOVERIES), "{good} good ones were set back");
    for bad in [Rates { failing: 0.05, ..HEALTHY }, Rates { slow: 0.1, ..HEALTHY }] {
        let bad = set_back(bad);
        assert!(bad as f64 >= 0.99 * f64::from(RECOVERIES), "{bad} of the bad ones were set back");
    }
}

#[test]
fn a_zone_as_good_as_the_others_is_hardly_ever_rolled_back() {
    let ends = ends(HEALTHY);
    let (alpha, back) = (Restoration::default().gate.alpha, part(&ends, |end| end.rolled_back));
    assert!(back <= alpha, "{back} of the good zones were rolled back");
    let whole = part(&ends, |end| end.stages == 4);
    assert!(whole >= 0.98, "{whole} of them came back within the time");
}

#[test]
fn a_zone_that_fails_or_is_slow_hardly_ever_passes_its_first_stage() {
    let beta = Restoration::default().gate.beta;
    for zone in [
        Rates { failing: 3.0 * HEALTHY.failing, ..HEALTHY },
        Rates { slow: 3.0 * HEALTHY.slow, ..HEALTHY },
    ] {
        let ends = ends(zone);
        let passed = part(&ends, |end| end.stages > 0);
        assert!(passed <= beta, "{passed} of the bad zones passed");
        let whole = part(&ends, |end| end.stages == 4);
        assert!(whole <= beta / 20.0, "{whole} of them came back");
    }
}

#[test]
fn a_zone_that_is_plainly_slow_never_passes_its_first_stage() {
    let ends = ends(Rates { slow: 0.25, ..HEALTHY });
    assert!(ends.iter().all(|end| end.rolled_back && end.stages == 0));
}

#[test]
fn beside_zones_that_are_all_alike_a_good_one_passes_and_a_slow_one_does_not() {
    let good = ends_beside(ALIKE, ALIKE);
    let (alpha, back) = (Restoration::default().gate.alpha, part(&good, |end| end.rolled_back));
    assert!(back <= alpha, "{back} of the good zones were rolled back");
    let whole = part(&good, |end| end.stages == 4);
    assert!(whole >= 0.98, "{whole} of them came back within the time");
    for slow in [0.05, 1.0] {
        let ends = ends_beside(ALIKE, Rates { slow, ..ALIKE });
        assert!(ends.iter().all(|end| end.rolled_back && end.stages == 0), "{slow}");
    }
}
