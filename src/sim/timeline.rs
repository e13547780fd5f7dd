//! What happened and what was done about it, in order.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Health, Phase, PoolName};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// When it began, from the scenario's beginning.
    pub(super) at: Duration,
    /// What it was.
    pub(super) what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// Something of the scenario.
    Scenario(String),
    /// Verdicts on the backends of a zone turned one way, within a moment.
    Health {
        /// `pool/region/zone` in few words.
        zone: Arc<str>,
        /// What they are now.
        to: Health,
        /// Which.
        backends: Vec<Arc<str>>,
        /// How many the zone has.
        of: usize,
        /// What was seen at the first.
        reason: Option<Arc<str>>,
    },
    /// A zone's or region's phase changed.
    Phase { place: Arc<str>, from: Phase, to: Phase, cause: Arc<str> },
    /// Shares changed, within a moment.
    Shares {
        pool: PoolName,
        /// The zone, its share before and after.
        moved: Vec<(Arc<str>, f64, f64)>,
        /// When the last of them changed.
        until: Duration,
    },
    /// A step of the decision did something, or waits for something.
    Decision { pool: PoolName, step: &'static str, text: String },
    /// Somebody should know: of a pool, zone or region.
    Alert { about: Arc<str>, text: String },
    /// An order ended by its time.
    Expired(String),
    /// A zone gets more than it can answer, or no longer does.
    Overload {
        zone: Arc<str>,
        /// The load as a part of the capacity; `None` = it is over.
        load: Option<f64>,
    },
    /// Requests of a pool fail, or no longer do.
    Failing {
        pool: PoolName,
        /// The part that failed in that second; `None` = none.
        part: Option<f64>,
    },
}

impl What {
    /// The closed set of names of the kinds.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Scenario(_) => "scenario",
            Self::Health { .. } => "health",
            Self::Phase { .. } => "phase",
            Self::Shares { .. } => "shares",
            Self::Decision { .. } => "decision",
            Self::Alert { .. } => "alert",
            Self::Expired(_) => "order",
            Self::Overload { .. } => "overload",
            Self::Failing { .. } => "requests",
        }
    }
}
