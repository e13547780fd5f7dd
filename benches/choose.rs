//! Choosing a backend, as a request does: pick, count in flight, and count out again.
//!
//! To stay at or below 1 µs for each algorithm, with 10,000 backends too, whatever is in flight.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use pulsegate::balance::ip_hash;
use pulsegate::config::Algorithm;
use pulsegate::model::{BackendPlan, ZonePlan};
use pulsegate::table::{Lease, Picker, Pool, Table};
use pulsegate::{config, live, model, table};

#[path = "../src/table/fixture.rs"]
#[allow(dead_code, reason = "each benchmark uses its part of the tests' fixture")]
mod fixture;

use fixture::{IP_HASH, World, backends, zone};

const SIZES: [usize; 3] = [10, 1_000, 10_000];

fn one_zone(backends: Vec<BackendPlan>) -> Vec<ZonePlan> {
    vec![zone("a", 1.0, backends)]
}

fn equal(size: usize) -> Vec<ZonePlan> {
    one_zone(backends("a", &vec![1; size]))
}

/// Weights 1 to 7, and one far above all.
fn weighted(size: usize) -> Vec<ZonePlan> {
    let mut weights: Vec<u32> = (0..size as u32).map(|n| n % 7 + 1).collect();
    weights[size / 2] = 10_000;
    one_zone(backends("a", &weights))
}

/// Every second backend is down.
fn half_down(size: usize) -> Vec<ZonePlan> {
    let mut backends = backends("a", &vec![1; size]);
    backends.iter_mut().step_by(2).for_each(|backend| backend.effective_weight = 0.0);
    one_zone(backends)
}

/// The same backends in six zones.
fn six_zones(size: usize) -> Vec<ZonePlan> {
    let names = ["a", "b", "c", "d", "e", "f"];
    let zone_of = |name| zone(name, 1.0 / 6.0, backends(name, &vec![1; size.div_ceil(6)]));
    names.map(zone_of).into()
}

fn build(algorithm: &Algorithm, zones: Vec<ZonePlan>) -> Table {
    World::new(algorithm.clone(), vec![]).table(zones, None)
}

/// One request on every backend, by way of the table, but for these last ones.
fn hold(pool: &Pool, picker: &mut Picker, free: usize) -> Vec<Lease> {
    let members: usize = pool.zones.iter().map(|zone| zone.backends().len()).sum();
    (free..members).filter_map(|_| pool.choose(picker, None, &[])).collect()
}

fn measure(
    criterion: &mut Criterion,
    name: &str,
    size: usize,
    table: &Table,
    in_flight: impl FnOnce(&Pool, &mut Picker) -> Vec<Lease>,
    tries: usize,
) {
    let Some(pool) = table.pools().next() else { return };
    let mut picker = Picker::new(7);
    let held = in_flight(pool, &mut picker);
    let tried: Vec<u64> = held.iter().take(tries).map(|lease| lease.live.id).collect();
    let mut client = 0_u32;
    criterion.bench_function(&format!("{name}/{size}"), |bencher| {
        bencher.iter(|| {
            client = client.wrapping_add(1);
            let key = ip_hash::key(&client.to_le_bytes());
            drop(black_box(pool.choose(&mut picker, Some(key), &tried)));
        });
    });
    drop(held);
}

fn idle(_: &Pool, _: &mut Picker) -> Vec<Lease> {
    vec![]
}

fn round_robin(criterion: &mut Criterion) {
    let algorithm = Algorithm::RoundRobin;
    for size in SIZES {
        measure(criterion, "round-robin/equal", size, &build(&algorithm, equal(size)), idle, 0);
        let table = build(&algorithm, weighted(size));
        measure(criterion, "round-robin/weighted", size, &table, idle, 0);
        let table = build(&algorithm, six_zones(size));
        measure(criterion, "round-robin/six-zones", size, &table, idle, 0);
    }
}

fn least_connections(criterion: &mut Criterion) {
    let algorithm = Algorithm::LeastConnections;
    let all_busy = |pool: &Pool, picker: &mut Picker| hold(pool, picker, 0);
    let one_free = |pool: &Pool, picker: &mut Picker| hold(pool, picker, 1);
    for size in SIZES {
        let table = build(&algorithm, equal(size));
        measure(criterion, "least-connections/idle", size, &table, idle, 0);
        measure(criterion, "least-connections/all-busy", size, &table, all_busy, 0);
        measure(criterion, "least-connections/one-free", size, &table, one_free, 0);
        measure(criterion, "least-connections/retry", size, &table, all_busy, 2);
        let table = build(&algorithm, weighted(size));
        measure(criterion, "least-connections/weighted", size, &table, all_busy, 0);
    }
}

fn ip_hash(criterion: &mut Criterion) {
    for size in SIZES {
        measure(criterion, "ip-hash/equal", size, &build(&IP_HASH, equal(size)), idle, 0);
        measure(criterion, "ip-hash/half-down", size, &build(&IP_HASH, half_down(size)), idle, 0);
        measure(criterion, "ip-hash/six-zones", size, &build(&IP_HASH, six_zones(size)), idle, 0);
    }
}

criterion_group!(choose, round_robin, least_connections, ip_hash);
criterion_main!(choose);
