//! The state of every zone, second by second: what pictures are drawn from.

use std::time::Duration;

use crate::model::Phase;

/// Samples that are kept, about; longer scenarios have coarser ones.
const KEPT: u64 = 900;

/// One second, or the mean of several.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// When it ends.
    pub(super) at: Duration,
    /// Requests per second, all pools: offered, failed, shed, tried again.
    pub(super) rates: Rates,
    /// In config order.
    pub(super) zones: Vec<ZoneSample>,
}

/// Requests per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) offered: f64,
    pub(super) failed: f64,
    pub(super) shed: f64,
    pub(super) retried: f64,
}

/// One zone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ZoneSample {
    /// The part of its pool's traffic that the plan gives it, 0..=1.
    pub(super) share: f64,
    /// Requests per second that reached it.
    pub(super) rps: f64,
    /// Requests per second that it can answer; `None` = any number.
    pub(super) capacity: Option<f64>,
    pub(super) phase: Phase,
    /// The part of its backends that are there, 0..=1.
    pub(super) there: f64,
}

/// Keeps about [`KEPT`] samples of any number of seconds.
#[derive(Debug)]
pub(super) struct Samples {
    every: u32,
    open: Vec<Sample>,
    kept: Vec<Sample>,
}

impl Samples {
    pub(super) fn new(duration: Duration) -> Self {
        let every = u32::try_from(duration.as_secs().div_ceil(KEPT)).unwrap_or(u32::MAX).max(1);
        Self { every, open: Vec::new(), kept: Vec::new() }
    }

    pub(super) fn push(&mut self, second: Sample) {
        self.open.push(second);
        if self.open.len() >= self.every as usize {
            self.close();
        }
    }

    pub(super) fn into_all(mut self) -> Vec<Sample> {
        self.close();
        self.kept
    }

    /// The mean of the open seconds; a phase is the last one's.
    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        let count = open.len() as f64;
        let Some(mut mean) = open.last().cloned() else { return };
        if open.len() == 1 {
            self.kept.push(mean);
            return;
        }
        let of = |rate: fn(&Rates) -> f64| open.iter().map(|s| rate(&s.rates)).sum::<f64>() / count;
        mean.rates = Rates {
            offered: of(|rates| rates.offered),
            failed: of(|rates| rates.failed),
            shed: of(|rates| rates.shed),
            retried: of(|rates| rates.retried),
        };
        for (index, zone) in mean.zones.iter_mut().enumerate() {
            let of = |value: fn(&ZoneSample) -> f64| {
                let zones = open.iter().filter_map(|sample| sample.zones.get(index));
                zones.map(value).sum::<f64>() / count
            };
            zone.share = of(|zone| zone.share);
            zone.rps = of(|zone| zone.rps);
            zone.there = of(|zone| zone.there);
        }
        self.kept.push(mean);
    }
}
