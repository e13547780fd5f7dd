//! How zones and regions stood, as it is kept in the state folder.

use serde::{Deserialize, Serialize};

/// All that did not simply take their part.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Standings {
    /// When they were known to stand so, in milliseconds since 1970.
    pub(super) at_ms: u64,
    pub(super) places: Vec<Standing>,
}

/// A zone, or a region as a whole.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) pool: String,
    pub(super) region: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<String>,
    pub(super) phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) since_ms: Option<u64>,
    pub(super) cause: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) held_until_ms: Option<u64>,
    pub(super) flaps: u32,
    /// It has been told that it does not recover.
    #[serde(default)]
    pub(super) escalated: bool,
}

/// What was done with it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    Active,
    Draining,
    Out,
    Proving,
    Restoring {
        /// From 0.
        stage: usize,
    },
    Watching,
}
