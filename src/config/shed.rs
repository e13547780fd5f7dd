//! From which load on a pool refuses requests, the least important first.

use std::time::Duration;

/// When a pool refuses requests of `http` listeners because it has enough to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shed {
    /// Requests under way, all workers together, from which on the lowest class is refused
    /// (others: [`PriorityClass::limit`](crate::model::PriorityClass::limit)).
    pub concurrent: Option<u32>,
    /// The part of the pool's queue, 0..1, from which on the lowest class is refused (others:
    /// [`PriorityClass::part`](crate::model::PriorityClass::part)).
    pub queue: Option<f64>,
    /// How such a number is found out by how the pool's latency answers to load.
    pub adaptive: Option<Adaptive>,
}

/// How the number of requests that a pool bears is found out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptive {
    /// The number is never less, ≥ 1, but for the moments in which it is measured …
    pub min: u32,
    /// … and never more.
    pub max: u32,
    /// By which part answers may take longer than they do while nothing waits, > 0.
    pub tolerance: f64,
    /// The least time between two measurements of how long that is.
    pub window: Duration,
}

impl Adaptive {
    /// As long as the file says nothing else.
    pub const DEFAULT: Self =
        Self { min: 10, max: 1_000, tolerance: 0.25, window: Duration::from_secs(30) };
}
