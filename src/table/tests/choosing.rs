//! Shares, weights, what was tried, and in-flight counts.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use crate::balance::ip_hash;
use crate::config::Algorithm;
use crate::table::fixture::{IP_HASH, World, backends, zone};
use crate::table::{Lease, Picker, Pool, Table};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::RoundRobin, Algorithm::LeastConnections, IP_HASH];

fn pool(table: &Table) -> &Pool {
    table.pools().next().unwrap()
}

/// How often each backend is chosen in this many picks, each ended before the next.
fn counts(pool: &Pool, picker: &mut Picker, picks: u64) -> HashMap<Arc<str>, u64> {
    let mut counts = HashMap::new();
    for n in 0..picks {
        let lease = pool.choose(picker, Some(ip_hash::key(&n.to_le_bytes())), &[]).unwrap();
        *counts.entry(Arc::clone(&lease.name)).or_default() += 1;
    }
    counts
}

#[test]
fn a_lease_counts_its_backend_in_flight() {
    for algorithm in ALGORITHMS {
        for size in [3, 200] {
            let zones = vec![zone("a", 1.0, backends("a", &vec![1; size]))];
            let table = World::new(algorithm.clone(), vec![]).table(zones, None);
            let lease = pool(&table).choose(&mut Picker::new(1), None, &[]).unwrap();
            let live = Arc::clone(&lease.live);
            assert_eq!(live.in_flight(), 1);
            drop(table);
            drop(lease);
            assert_eq!(live.in_flight(), 0);
        }
    }
}

#[test]
fn whoever_answers_badly_is_the_last_resort_where_the_zone_has_a_share() {
    for algorithm in ALGORITHMS {
        let mut world = World::new(algorithm, vec![]);
        let members = |share: f64| {
            let mut members = backends("a", &[1, 1]);
            (members[1].effective_weight, members[1].last_resort) = (0.0, true);
            vec![zone("a", share, members)]
        };
        let table = world.table(members(1.0), None);
        let first = pool(&table).choose(&mut Picker::new(1), None, &[]).unwrap();
        assert_eq!(&*first.name, "a-0");
        assert!(pool(&table).choose(&mut Picker::new(1), None, &[first.live.id]).is_none());
        let last = pool(&table).last_resort(&[first.live.id]).unwrap();
        assert_eq!(&*last.name, "a-1");
        assert!(pool(&table).last_resort(&[first.live.id, last.live.id]).is_none());
        let without = world.table(members(0.0), Some(&table));
        assert!(pool(&without).last_resort(&[]).is_none(), "an operator's zero is a zero");
        let well = world.table(vec![zone("a", 1.0, backends("a", &[1, 1]))], Some(&table));
        assert!(pool(&well).last_resort(&[]).is_none());
    }
}

#[test]
fn nobody_is_chosen_where_nobody_may_be() {
    for algorithm in ALGORITHMS {
        let mut world = World::new(algorithm, vec![]);
        let mut out = backends("a", &[1, 1]);
        for backend in &mut out {
            backend.effective_weight = 0.0;
        }
        let none: [Vec<_>; 4] = [
            vec![],
            vec![zone("a", 1.0, vec![])],
            vec![zone("a", 1.0, out)],
            vec![zone("a", 0.0, backends("a", &[1]))],
        ];
        for zones in none {
            let table = world.table(zones, None);
            assert!(pool(&table).choose(&mut Picker::new(1), Some(7), &[]).is_none());
        }
    }
}

#[test]
fn every_backend_that_takes_traffic_is_tried_once() {
    for algorithm in ALGORITHMS {
        for size in [5, 130] {
            let zones = ["a", "b", "c"].map(|name| zone(name, 0.3, backends(name, &vec![1; size])));
            let mut zones = zones.to_vec();
            zones.push(zone("d", 0.0, backends("d", &[1])));
            let table = World::new(algorithm.clone(), vec![]).table(zones, None);
            let mut picker = Picker::new(3);
            let mut tried: Vec<u64> = vec![];
            while let Some(lease) = pool(&table).choose(&mut picker, Some(99), &tried) {
                assert!(!tried.contains(&lease.live.id));
                tried.push(lease.live.id);
            }
            assert_eq!(tried.len(), 3 * size);
        }
    }
}

#[test]
fn a_zone_with_nothing_left_is_left_for_another() {
    for algorithm in ALGORITHMS {
        let zones = vec![zone("a", 0.9, backends("a", &[1])), zone("b", 0.1, backends("b", &[1]))];
        let table = World::new(algorithm, vec![]).table(zones, None);
        let mut picker = Picker::new(1);
        let first = pool(&table).choose(&mut picker, Some(5), &[]).unwrap();
        let second = pool(&table).choose(&mut picker, Some(5), &[first.live.id]).unwrap();
        assert_ne!(first.zone, second.zone);
    }
}

#[test]
fn the_order_goes_on_across_a_swap() {
    let mut world = World::new(Algorithm::RoundRobin, vec![]);
    let zones = || vec![zone("a", 1.0, backends("a", &[1; 7]))];
    let mut table = world.table(zones(), None);
    let mut picker = Picker::new(11);
    let mut chosen = vec![];
    for _ in 0..14 {
        chosen.push(Arc::clone(&pool(&table).choose(&mut picker, None, &[]).unwrap().name));
        table = world.table(zones(), Some(&table));
    }
    let unique: std::collections::HashSet<_> = chosen[..7].iter().collect();
    assert_eq!(unique.len(), 7);
    assert_eq!(chosen[..7], chosen[7..]);
}

#[test]
fn workers_begin_at_different_places() {
    let zones = vec![zone("a", 1.0, backends("a", &[1; 50]))];
    let table = World::new(Algorithm::RoundRobin, vec![]).table(zones, None);
    let first = |seed| pool(&table).choose(&mut Picker::new(seed), None, &[]).unwrap().live.id;
    let firsts: std::collections::HashSet<u64> = (0..20).map(first).collect();
    assert!(firsts.len() > 10, "{firsts:?}");
}

#[test]
fn a_degraded_backend_keeps_a_part_of_its_keys() {
    let mut degraded = backends("a", &[1, 1, 1, 1]);
    degraded[2].effective_weight = 0.5;
    let mut world = World::new(IP_HASH, vec![]);
    let before = world.table(vec![zone("a", 1.0, backends("a", &[1, 1, 1, 1]))], None);
    let after = world.table(vec![zone("a", 1.0, degraded)], Some(&before));
    let mut picker = Picker::new(1);
    let mut owner = |table: &Table, n: u32| {
        let key = ip_hash::key(&n.to_le_bytes());
        Arc::clone(&pool(table).choose(&mut picker, Some(key), &[]).unwrap().name)
    };
    let (mut kept, mut moved) = (0_u32, 0_u32);
    for n in 0..8_000 {
        let (was, is) = (owner(&before, n), owner(&after, n));
        assert!(was == is || &*was == "a-2");
        if &*was == "a-2" {
            if was == is { kept += 1 } else { moved += 1 }
        }
    }
    assert!(kept.abs_diff(moved) < (kept + moved) / 8, "{kept} kept, {moved} moved");
}

/// Zones with a share, backends with a weight; some of both are 0.
fn zones() -> impl Strategy<Value = Vec<(u32, Vec<u32>)>> {
    let weights = prop::collection::vec(0_u32..6, 1..8);
    prop::collection::vec((0_u32..6, weights), 1..5)
        .prop_filter("some share", |zones| zones.iter().any(|(share, _)| *share > 0))
        .prop_filter("weight where there is a share", |zones| {
            zones.iter().all(|(share, weights)| *share == 0 || weights.iter().any(|w| *w > 0))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn backends_are_chosen_by_share_and_weight(plan in zones(), seed in any::<u64>()) {
        let shares: u32 = plan.iter().map(|(share, _)| share).sum();
        let zones = plan.iter().enumerate().map(|(n, (share, weights))| {
            let name = format!("z{n}");
            zone(&name, f64::from(*share) / f64::from(shares), backends(&name, weights))
        });
        let table = World::new(Algorithm::RoundRobin, vec![]).table(zones.collect(), None);
        let picks = 3_000;
        let counts = counts(pool(&table), &mut Picker::new(seed), picks);
        for (n, (share, weights)) in plan.iter().enumerate() {
            let total: u32 = weights.iter().sum();
            for (m, weight) in weights.iter().enumerate() {
                let part = f64::from(share * weight) / f64::from(shares * total.max(1));
                let count = counts.get(&*format!("z{n}-{m}")).copied().unwrap_or(0);
                prop_assert!(part > 0.0 || count == 0);
                // Zones and backends are each off by a few turns at most, however many picks.
                prop_assert!((count as f64 - part * picks as f64).abs() < 20.0);
            }
        }
    }

    #[test]
    fn the_least_loaded_is_chosen_in_any_history(
        weights in prop::collection::vec(0_u32..4, 1..180),
        steps in prop::collection::vec((any::<prop::sample::Index>(), 0..3), 1..300),
    ) {
        let zones = vec![zone("a", 1.0, backends("a", &weights))];
        let table = World::new(Algorithm::LeastConnections, vec![]).table(zones, None);
        let pool = pool(&table);
        let mut picker = Picker::new(1);
        let mut leases: Vec<Lease> = vec![];
        for (index, step) in steps {
            if step == 0 && !leases.is_empty() {
                leases.swap_remove(index.index(leases.len()));
                continue;
            }
            let taking = pool.zones[0].backends().iter().filter(|backend| backend.weight > 0);
            let least = taking.map(|b| (b.live.in_flight() + 1) * 6 / b.weight).min();
            let lease = pool.choose(&mut picker, None, &[]);
            prop_assert_eq!(lease.as_ref().map(|l| l.live.in_flight() * 6 / l.weight), least);
            leases.extend(lease);
        }
    }
}
