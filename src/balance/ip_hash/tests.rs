//! Spread, and who moves when something changes.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Member, Ring, address_key, key, rendezvous, takes};

const KEYS: u64 = 20_000;

fn members(weights: &[u32]) -> Vec<Member> {
    let member = |(index, weight): (usize, &u32)| Member {
        name: Arc::from(format!("backend-{index}")),
        weight: *weight,
    };
    weights.iter().enumerate().map(member).collect()
}

fn keys() -> impl Iterator<Item = u64> {
    (0..KEYS).map(|n| key(&n.to_le_bytes()))
}

fn owner(ring: &Ring, key: u64, usable: impl Fn(usize) -> bool) -> Option<usize> {
    ring.walk(key).find(|member| usable(*member))
}

#[test]
fn keys_are_the_same_on_every_node_and_in_every_release() {
    assert_eq!(key(b""), 0x2d06_8005_38d3_94c2);
    assert_eq!(address_key([192, 0, 2, 1].into()), key(&[192, 0, 2, 1]));
    let ring = Ring::new(members(&[1, 1, 1, 1]));
    let owners: Vec<_> = (0..12_u8).filter_map(|n| owner(&ring, key(&[n]), |_| true)).collect();
    assert_eq!(owners, [3, 2, 2, 0, 1, 2, 3, 2, 1, 1, 0, 2]);
}

#[test]
fn an_ipv4_address_has_one_key_mapped_or_not() {
    let v4 = std::net::Ipv4Addr::new(203, 0, 113, 9);
    assert_eq!(address_key(v4.into()), address_key(v4.to_ipv6_mapped().into()));
}

#[test]
fn an_empty_ring_has_nobody() {
    assert_eq!(Ring::new(vec![]).walk(key(b"x")).next(), None);
    assert_eq!(Ring::new(members(&[0])).walk(key(b"x")).next(), None);
}

#[test]
fn a_walk_is_in_ring_order_and_goes_once_around() {
    let ring = Ring::new(members(&[1, 2, 3]));
    for key in keys().take(500).chain([0, u64::MAX]) {
        let first = ring.hashes.partition_point(|hash| *hash < key);
        let rotated = ring.owners[first..].iter().chain(&ring.owners[..first]);
        assert!(ring.walk(key).eq(rotated.map(|owner| *owner as usize)));
    }
}

#[test]
fn a_huge_ring_stays_bounded_and_everybody_is_on_it() {
    let ring = Ring::new(members(&vec![1; 20_000]));
    assert!(ring.hashes.len() <= (1 << 20) + 20_000);
    let mut owners = ring.owners.to_vec();
    owners.sort_unstable();
    owners.dedup();
    assert_eq!(owners.len(), 20_000);
}

#[test]
fn keys_are_spread_by_weight() {
    let weights = [1, 1, 2, 4];
    let ring = Ring::new(members(&weights));
    let mut counts = [0_u64; 4];
    for key in keys() {
        counts[owner(&ring, key, |_| true).unwrap()] += 1;
    }
    for (count, weight) in counts.into_iter().zip(weights) {
        let due = KEYS * u64::from(weight) / 8;
        assert!(count.abs_diff(due) < due / 3, "{count} of {due}");
    }
}

#[test]
fn a_smaller_part_takes_a_subset_of_a_larger_one() {
    let count = |part| keys().filter(|key| takes(*key, 1, part)).count() as u64;
    assert!(keys().all(|key| !takes(key, 1, 0.3) || takes(key, 1, 0.6)));
    assert!(count(0.3).abs_diff(KEYS * 3 / 10) < KEYS / 50);
    assert_eq!(count(0.0), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_member_that_leaves_moves_only_its_own_keys(
        weights in prop::collection::vec(1_u32..5, 2..12),
        gone in any::<prop::sample::Index>(),
    ) {
        let ring = Ring::new(members(&weights));
        let gone = gone.index(weights.len());
        for key in keys().take(2_000) {
            let before = owner(&ring, key, |_| true);
            let after = owner(&ring, key, |member| member != gone);
            prop_assert!(after != Some(gone));
            prop_assert!(before == Some(gone) || before == after);
        }
    }

    #[test]
    fn a_changed_share_moves_only_the_changed_part(
        shares in prop::collection::vec(0.05_f64..1.0, 2..8),
        changed in any::<prop::sample::Index>(),
        factor in 0.0_f64..1.0,
    ) {
        let changed = changed.index(shares.len());
        let mut after = shares.clone();
        after[changed] *= factor;
        let winner = |shares: &[f64], key| {
            let parties = shares.iter().enumerate();
            let parties = parties.map(|(zone, share)| (super::key(&[zone as u8]), *share));
            rendezvous(key, parties, f64::INFINITY).map(|(winner, _)| winner)
        };
        let mut moved = 0.0;
        for key in keys() {
            let (was, is) = (winner(&shares, key), winner(&after, key));
            if was != is {
                moved += 1.0;
                prop_assert_eq!(was, Some(changed), "moved between unchanged zones");
            }
        }
        let part = |shares: &[f64]| shares[changed] / shares.iter().sum::<f64>();
        let due = part(&shares) - part(&after);
        prop_assert!((moved / KEYS as f64 - due).abs() < 0.02, "{} of {due}", moved / KEYS as f64);
    }

    #[test]
    fn scores_lead_through_all_parties_with_weight(key in any::<u64>(), zones in 1_usize..9) {
        let parties = || (0..zones).map(|zone| (super::key(&[zone as u8]), (zone % 3) as f64));
        let mut below = f64::INFINITY;
        let mut seen = Vec::new();
        while let Some((winner, score)) = rendezvous(key, parties(), below) {
            seen.push(winner);
            below = score;
        }
        seen.sort_unstable();
        let with_weight: Vec<usize> = (0..zones).filter(|zone| zone % 3 > 0).collect();
        prop_assert_eq!(seen, with_weight);
    }
}
