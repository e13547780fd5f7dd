//! Phi-accrual: how surprising a backend's silence is, by what its own rhythm was so far.
//!
//! Three failures in a row mean one thing on a quiet LAN and another on a lossy path between
//! continents. So besides counting, each check learns how far apart its passes are, and says how
//! unlikely it is that the next one is only late: φ = −ln P(later). φ ≥ 8 (P ≈ 3.4e-4) is a
//! suspicion, φ ≥ 16 (P ≈ 1.1e-7) a verdict.
//!
//! # The declared model
//!
//! Gaps between passes are independent and normally distributed, with the mean and the deviation
//! of the last `window` gaps (Hayashibara, Défago, Yared, Katayama: *The φ Accrual Failure
//! Detector*, SRDS 2004, which takes the logarithm to base 10: divide by 2.303). The deviation is
//! taken as at least `jitter` times the mean. What is known to go wrong elsewhere, and what is
//! done about it here:
//!
//! - A very even rhythm makes the deviation almost 0 and the smallest hiccup a failure: hence the
//!   floor, relative to the mean, so that it fits every interval (Akka asks for an absolute
//!   `min-std-deviation`).
//! - Akka's logistic approximation of the tail is off by a factor of 8 at φ = 16 and underflows to
//!   infinity beyond; Cassandra assumes exponential gaps, which makes φ a multiple of the elapsed
//!   time whatever the rhythm was (CASSANDRA-2597). Here the logarithm of the normal tail is
//!   computed as such, to 1.2e-7 relative in P, and finite for every silence.
//! - One long outage in the window would make the next one go unnoticed for as long. A gap in
//!   which the backend was down, or in which the prober itself was late, is not learnt.
//! - A new window knows nothing: no φ before [`WARM`] gaps; an assumed first rhythm would be a
//!   guess about exactly what is not known.
//! - Silence alone is no evidence, for the prober may be the one that sleeps; and one failure may
//!   be one lost packet, which on a far path is a long silence. φ decides only after two probes
//!   have failed since the last pass (one, where `fall` is 1).
//!
//! And `fall` stays the upper bound: failures in a row decide as they would without φ, and where a
//! rhythm is so ragged that φ would wait longer, `fall` × interval after the last pass is enough.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::evidence::Detector;
use crate::config::Phi;

/// Gaps needed before there is a φ.
pub(super) const WARM: usize = 32;

/// The gaps between a check's passes.
#[derive(Clone, Debug, Default)]
pub(super) struct Rhythm {
    /// In microseconds, at most `u32::MAX` (71 minutes), oldest first.
    gaps: VecDeque<u32>,
    sum: u64,
    squares: u128,
    last: Option<Instant>,
}

impl Rhythm {
    /// A pass; `learn` unless the backend was down before it.
    pub(super) fn pass(&mut self, at: Instant, learn: bool, settings: &Phi) {
        let last = self.last.replace(at);
        if let Some(last) = last.filter(|_| learn) {
            let gap = at.saturating_duration_since(last).as_micros();
            self.learn(u32::try_from(gap).unwrap_or(u32::MAX), settings.window);
        }
    }

    /// The prober was late: how long the backend was silent is not known.
    pub(super) fn lose(&mut self) {
        self.last = None;
    }

    /// φ at `now`; `None` while too little is known.
    pub(super) fn phi(&self, now: Instant, settings: &Phi) -> Option<f64> {
        let (mean, deviation) = self.spread(settings)?;
        let silent = now.saturating_duration_since(self.last?).as_secs_f64();
        Some(phi_of((silent - mean) / deviation))
    }

    /// When φ reaches `level` if no pass comes before; `None` while too little is known.
    pub(super) fn reaches(&self, level: f64, settings: &Phi) -> Option<Instant> {
        let (mean, deviation) = self.spread(settings)?;
        let silent = (mean + deviation * deviations_at(level)).max(0.0);
        self.last?.checked_add(Duration::try_from_secs_f64(silent).ok()?)
    }

    /// When a silence that began with the last pass is a verdict: when φ reaches `failed`, at the
    /// latest after `bound`. `None` if it is not known how long the backend is silent.
    pub(super) fn verdict_at(
        &self,
        bound: Duration,
        settings: &Phi,
    ) -> Option<(Instant, Detector)> {
        let latest = self.last?.checked_add(bound)?;
        let by_phi = self.reaches(settings.failed, settings).filter(|at| *at < latest);
        Some(by_phi.map_or((latest, Detector::Bound), |at| (at, Detector::Phi)))
    }

    /// Mean and deviation in seconds, the latter with its floor.
    fn spread(&self, settings: &Phi) -> Option<(f64, f64)> {
        let n = self.gaps.len();
        // A window smaller than that is warm when it is full.
        if n < WARM.min(settings.window).max(2) || self.sum == 0 {
            return None;
        }
        // Exact: no rounding error gathers, however long this goes on.
        let (count, sum) = (n as u128, u128::from(self.sum));
        let variance = (count * self.squares - sum * sum) as f64 / (count * (count - 1)) as f64;
        let mean = self.sum as f64 / n as f64;
        let deviation = variance.sqrt().max(settings.jitter * mean).max(1.0);
        Some((mean / 1e6, deviation / 1e6))
    }

    fn learn(&mut self, gap: u32, window: usize) {
        self.gaps.push_back(gap);
        self.sum += u64::from(gap);
        self.squares += u128::from(gap) * u128::from(gap);
        while self.gaps.len() > window {
            let Some(old) = self.gaps.pop_front() else { return };
            self.sum -= u64::from(old);
            self.squares -= u128::from(old) * u128::from(old);
        }
    }
}

/// φ of a silence that is `z` deviations longer than the mean: −ln of the normal tail above `z`.
fn phi_of(z: f64) -> f64 {
    let half_erfc_ln = |x: f64| ln_erfc(x) - std::f64::consts::LN_2;
    let ln = half_erfc_ln(z.abs() / std::f64::consts::SQRT_2);
    if z < 0.0 { -(-ln.exp()).ln_1p() } else { -ln }
}

/// ln erfc(x) for x ≥ 0, without ever leaving the logarithm: the Chebyshev fit of Press et al.,
/// *Numerical Recipes in C*, 2nd ed., § 6.2, whose error in erfc is below 1.2e-7, relative.
fn ln_erfc(x: f64) -> f64 {
    const FIT: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x);
    let fit = FIT.iter().rev().fold(0.0, |sum, factor| sum * t + factor);
    t.ln() - x * x + fit
}

/// How many deviations above the mean φ is `phi`: the inverse of [`phi_of`], by bisection.
fn deviations_at(phi: f64) -> f64 {
    let (mut low, mut high) = (-10.0, 10.0 + phi.max(0.0));
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if phi_of(middle) < phi { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests;
