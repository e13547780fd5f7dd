//! Whether a pool's requests are let in, by how those before them ended.

use std::fmt;
use std::time::Instant;

/// The state of a pool's circuit breaker.
///
/// The words are an electrician's: a *closed* circuit lets everything through.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Circuit {
    /// All are let in.
    #[default]
    Closed,
    /// None is.
    Open {
        /// Until then.
        until: Instant,
    },
    /// A few are, to find out whether it may be closed again.
    HalfOpen {
        /// This part, 0..=1.
        share: f64,
    },
}

impl Circuit {
    /// The names, in the order of metrics.
    pub const NAMES: [&str; 3] = ["closed", "open", "half-open"];

    /// The name in events, metrics and views.
    #[must_use]
    pub fn name(self) -> &'static str {
        let [closed, open, half_open] = Self::NAMES;
        match self {
            Self::Closed => closed,
            Self::Open { .. } => open,
            Self::HalfOpen { .. } => half_open,
        }
    }

    /// The part of the requests that is let in, 0..=1.
    #[must_use]
    pub fn admits(self) -> f64 {
        match self {
            Self::Closed => 1.0,
            Self::Open { .. } => 0.0,
            Self::HalfOpen { share } => share,
        }
    }
}

impl fmt::Display for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
