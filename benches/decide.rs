//! What a decision costs in a large world: 50 pools of 13 regions with 5 zones of 20 backends each,
//! 65,000 backends in all.
//!
//! `one-zone` = one zone of one pool has failed; `one-zone-everywhere` = the same zone in all pools;
//! `nothing` = as many facts that change nothing; `from-nothing` = a reload with no table before: all
//! members gathered with what was seen of them, all pools decided, everything built; `start` = a
//! process that begins and has seen nothing. Each is timed from the facts to the table.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use pulsegate::config::{
    Algorithm, Backend, BackendLimits, Cadence, Config, HealthChecks, NetworkCheck, Pool, Region,
    Target, Zone,
};
use pulsegate::decision::{Input, State};
use pulsegate::live::Live;
use pulsegate::model::{BackendKey, Failure, Layer, Observation, Outcome, Reason};
use pulsegate::table::Table;
use pulsegate::{config, live, model, table};

#[path = "../src/table/fixture.rs"]
#[allow(dead_code, reason = "each benchmark uses its part of the tests' fixture")]
mod fixture;

const POOLS: usize = 50;
const REGIONS: usize = 13;
const ZONES: usize = 5;
const BACKENDS: usize = 20;

fn world() -> Config {
    fixture::config((0..POOLS).map(large).collect(), vec![])
}

fn large(number: usize) -> Pool {
    let (interval, timeout) = (Duration::from_millis(100), Duration::from_millis(50));
    let cadence = Cadence { interval, timeout, fall: 1, rise: 1, jitter: 0.0 };
    let network = Some(NetworkCheck::connect(cadence));
    let name = format!("pool-{number:02}");
    Pool {
        regions: (0..REGIONS).map(region).collect(),
        health: HealthChecks { network, ..HealthChecks::default() },
        ..fixture::pool(&name, Algorithm::RoundRobin)
    }
}

fn region(region: usize) -> Region {
    let zone = |zone: usize| {
        let backend = |n: usize| {
            let name = format!("r{region}-z{zone}-{n}").into();
            let target = Target::Inet(([10, region as u8, zone as u8, n as u8], 80).into());
            let (weight, backup, own_health) = (1, false, None);
            let limits = BackendLimits::default();
            Backend { name, target, weight, backup, limits, own_health }
        };
        let (name, backends) = (format!("z{zone}").into(), (0..BACKENDS).map(backend).collect());
        Zone { name, weight: None, priority: 0, capacity: None, backends }
    };
    let zones = (0..ZONES).map(zone).collect();
    Region { name: format!("r{region}").into(), weight: Some(1), zones }
}

fn observed(state: &State, pools: usize, regions: usize, zones: usize, up: bool) -> Vec<Input> {
    let now = start();
    let within = |backend: &BackendKey| {
        let mut parts = backend.name.trim_start_matches('r').split("-z");
        let region: usize = parts.next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let zone = parts.next().and_then(|text| text.split('-').next());
        let zone: usize = zone.and_then(|text| text.parse().ok()).unwrap_or(0);
        region < regions && zone < zones
    };
    let members = state.pools().take(pools).flat_map(|(_, members)| members);
    let keys = members.map(|member| &member.backend.key).filter(|key| within(key));
    let outcome = |up| match up {
        true => Outcome::Pass,
        false => Outcome::Fail(Reason { failure: Failure::Refused, detail: "connect".into() }),
    };
    keys.map(|key| {
        Input::Observed(Observation {
            backend: key.clone(),
            layer: Layer::Network,
            check: 0,
            at: now,
            latency: Duration::from_millis(1),
            outcome: outcome(up),
            agent: None,
        })
    })
    .collect()
}

#[expect(clippy::disallowed_methods, reason = "any moment will do")]
fn start() -> Instant {
    Instant::now()
}

fn built(state: &State, live: &Live, previous: Option<&Table>) -> Table {
    table::build(&table::Inputs {
        config: state.config(),
        plan: state.plan(),
        live,
        listeners: &[],
        previous,
        generation: 1,
    })
}

fn decide(criterion: &mut Criterion) {
    let config = Arc::new(world());
    let mut state = State::new(Arc::clone(&config), start());
    let all = observed(&state, POOLS, REGIONS, ZONES, true);
    state.step(all, start());
    state.step([], start() + Duration::from_secs(1));
    assert!(state.plan().pools[0].zones.iter().all(|zone| zone.share > 0.0));
    let live = Live::new(2);
    let first = built(&state, &live, None);

    let mut group = criterion.benchmark_group("decide-and-build/65000");
    let mut measure = |name: &str, facts: Vec<Input>, moves: bool| {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || (state.clone(), facts.clone()),
                |(mut state, facts)| {
                    let step = state.step(facts, start());
                    assert_eq!(step.plan.is_some(), moves);
                    let table = moves.then(|| built(&state, &live, Some(&first)));
                    black_box((state, table))
                },
                BatchSize::PerIteration,
            );
        });
    };
    measure("one-zone", observed(&state, 1, 1, 1, false), true);
    measure("one-zone-everywhere", observed(&state, POOLS, 1, 1, false), true);
    measure("nothing", observed(&state, POOLS, 1, 1, true), false);
    group.sample_size(10);
    group.bench_function("from-nothing", |bencher| {
        bencher.iter_batched(
            || (state.clone(), Live::new(2)),
            |(mut state, live)| {
                state.step([Input::Configured(Arc::clone(&config))], start());
                let table = built(&state, &live, None);
                black_box((state, live, table))
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("start", |bencher| {
        bencher.iter_batched(
            || Live::new(2),
            |live| {
                let state = State::new(Arc::clone(&config), start());
                let table = built(&state, &live, None);
                black_box((state, live, table))
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(decisions, decide);
criterion_main!(decisions);
