//! How much is asked of a pool, as far as a decision needs to know it.
//!
//! Shares that follow every wobble of the load would make a new table each tick. So the load that
//! is planned with rises at once by a step above what is measured, and comes down only when much
//! less has been measured for a while.

use std::time::{Duration, Instant};

/// What a burst is averaged over.
const AVERAGED: Duration = Duration::from_secs(2);
/// How much above the measured load a plan is made.
const RESERVE: f64 = 1.05;
/// Less than this is none.
const NOTHING: f64 = 0.01;
/// The part of the planned load below which it is planned anew.
const MUCH_LESS: f64 = 0.8;

/// A pool's load, in requests per second and in flight.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    counted: u64,
    since: Option<Instant>,
    measured: Amount,
    planned: Amount,
}

/// How much, by both measures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Amount {
    pub(super) rps: f64,
    pub(super) concurrent: f64,
}

impl Load {
    /// A load that is known already.
    #[cfg(test)]
    pub(super) fn planned_with(planned: Amount) -> Self {
        Self { planned, ..Self::default() }
    }

    /// What plans are made with.
    pub(super) fn planned(&self) -> Amount {
        self.planned
    }

    /// When it was last measured.
    pub(super) fn last(&self) -> Option<Instant> {
        self.since
    }

    /// Counts requests of one sample.
    pub(super) fn count(&mut self, requests: u64) {
        self.counted += requests;
    }

    /// Ends a sampling interval in which `admitted` (above 0, up to 1) of all that was asked came
    /// through; true if a plan must be made anew.
    pub(super) fn measure(&mut self, in_flight: u64, admitted: f64, now: Instant) -> bool {
        let Some(since) = self.since.replace(now) else {
            self.counted = 0;
            return false;
        };
        let passed = now.saturating_duration_since(since).as_secs_f64();
        if passed <= 0.0 {
            self.since = Some(since);
            return false;
        }
        let seen = Amount {
            rps: std::mem::take(&mut self.counted) as f64 / passed / admitted,
            concurrent: in_flight as f64 / admitted,
        };
        let weight = 1.0 - (-passed / AVERAGED.as_secs_f64()).exp();
        let mut changed = false;
        let (measured, planned) = (&mut self.measured, &mut self.planned);
        for (seen, measured, planned) in [
            (seen.rps, &mut measured.rps, &mut planned.rps),
            (seen.concurrent, &mut measured.concurrent, &mut planned.concurrent),
        ] {
            *measured += weight * (seen - *measured);
            if *measured < NOTHING {
                *measured = 0.0;
            }
            let next = *measured * RESERVE;
            if *measured > *planned || next < *planned * MUCH_LESS {
                changed |= next != *planned;
                *planned = next;
            }
        }
        changed
    }
}
