//! What a new table shares with the one before.

use std::sync::Arc;

use crate::config::{Action, Algorithm, Match};
use crate::table::chooser::Chooser;
use crate::table::fixture::{IP_HASH, World, backends, route, zone};
use crate::table::zone::Members;
use crate::table::{Picker, Table};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::RoundRobin, Algorithm::LeastConnections, IP_HASH];

fn members(table: &Table, zone: usize) -> &Arc<Members> {
    &table.pools[0].zones[zone].members
}

fn two_zones() -> Vec<crate::model::ZonePlan> {
    ["a", "b"].map(|name| zone(name, 0.5, backends(name, &[1, 2, 3]))).to_vec()
}

#[test]
fn the_same_plan_shares_everything() {
    for algorithm in ALGORITHMS {
        let routes = vec![route("r", Match::default(), Action::Pools(vec![(0, 1)]))];
        let mut world = World::new(algorithm, routes);
        let first = world.table(two_zones(), None);
        let second = world.table(two_zones(), Some(&first));
        assert!(Arc::ptr_eq(&first.pools[0], &second.pools[0]));
        assert!(Arc::ptr_eq(&first.listeners[0], &second.listeners[0]));
        assert!(second.generation > first.generation);
    }
}

#[test]
fn a_changed_share_shares_the_members() {
    for algorithm in ALGORITHMS {
        let mut world = World::new(algorithm, vec![]);
        let first = world.table(two_zones(), None);
        let mut zones = two_zones();
        (zones[0].share, zones[1].share) = (0.1, 0.9);
        let second = world.table(zones, Some(&first));
        assert!(!Arc::ptr_eq(&first.pools[0], &second.pools[0]));
        assert_eq!(second.pools[0].zones[1].share, 0.9);
        assert!((0..2).all(|zone| Arc::ptr_eq(members(&first, zone), members(&second, zone))));
    }
}

#[test]
fn a_changed_weight_shares_the_other_zone_the_backends_and_the_ring() {
    for algorithm in ALGORITHMS {
        let mut world = World::new(algorithm, vec![]);
        let first = world.table(two_zones(), None);
        let mut zones = two_zones();
        Arc::make_mut(&mut zones[0].backends)[1].effective_weight = 0.0;
        let second = world.table(zones, Some(&first));
        assert!(Arc::ptr_eq(members(&first, 1), members(&second, 1)));
        let (before, after) = (members(&first, 0), members(&second, 0));
        assert!(!Arc::ptr_eq(before, after));
        let backends = before.backends.iter().zip(&after.backends);
        assert!(backends.into_iter().all(|(before, after)| Arc::ptr_eq(before, after)));
        if let (Chooser::IpHash(before), Chooser::IpHash(after)) = (&before.chooser, &after.chooser)
        {
            assert!(Arc::ptr_eq(&before.ring, &after.ring));
        }
    }
}

#[test]
fn a_changed_address_is_another_backend_with_the_same_counts() {
    let mut world = World::new(Algorithm::RoundRobin, vec![]);
    let first = world.table(two_zones(), None);
    let mut zones = two_zones();
    let address = zones[0].backends[1].address.clone();
    Arc::make_mut(&mut zones[0].backends)[0].address = address;
    let second = world.table(zones, Some(&first));
    let (before, after) = (&members(&first, 0).backends[0], &members(&second, 0).backends[0]);
    assert_ne!(before.address, after.address);
    assert!(Arc::ptr_eq(&before.live, &after.live));
}

#[test]
fn another_algorithm_chooses_otherwise_among_the_same_backends() {
    let mut world = World::new(Algorithm::RoundRobin, vec![]);
    let first = world.table(two_zones(), None);
    let mut config = (*world.config).clone();
    config.pools[0].algorithm = IP_HASH;
    world.config = Arc::new(config);
    let second = world.table(two_zones(), Some(&first));
    assert!(matches!(members(&second, 0).chooser, Chooser::IpHash(_)));
    let mut picker = Picker::new(1);
    let mut choose = || second.pools[0].choose(&mut picker, Some(1), &[]).map(|l| l.live.id);
    assert_eq!(choose(), choose());
}

#[test]
fn a_pool_keeps_its_number_wherever_it_stands() {
    let mut world = World::new(Algorithm::RoundRobin, vec![]);
    let first = world.table(two_zones(), None);
    let id = first.pools[0].id;
    let mut config = (*world.config).clone();
    config.pools.insert(0, crate::table::fixture::pool("new", Algorithm::RoundRobin));
    world.config = Arc::new(config);
    let second = world.table(vec![], Some(&first));
    assert_eq!(second.pool(id).map(|pool| &*pool.name), Some("p"));
    assert_eq!(second.pools().map(|pool| &*pool.name).collect::<Vec<_>>(), ["new", "p"]);
    assert!(first.pool(second.pools[0].id).is_none());
}
