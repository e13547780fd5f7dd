//! What holds for every topology and every evidence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::{
    Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::fixture::{backend, config, fail, flat, ordered, pass, pool, region, zone};
use crate::config::{Pool, expand};
use crate::decision::pool::{Inputs, PoolCore};
use crate::decision::{Candidate, Input, Orders, State};
use crate::model::{Addresses, Admin, Health, PoolPlan};

/// One backend's weight, backup flag, health and order.
type Facts = (u32, bool, Health, Admin);

fn health() -> impl Strategy<Value = Health> {
    prop_oneof![
        1 => Just(Health::Unknown),
        1 => Just(Health::Down),
        3 => Just(Health::Up),
        1 => (0.0..=1.0).prop_map(Health::Degraded),
        1 => Just(Health::Degraded(f64::NAN)),
        1 => Just(Health::Degraded(7.0)),
    ]
}

fn facts() -> impl Strategy<Value = Facts> {
    let weight = prop_oneof![1 => Just(0), 3 => 1..=65_535_u32];
    let admin =
        prop_oneof![4 => Just(Admin::Ready), 1 => Just(Admin::Drain), 1 => Just(Admin::Maint)];
    (weight, any::<bool>(), health(), admin)
}

fn own_weight() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![1 => Just(None), 1 => Just(Some(0)), 3 => (1..=100_u32).prop_map(Some)]
}

/// Regions of zones of backends, each with its weight.
type World = Vec<(Option<u32>, Vec<(Option<u32>, Vec<Facts>)>)>;

fn world() -> impl Strategy<Value = World> {
    let zone = (own_weight(), prop::collection::vec(facts(), 0..4));
    let region = (own_weight(), prop::collection::vec(zone, 1..4));
    prop::collection::vec(region, 1..4)
}

fn built(world: &World) -> (Pool, Vec<Facts>) {
    let mut all = Vec::new();
    let mut regions = Vec::new();
    for (r, (weight, zones)) in world.iter().enumerate() {
        let mut built = Vec::new();
        for (z, (weight, members)) in zones.iter().enumerate() {
            let member = |facts: &Facts| {
                let host = all.len() as u8;
                all.push(*facts);
                let mut backend = backend(&format!("b{host}"), host);
                (backend.weight, backend.backup) = (facts.0, facts.1);
                backend
            };
            built.push(zone(&format!("z{z}"), *weight, members.iter().map(member).collect()));
        }
        regions.push(region(&format!("r{r}"), *weight, built));
    }
    (pool("api", regions), all)
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn decided(pool: &Pool, facts: &[Facts], now: Instant) -> PoolPlan {
    let backends = expand(pool, &Addresses::default());
    let sizes = pool.regions.iter().flat_map(|region| &region.zones);
    let sizes = sizes.map(|zone| zone.backends.len());
    let candidate = |place: usize| {
        let backend = &backends[place];
        let place: usize = backend.key.name[1..].parse().unwrap();
        let (_, _, health, admin) = facts[place];
        Candidate {
            backend,
            health,
            reason: None,
            last_resort: false,
            ordered: ordered(admin),
            ramp: 1.0,
            setbacks: 0,
        }
    };
    let mut core = PoolCore::new(pool, sizes);
    core.decide(&Inputs { pool, candidate, orders: &Orders::default(), now });
    PoolPlan::clone(&core.plan)
}

proptest! {
    #[test]
    fn shares_sum_to_one_or_nothing_and_go_where_they_may(world in world()) {
        let (pool, facts) = built(&world);
        let plan = decided(&pool, &facts, now());
        let zones = &plan.zones;

        let total: f64 = zones.iter().map(|zone| zone.share).sum();
        prop_assert!(total.abs() < 1e-9 || (total - 1.0).abs() < 1e-9, "{}", total);
        for zone in zones {
            prop_assert!((0.0..=1.0 + 1e-9).contains(&zone.share));
            let eligible: f64 = zone.backends.iter().map(|one| one.effective_weight).sum();
            prop_assert!(zone.share == 0.0 || eligible > 0.0, "a share for nobody");
        }

        let all = || zones.iter().flat_map(|zone| &*zone.backends);
        let primary = |name: &str| !facts[name[1..].parse::<usize>().unwrap()].1;
        let primaries = all().any(|one| primary(&one.name) && one.effective_weight > 0.0);
        for one in all() {
            let weighs = one.effective_weight > 0.0;
            let may = one.weight > 0
                && one.admin == Admin::Ready
                && !matches!(one.health, Health::Unknown | Health::Down);
            prop_assert!(may || !weighs, "{:?}", one);
            prop_assert!(one.effective_weight <= f64::from(one.weight));
            prop_assert!(!(weighs && primaries && !primary(&one.name)), "a backup too many");
        }
    }

    #[test]
    fn the_order_of_a_zones_backends_changes_nothing(world in world(), seed in any::<u64>()) {
        let (mut pool, facts) = built(&world);
        let now = now();
        let plan = decided(&pool, &facts, now);
        // By their text: a factor that is not a number does not even equal itself.
        let again = decided(&pool, &facts, now);
        prop_assert_eq!(format!("{plan:?}"), format!("{again:?}"), "same inputs, same plan");

        let mut random = fastrand::Rng::with_seed(seed);
        for zone in pool.regions.iter_mut().flat_map(|region| &mut region.zones) {
            random.shuffle(&mut zone.backends);
        }
        let shuffled = decided(&pool, &facts, now);
        for (one, other) in plan.zones.iter().zip(&shuffled.zones) {
            prop_assert!((one.share - other.share).abs() < 1e-9);
        }
    }

    #[test]
    fn the_order_in_which_backends_report_changes_nothing(
        reports in prop::collection::vec((0..4_u8, any::<bool>()), 0..60),
    ) {
        let backends = (0..4).map(|host| backend(&format!("b{host}"), host)).collect();
        let config = Arc::new(config(vec![flat("site", backends)]));
        let start = now();
        let state = State::new(Arc::clone(&config), start);
        let plan = |reports: &[(u8, bool)]| {
            let mut state = state.clone();
            let input = |(host, passed): &(u8, bool)| {
                let made = if *passed { pass } else { fail };
                Input::Observed(made("site", &format!("b{host}"), start))
            };
            // One fact at a time, deciding whenever that is due.
            for report in reports {
                state.step([input(report)], start);
            }
            // Reasons alone are not worth a decision; this one brings them up to date.
            let last = Input::Configured(Arc::clone(&config));
            state.step([last], start + Duration::from_secs(1));
            state.plan().clone()
        };
        let mut sorted = reports.clone();
        sorted.sort_by_key(|(host, _)| *host);
        prop_assert_eq!(plan(&reports), plan(&sorted));
    }
}
