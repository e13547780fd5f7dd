//! Steps 1 and 2: which backends count, and with how much weight.

use super::Candidate;
use super::report::{PoolReport, Stage, Why};
use crate::model::{Admin, Health};

/// What each backend weighs by itself, backups included.
pub(super) fn own(candidates: &[Candidate<'_>], report: &mut PoolReport) -> Vec<f64> {
    let mut weights = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let left_out = left_out(candidate);
        let factor = if left_out.is_some() { 0.0 } else { factor(candidate.health) };
        weights.push(f64::from(candidate.weight()) * factor * candidate.ordered.remains);
        if let Some(why) = left_out {
            report.add(Stage::Eligibility, format!("left out {}", candidate.backend.key.name), why);
        } else if factor < 1.0 {
            let what = format!("{} counts {:.0} %", candidate.backend.key.name, factor * 100.0);
            report.add(Stage::Eligibility, what, Why::Because(seen(candidate, "degraded")));
        }
    }
    weights
}

/// Takes the backups out again while anything else of the pool counts.
pub(super) fn without_idle_backups(
    candidates: &[Candidate<'_>],
    mut weights: Vec<f64>,
    report: &mut PoolReport,
) -> Vec<f64> {
    let eligible = |backup: bool| {
        let counted = candidates.iter().zip(&weights);
        counted.filter(|(c, weight)| c.backend.backup == backup && **weight > 0.0).count()
    };
    let (primaries, backups) = (eligible(false), eligible(true));
    if backups == 0 {
        return weights;
    }
    let needed = primaries == 0;
    let why = if needed { "no other backend is eligible" } else { "others are eligible" };
    let what = format!("{} {backups} backup(s)", if needed { "called in" } else { "held back" });
    report.add(Stage::Backups, what, Why::Because(why.to_owned()));
    if !needed {
        let counted = candidates.iter().zip(&mut weights);
        counted.filter(|(c, _)| c.backend.backup).for_each(|(_, weight)| *weight = 0.0);
    }
    weights
}

/// Why a backend gets nothing at all, if that is so. What was ordered comes first: it holds
/// whatever is observed.
fn left_out(candidate: &Candidate<'_>) -> Option<Why> {
    let because = |text: &str| Some(Why::Because(text.to_owned()));
    match (candidate.ordered.admin, candidate.health) {
        (Admin::Drain, _) if candidate.ordered.remains <= 0.0 => because("drain was ordered"),
        (Admin::Maint, _) => because("maintenance was ordered"),
        (_, _) if candidate.weight() == 0 => because("its weight is 0"),
        (_, Health::Unknown) => Some(Why::WaitsFor(seen(candidate, "its first passing check"))),
        (_, Health::Down) => Some(Why::Because(seen(candidate, "it is down"))),
        (_, health) if factor(health) <= 0.0 => because("its health factor is 0"),
        (_, Health::Up | Health::Degraded(_)) => None,
    }
}

fn seen(candidate: &Candidate<'_>, what: &str) -> String {
    match &candidate.reason {
        Some(reason) => format!("{what} ({reason})"),
        None => what.to_owned(),
    }
}

/// The health factor, forced into 0..=1 whatever its maker computed.
fn factor(health: Health) -> f64 {
    let factor = health.factor();
    if factor.is_nan() { 0.0 } else { factor.clamp(0.0, 1.0) }
}
