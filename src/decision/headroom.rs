//! Whether a pool may lose its largest zone, told when that changes.
//!
//! The loss of a zone is no outage as long as the others can carry its part; so the time to hear of it is
//! when they no longer could, not when it is lost. It is told once when the headroom
//! ([`Outlook`](super::Outlook)) has been below its limit for a while, and once when it has been above
//! the limit and a margin for as long: what goes to and fro between the two, or for a moment, is
//! told nobody.

use std::time::Instant;

use crate::config::HeadroomLimit;

/// What is known of one pool's headroom.
#[derive(Clone, Debug, Default)]
pub(super) struct Headroom {
    /// By the last decision; `None` = nothing takes traffic, or nothing is asked.
    last: Option<f64>,
    /// It was told to be low.
    low: bool,
    /// Since when it looks otherwise than was told.
    crossed: Option<Instant>,
}

impl Headroom {
    /// Takes over what a decision came to.
    pub(super) fn see(&mut self, headroom: Option<f64>) {
        self.last = headroom;
    }

    /// Judges it as of now; `Some((low, headroom))` when there is something to tell.
    pub(super) fn judge(&mut self, limit: &HeadroomLimit, now: Instant) -> Option<(bool, f64)> {
        let Some(headroom) = self.last.filter(|headroom| self.looks_otherwise(*headroom, limit))
        else {
            self.crossed = None;
            return None;
        };
        let since = *self.crossed.get_or_insert(now);
        if now < since + limit.lasts {
            return None;
        }
        (self.low, self.crossed) = (!self.low, None);
        Some((self.low, headroom))
    }

    /// When to judge it although nothing was decided.
    pub(super) fn due(&self, limit: &HeadroomLimit) -> Option<Instant> {
        self.crossed.map(|since| since + limit.lasts)
    }

    fn looks_otherwise(&self, headroom: f64, limit: &HeadroomLimit) -> bool {
        match self.low {
            false => headroom < limit.min,
            true => headroom >= limit.min + limit.margin,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMIT: HeadroomLimit =
        HeadroomLimit { min: 1.0, margin: 0.1, lasts: Duration::from_secs(10) };

    /// What is told, by the second, of a headroom that changes at these seconds.
    fn told(changes: &[(u64, Option<f64>)]) -> Vec<(u64, bool)> {
        let zero = tokio::time::Instant::now().into_std();
        let mut headroom = Headroom::default();
        let mut told = Vec::new();
        for second in 0..100 {
            if let Some((_, now)) = changes.iter().find(|(at, _)| *at == second) {
                headroom.see(*now);
            }
            let turned = headroom.judge(&LIMIT, zero + Duration::from_secs(second));
            told.extend(turned.map(|(low, _)| (second, low)));
        }
        told
    }

    #[test]
    fn what_lasts_is_told_once_each_way() {
        let changes = [(5, Some(1.2)), (10, Some(0.9)), (40, Some(0.5)), (50, Some(1.2))];
        assert_eq!(told(&changes), [(20, true), (60, false)]);
    }

    #[test]
    fn what_passes_or_stays_within_the_margin_is_not() {
        let dips = [(1, Some(0.9)), (9, Some(1.0)), (15, Some(0.2)), (24, Some(1.0))];
        assert_eq!(told(&dips), []);
        assert_eq!(told(&[(1, Some(0.9)), (20, Some(1.05)), (40, Some(0.9))]), [(11, true)]);
    }

    #[test]
    fn where_nothing_is_asked_nothing_is_known() {
        assert_eq!(told(&[(1, Some(0.9)), (5, None), (6, Some(0.9))]), [(16, true)]);
        assert_eq!(told(&[(1, Some(0.9)), (20, None)]), [(11, true)]);
    }
}
