//! Where a zone or region stands between taking part and being out.
//!
//! ```text
//!            fails                 holds out long enough        proven
//!  Active ----------> Out ---------------------------> Proving --------> Restoring(0..n)
//!    ^ ^               ^   fails again                    |                   |
//!    | |               +----------------------------------+  worse            |
//!    | |               +--------------------------------------------------<---+
//!    | +-- Draining (by order only)                            last stage held
//!    +---------------- Watching <---------------------------------------------+
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::PoolName;

/// What is being done with a zone or region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It takes its part.
    #[default]
    Active,
    /// By order: what is in flight ends, nothing new comes.
    Draining,
    /// It gets nothing.
    Out,
    /// It seems well again; probes must show that for a time before it gets anything.
    Proving,
    /// It gets a part of what it is entitled to.
    Restoring {
        /// Which of the configured stages, from 0.
        stage: usize,
    },
    /// It has its whole part again, and is still compared with the others.
    Watching,
}

impl Phase {
    /// The closed set of names used in metrics, logs and views.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Out => "out",
            Self::Proving => "proving",
            Self::Restoring { .. } => "restoring",
            Self::Watching => "watching",
        }
    }
}

/// A zone's or region's phase, and what led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What is being done with it.
    pub phase: Phase,
    /// Since when; `None` = since it is configured.
    pub since: Option<Instant>,
    /// What led to it, in words fit for a log line; empty = nothing did.
    pub cause: Arc<str>,
    /// Before this moment automation does not bring it back.
    pub held_until: Option<Instant>,
    /// How often it went out again soon after it had come back; each doubles the time it is held.
    pub flaps: u32,
    /// It has been told that it is out for too long without being proven.
    pub escalated: bool,
}

impl Default for Standing {
    fn default() -> Self {
        let (phase, since, cause) = (Phase::Active, None, Arc::from(""));
        Self { phase, since, cause, held_until: None, flaps: 0, escalated: false }
    }
}

/// A zone or a region of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaceKey {
    /// The pool.
    pub pool: PoolName,
    /// The region's name.
    pub region: Arc<str>,
    /// The zone's name; `None` = the region as a whole.
    pub zone: Option<Arc<str>>,
}

impl fmt::Display for PlaceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pool, self.region)?;
        self.zone.as_ref().map_or(Ok(()), |zone| write!(f, "/{zone}"))
    }
}
