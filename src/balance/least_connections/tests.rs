//! The two-level search against one long scan.

use proptest::prelude::*;

use super::{Load, Loads, Without, choose};

/// In-flight counts and weights.
#[derive(Debug)]
struct Model(Vec<(u32, u32)>);

impl Loads for Model {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn load(&self, member: usize) -> Load {
        let (in_flight, weight) = self.0[member];
        Load::new(in_flight, weight)
    }
}

/// The first member with the least load, going round from `start`, by exact fractions.
fn scan(model: &Model, start: usize, excluded: &[usize]) -> Option<usize> {
    let members = (start..model.0.len()).chain(0..start);
    members.filter(|member| !excluded.contains(member)).min_by(|a, b| {
        let ((a_count, a_weight), (b_count, b_weight)) = (model.0[*a], model.0[*b]);
        let a = u128::from(a_count + 1) * u128::from(b_weight);
        let b = u128::from(b_count + 1) * u128::from(a_weight);
        a.cmp(&b)
    })
}

#[test]
fn nothing_is_chosen_from_nothing() {
    assert_eq!(choose(&Model(vec![]), 3), None);
    let all = Without { loads: &Model(vec![(0, 1), (5, 1)]), excluded: &[0, 1] };
    assert_eq!(choose(&all, 0), None);
    let all: Vec<usize> = (0..200).collect();
    let model = Model(vec![(0, 1); 200]);
    assert_eq!(choose(&Without { loads: &model, excluded: &all }, 70), None);
}

#[test]
fn equals_are_used_in_turn_over_all_blocks() {
    let model = Model(vec![(4, 7); 200]);
    let mut start = 150;
    for turn in 0..400 {
        let member = choose(&model, start).unwrap();
        assert_eq!(member, (150 + turn) % 200);
        start = member + 1;
    }
}

#[test]
fn a_weight_twice_as_high_carries_twice_as_much() {
    let mut model = Model(vec![(0, 1_000), (0, 2_000)]);
    let mut start = 0;
    for _ in 0..300 {
        let member = choose(&model, start).unwrap();
        model.0[member].0 += 1;
        start = member + 1;
    }
    assert_eq!([model.0[0].0, model.0[1].0], [100, 200]);
}

#[test]
fn a_load_survives_its_packing() {
    let load = Load::new(u32::MAX, 65_535_000);
    assert_eq!(Load::from_bits(load.to_bits()), load);
    assert!(load < Load::EXCLUDED);
}

proptest! {
    #[test]
    fn chooses_what_a_scan_chooses(
        members in prop::collection::vec((0_u32..4, 1_u32..4), 1..300),
        start in any::<prop::sample::Index>(),
        excluded in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let model = Model(members);
        let start = start.index(model.len());
        let excluded: Vec<usize> = excluded.iter().map(|index| index.index(model.len())).collect();
        let chosen = choose(&Without { loads: &model, excluded: &excluded }, start);
        prop_assert_eq!(chosen, scan(&model, start, &excluded));
    }
}
