//! The truth table, row by row, against every combination of what can be said.

use crate::health::combine::{Cause, Said, combine};
use crate::health::detector::Verdict;
use crate::health::ejection::Standing;
use crate::model::{Health, Layer};

/// What a layer leaves of the weight in these tests.
const APPLICATION: f64 = 0.5;
const BUSINESS: f64 = 0.1;
/// What a trial leaves.
const TRIAL: f64 = 0.2;

/// The rows of the module's documentation: what each layer and traffic say, then the verdict and
/// who decides.
const ROWS: [[&str; 8]; 14] = [
    ["not asked", "not asked", "not asked", "not asked", "·", "·", "Up", "-"],
    ["down", "·", "·", "·", "·", "·", "Down", "network"],
    ["·", "·", "·", "·", "·", "ejected", "Down", "traffic"],
    ["·", "down", "·", "·", "·", "·", "Down", "process"],
    ["·", "·", "down", "·", "·", "·", "Down", "application"],
    ["unknown", "·", "·", "·", "·", "·", "Unknown", "network"],
    ["·", "unknown", "·", "·", "·", "·", "Unknown", "process"],
    ["·", "·", "unknown", "·", "·", "·", "Unknown", "application"],
    ["not asked", "not asked", "not asked", "unknown", "·", "·", "Unknown", "business"],
    ["·", "·", "fails", "·", "·", "·", "Degraded", "the least"],
    ["·", "·", "·", "fails", "·", "·", "Degraded", "the least"],
    ["·", "·", "·", "·", "a part", "·", "Degraded", "the least"],
    ["·", "·", "·", "·", "·", "on trial", "Degraded", "the least"],
    ["·", "·", "·", "·", "·", "·", "Up", "-"],
];

/// What a layer may say, and in which words the table tells it.
#[derive(Clone, Copy, Debug)]
struct Says(Option<Verdict>, Option<f64>);

impl Says {
    /// `lowest`: no layer below is asked.
    fn word(self, lowest: bool) -> &'static str {
        match self {
            Self(None, _) => "not asked",
            Self(Some(Verdict::Down), None) => "down",
            Self(Some(Verdict::Down), Some(_)) => "fails",
            Self(Some(Verdict::Unknown), Some(_)) if !lowest => "not waited for",
            Self(Some(Verdict::Unknown), _) => "unknown",
            Self(Some(Verdict::Up | Verdict::Presumed), _) => "up",
        }
    }
}

fn options(keeps: &[Option<f64>]) -> Vec<Says> {
    let verdicts = [None, Some(Verdict::Unknown), Some(Verdict::Presumed), Some(Verdict::Up)];
    let verdicts = verdicts.into_iter().chain([Some(Verdict::Down)]);
    verdicts.flat_map(|verdict| keeps.iter().map(move |keeps| Says(verdict, *keeps))).collect()
}

fn expected(says: [Says; 4], agent: f64, traffic: Standing) -> (Health, Option<&'static str>) {
    let lowest = says.iter().position(|it| it.0.is_some());
    let words: Vec<&str> = (0..4).map(|index| says[index].word(lowest == Some(index))).collect();
    let fails = |layer: usize| words[layer] == "fails";
    let parts = [
        ("application", if fails(2) { APPLICATION } else { 1.0 }),
        ("business", if fails(3) { BUSINESS } else { 1.0 }),
        ("traffic", if traffic == Standing::Trial(TRIAL) { TRIAL } else { 1.0 }),
        ("agent", agent),
    ];
    let traffic = match traffic {
        Standing::In => "in",
        Standing::Trial(_) => "on trial",
        Standing::Out => "ejected",
    };
    let told = words.iter().copied().chain([if agent < 1.0 { "a part" } else { "whole" }, traffic]);
    let fits = |row: &&[&str; 8]| {
        row.iter().zip(told.clone()).all(|(cell, word)| *cell == "·" || *cell == word)
    };
    let row = ROWS.iter().find(fits).expect("the last row fits everything");
    match (row[6], row[7]) {
        ("Up", _) => (Health::Up, None),
        ("Down", by) => (Health::Down, Some(by)),
        ("Unknown", by) => (Health::Unknown, Some(by)),
        (_, _) => {
            let kept = parts[..3].iter().fold(1.0, |kept, (_, part)| f64::min(kept, *part));
            let least = parts.iter().min_by(|a, b| a.1.total_cmp(&b.1));
            (Health::Degraded(kept * agent), least.map(|(by, _)| *by))
        }
    }
}

#[test]
fn every_combination_is_judged_by_the_row_that_fits_first() {
    let (removes, may_degrade) = (options(&[None]), options(&[None, Some(APPLICATION)]));
    let business = options(&[Some(BUSINESS)]);
    let mut judged = 0;
    for (network, process) in pairs(&removes, &removes) {
        for (application, business) in pairs(&may_degrade, &business) {
            let standings = [Standing::In, Standing::Trial(TRIAL), Standing::Out];
            for (agent, traffic) in pairs(&[1.0, 0.75, 0.05, 0.0], &standings) {
                judge([network, process, application, business], agent, traffic);
                judged += 1;
            }
        }
    }
    assert_eq!(judged, 5 * 5 * 10 * 5 * 4 * 3);
}

fn pairs<A: Copy, B: Copy>(a: &[A], b: &[B]) -> Vec<(A, B)> {
    a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b))).collect()
}

fn judge(says: [Says; 4], agent: f64, traffic: Standing) {
    let said: Vec<Said> = Layer::ALL
        .into_iter()
        .zip(says)
        .filter_map(|(layer, Says(verdict, keeps))| Some(Said { layer, verdict: verdict?, keeps }))
        .collect();
    let (health, cause) = combine(&said, agent, traffic);
    let expected = expected(says, agent, traffic);
    assert_eq!((health, cause.map(Cause::name)), expected, "{says:?} {agent} {traffic:?}");
}

#[test]
fn the_rows_are_the_documented_ones() {
    let documented: Vec<&str> = include_str!("../mod.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | "))
        .skip_while(|line| !line.starts_with("network"))
        .skip(2)
        .collect();
    let rows = ROWS.map(|row| format!("{} |", row.join(" | ")));
    assert_eq!(documented, rows);
}

#[test]
fn the_lesser_part_decides_whichever_layer_it_is_of() {
    let down = |layer, keeps| Said { layer, verdict: Verdict::Down, keeps: Some(keeps) };
    let verdict = |application, business| {
        let said = [down(Layer::Application, application), down(Layer::Business, business)];
        combine(&said, 1.0, Standing::In)
    };
    let by = |layer| Some(Cause::Layer(layer));
    assert_eq!(verdict(0.2, 0.6), (Health::Degraded(0.2), by(Layer::Application)));
    assert_eq!(verdict(0.6, 0.2), (Health::Degraded(0.2), by(Layer::Business)));
    assert_eq!(verdict(0.2, 0.2), (Health::Degraded(0.2), by(Layer::Application)));
    assert_eq!(verdict(1.0, 1.0), (Health::Up, None));
}
