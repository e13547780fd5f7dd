//! The rest of a table's life: finding a route, building the next table, swapping it in.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use pulsegate::config::{Action, Algorithm, HostMatch, Match, PathMatch};
use pulsegate::model::ZonePlan;
use pulsegate::table::{Publisher, RequestView};
use pulsegate::{config, live, model, table};

#[path = "../src/table/fixture.rs"]
#[allow(dead_code, reason = "each benchmark uses its part of the tests' fixture")]
mod fixture;

use fixture::{Fields, IP_HASH, World, backends, route, zone};

/// The request matches the last route only.
fn route_match(criterion: &mut Criterion) {
    for routes in [1, 10, 100] {
        let pattern = |n: usize| Match {
            hosts: vec![HostMatch::Exact(Arc::from(format!("service-{n:03}.example.com")))],
            path: Some(PathMatch::Prefix(Arc::from("/v1"))),
            ..Match::default()
        };
        let routes: Vec<_> = (0..routes)
            .map(|n| route(&format!("r{n}"), pattern(n), Action::Pools(vec![(0, 1)])))
            .collect();
        let host = format!("service-{:03}.example.com", routes.len() - 1);
        let name = format!("route/{}", routes.len());
        let table = World::new(Algorithm::RoundRobin, routes).table(vec![], None);
        let headers = Fields(&[("accept", "*/*"), ("user-agent", "bench")]);
        let request = RequestView { method: "GET", host: &host, path: "/v1/x", headers: &headers };
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| black_box(table.listeners[0].route(black_box(&request))).is_some());
        });
    }
}

/// Six zones; in the first, one backend is up or down.
fn plan(size: usize, up: bool) -> Vec<ZonePlan> {
    let names = ["a", "b", "c", "d", "e", "f"];
    let mut zones =
        names.map(|name| zone(name, 1.0 / 6.0, backends(name, &vec![1; size.div_ceil(6)])));
    Arc::make_mut(&mut zones[0].backends)[0].effective_weight = f64::from(u8::from(up));
    zones.into()
}

fn build(criterion: &mut Criterion) {
    for algorithm in [Algorithm::RoundRobin, Algorithm::LeastConnections, IP_HASH] {
        for size in [1_000, 10_000] {
            let mut world = World::new(algorithm.clone(), vec![]);
            let first = world.table(plan(size, true), None);
            let mut measure = |what: &str, up: bool, previous| {
                let name = format!("build/{}/{what}/{size}", algorithm.name());
                criterion.bench_function(&name, |bencher| {
                    bencher.iter_batched(
                        || plan(size, up),
                        |zones| world.table(zones, previous),
                        BatchSize::LargeInput,
                    );
                });
            };
            measure("from-nothing", true, None);
            measure("one-down", false, Some(&first));
            measure("no-change", true, Some(&first));
        }
    }
}

fn swap(criterion: &mut Criterion) {
    let mut world = World::new(Algorithm::RoundRobin, vec![]);
    let (mut publisher, reader) = Publisher::new(world.table(plan(10_000, true), None));
    let mut cached = reader.cached();
    criterion.bench_function("load/cached", |bencher| {
        bencher.iter(|| black_box(cached.load()).generation);
    });
    criterion.bench_function("load/full", |bencher| bencher.iter(|| black_box(reader.load())));
    criterion.bench_function("swap/10000", |bencher| {
        bencher.iter_batched(
            || world.table(plan(10_000, true), Some(&reader.load())),
            |table| {
                publisher.publish(table);
                publisher.reap()
            },
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(table_life, route_match, build, swap);
criterion_main!(table_life);
