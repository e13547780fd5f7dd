//! A summary against the backends' own counts.

use std::sync::Arc;

use proptest::prelude::*;

use super::{BLOCK, CHUNK, LoadSummary, Seat};
use crate::balance::least_connections::{self, Load, Loads};
use crate::live::{Backend, Live};
use crate::model::BackendKey;

fn backends(live: &Live, count: usize) -> Vec<Arc<Backend>> {
    let key = |n: usize| BackendKey { pool: Arc::from("p"), name: Arc::from(n.to_string()) };
    (0..count).map(|n| live.backend(&key(n))).collect()
}

fn summary(backends: &[Arc<Backend>]) -> LoadSummary {
    let weighted = backends.iter().zip((1..=3).cycle());
    let members: Vec<_> = weighted.map(|(b, weight)| (Arc::clone(b), weight)).collect();
    LoadSummary::new(&members)
}

/// The true loads, read one by one.
struct Truth<'a>(&'a [Arc<Backend>]);

impl Loads for Truth<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn load(&self, member: usize) -> Load {
        Load::new(self.0[member].in_flight(), member as u32 % 3 + 1)
    }
}

fn assert_true(summary: &LoadSummary, backends: &[Arc<Backend>]) {
    let truth = Truth(backends);
    for member in 0..truth.len() {
        assert_eq!(summary.load(member).to_bits(), truth.load(member).to_bits());
    }
    for block in 0..truth.len().div_ceil(BLOCK) {
        assert_eq!(summary.floor(block), truth.floor(block));
    }
}

#[test]
fn a_summary_begins_with_the_counts_as_they_are() {
    let live = Live::new(1);
    let backends = backends(&live, 3 * BLOCK - 5);
    for (n, backend) in backends.iter().enumerate() {
        (0..n % 7).for_each(|_| {
            backend.enter();
        });
    }
    assert_true(&summary(&backends), &backends);
}

#[test]
fn one_block_has_no_seats_and_reads_the_counts_themselves() {
    let live = Live::new(1);
    let backends = backends(&live, BLOCK);
    let summary = summary(&backends);
    assert!(summary.seat(0).is_none());
    backends[5].enter();
    assert_eq!(summary.load(5), Load::new(1, 3));
}

#[test]
fn what_changed_unseen_is_found_within_a_rotation() {
    let live = Live::new(1);
    let backends = backends(&live, 5 * BLOCK + 3);
    let summary = summary(&backends);
    for backend in &backends {
        backend.enter();
    }
    for turn in 0..6 * BLOCK / CHUNK {
        summary.heal(turn);
    }
    assert_true(&summary, &backends);
}

#[test]
fn after_a_race_a_rotation_makes_it_true_again() {
    let live = Live::new(1);
    let backends = backends(&live, 2 * BLOCK);
    let summary = summary(&backends);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (summary, backends) = (&summary, &backends);
            scope.spawn(move || {
                for turn in 0..5_000 {
                    let start = turn * 7 + worker;
                    let Some(chosen) = least_connections::choose(summary, start) else { return };
                    backends[chosen].enter();
                    summary.seat(chosen).iter().for_each(Seat::refresh);
                    if turn % 3 > 0 {
                        backends[chosen].leave();
                        summary.seat(chosen).iter().for_each(Seat::refresh);
                    }
                }
            });
        }
    });
    for turn in 0..2 * BLOCK / CHUNK {
        summary.heal(turn);
    }
    assert_true(&summary, &backends);
    let in_flight: u32 = backends.iter().map(|backend| backend.in_flight()).sum();
    assert_eq!(in_flight, 4 * 1_667);
}

proptest! {
    #[test]
    fn any_history_leaves_a_true_summary(
        steps in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..400),
    ) {
        let live = Live::new(1);
        let backends = backends(&live, 2 * BLOCK + 9);
        let summary = summary(&backends);
        let mut start = 0;
        let mut in_flight = Vec::new();
        for (index, begin) in steps {
            if begin || in_flight.is_empty() {
                let chosen = least_connections::choose(&summary, start).unwrap();
                prop_assert_eq!(Some(chosen), least_connections::choose(&Truth(&backends), start));
                backends[chosen].enter();
                in_flight.push(chosen);
                start = chosen + 1;
                summary.seat(chosen).unwrap().refresh();
            } else {
                let ended = in_flight.swap_remove(index.index(in_flight.len()));
                backends[ended].leave();
                summary.seat(ended).unwrap().refresh();
            }
        }
        assert_true(&summary, &backends);
    }
}
