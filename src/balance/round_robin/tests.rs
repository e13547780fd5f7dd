//! The bounds that the module's documentation promises.

use proptest::prelude::*;

use super::Schedule;

fn weights() -> impl Strategy<Value = Vec<u32>> {
    let even = prop::collection::vec(1_u32..20, 1..40);
    let fractions = prop::collection::vec(prop_oneof![Just(0), 1_u32..100_000], 1..40);
    let outliers =
        prop::collection::vec(prop_oneof![4 => Just(1_000), 1 => 1_u32..65_535_000], 1..40);
    prop_oneof![even, fractions, outliers]
        .prop_filter("some weight", |weights| weights.iter().any(|weight| *weight > 0))
}

/// The mean weight as the schedule rounds it.
fn mean(weights: &[u32]) -> u64 {
    let members = weights.iter().filter(|weight| **weight > 0).count() as u64;
    weights.iter().map(|weight| u64::from(*weight)).sum::<u64>().div_ceil(members)
}

fn picks(schedule: &Schedule, sequence: &mut u64, count: usize) -> Vec<usize> {
    (0..count).map(|_| schedule.next(sequence).unwrap()).collect()
}

#[test]
fn equal_weights_rotate() {
    let mut sequence = 7;
    let order = picks(&Schedule::new(&[3, 3, 3]), &mut sequence, 6);
    assert_eq!(order, [1, 2, 0, 1, 2, 0]);
}

#[test]
fn a_heavy_member_is_not_chosen_in_one_run() {
    let mut sequence = 0;
    let order = picks(&Schedule::new(&[5_000, 1_000, 1_000]), &mut sequence, 700);
    let longest = order.chunk_by(|a, b| a == b).map(<[usize]>::len).max();
    assert!(longest <= Some(4), "{longest:?}");
}

#[test]
fn without_weights_there_is_no_turn() {
    assert_eq!(Schedule::new(&[]).next(&mut 0), None);
    assert_eq!(Schedule::new(&[0, 0]).next(&mut 0), None);
    assert_eq!(Schedule::default().after(0).next(), None);
}

#[test]
fn one_of_ten_thousand_may_be_very_heavy() {
    let mut weights = vec![1_000; 10_000];
    weights[17] = 65_535_000;
    let schedule = Schedule::new(&weights);
    let mut sequence = 0;
    let chosen = picks(&schedule, &mut sequence, 75_534);
    assert!(sequence < 3 * 75_534, "{sequence} slots looked at");
    let heavy = chosen.iter().filter(|member| **member == 17).count();
    assert!((65_500..65_570).contains(&heavy), "{heavy}");
}

proptest! {
    #[test]
    fn whole_rounds_are_exact_to_one_turn(weights in weights(), rounds in 1_u64..300) {
        let schedule = Schedule::new(&weights);
        let end = rounds * schedule.slots.len() as u64;
        let mut counts = vec![0_u64; weights.len()];
        let mut sequence = 0;
        while let Some(member) = schedule.next(&mut sequence) {
            if sequence > end {
                break;
            }
            counts[member] += 1;
        }
        for (count, weight) in counts.into_iter().zip(&weights) {
            let (due, mean) = (rounds * u64::from(*weight), mean(&weights));
            prop_assert!(count == due / mean || count == due.div_ceil(mean));
        }
    }

    #[test]
    fn any_window_is_proportional(weights in weights(), start in any::<u32>(), length in 1_usize..400) {
        let schedule = Schedule::new(&weights);
        let mut counts = vec![0_u32; weights.len()];
        for member in picks(&schedule, &mut u64::from(start), length) {
            counts[member] += 1;
        }
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        for (count, weight) in counts.into_iter().zip(&weights) {
            let due = length as f64 * f64::from(*weight) / total;
            let bound = 2.0 + 2.0 * (f64::from(*weight) / mean(&weights) as f64).max(1.0);
            prop_assert!((f64::from(count) - due).abs() < bound, "{count} for {due}");
        }
    }

    #[test]
    fn few_slots_are_looked_at(weights in weights(), start in any::<u32>()) {
        let schedule = Schedule::new(&weights);
        let mut sequence = u64::from(start);
        let count = 50 * schedule.slots.len();
        picks(&schedule, &mut sequence, count);
        prop_assert!(sequence - u64::from(start) <= 3 * count as u64 + count as u64 / 8);
        prop_assert!(schedule.slots.len() <= 2 * weights.len());
    }

    #[test]
    fn members_without_weight_have_no_turn(weights in weights(), start in any::<u32>()) {
        let schedule = Schedule::new(&weights);
        for member in picks(&schedule, &mut u64::from(start), 100) {
            prop_assert!(weights[member] > 0);
        }
    }

    #[test]
    fn after_names_every_member_with_weight(weights in weights(), start in any::<u64>()) {
        let mut members: Vec<usize> = Schedule::new(&weights).after(start).collect();
        members.sort_unstable();
        members.dedup();
        let with_weight: Vec<usize> =
            (0..weights.len()).filter(|member| weights[*member] > 0).collect();
        prop_assert_eq!(members, with_weight);
    }
}
