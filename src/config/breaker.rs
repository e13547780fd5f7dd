//! When a pool as a whole is left alone for a while.

use std::time::Duration;

use super::Slow;

/// A pool's circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breaker {
    /// How far back tries are judged.
    pub window: Duration,
    /// Tries that must have ended within the window, ≥ 1; fewer say nothing.
    pub min_requests: u32,
    /// The part of them that may fail, 0..=1.
    pub max_errors: f64,
    /// How many may be slow; `None` = any.
    pub slow: Option<Slow>,
    /// How long it is open before a trial.
    pub open: Duration,
    /// The part of the requests that is let in on trial, > 0.
    pub trial_share: f64,
    /// Tries that must end well on trial, ≥ 1.
    pub trial_requests: u32,
}

impl Breaker {
    /// As long as the file says nothing else.
    pub const DEFAULT: Self = Self {
        window: Duration::from_secs(10),
        min_requests: 10,
        max_errors: 0.5,
        slow: None,
        open: Duration::from_secs(30),
        trial_share: 0.1,
        trial_requests: 3,
    };
}
