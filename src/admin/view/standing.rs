//! Where a zone or region stands between taking part and being out.

use serde::{Deserialize, Serialize};

use crate::control::PlaceStatus;
use crate::model::{Phase, UnixMillis, printable};

/// How a zone or region stands, and what holds it there.
///
/// ```json
/// { "phase": "restoring", "stage": 2, "stage_share": 0.1, "since": "2026-11-21T02:27:04.123Z",
///   "age_ms": 60000, "cause": "stage 1 held", "dwells_until": null, "held_until": null, "flaps": 1 }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// `active`, `draining`, `out`, `proving`, `restoring` or `watching`.
    pub phase: String,
    /// Which stage of a restoration, from 1.
    pub stage: Option<usize>,
    /// The part of what it is entitled to that it may have in this stage.
    pub stage_share: Option<f64>,
    /// Since when; `null` = since it is configured.
    pub since: Option<String>,
    /// How long that is.
    pub age_ms: Option<u64>,
    /// What led to it; empty = nothing did.
    pub cause: String,
    /// Automation makes no other change before, but for a rollback; `null` = it may now.
    pub dwells_until: Option<String>,
    /// Automation does not bring it back before; `null` = it may, once it is well.
    pub held_until: Option<String>,
    /// How often it failed of late; each doubles the time it is held.
    pub flaps: u32,
}

/// The view of how a place stands.
pub(super) fn standing(place: &PlaceStatus, now: UnixMillis) -> Standing {
    let time = |time: Option<UnixMillis>| time.map(|time| time.to_string());
    Standing {
        phase: place.phase.name().to_owned(),
        stage: match place.phase {
            Phase::Restoring { stage } => Some(stage + 1),
            _ => None,
        },
        stage_share: place.stage_share,
        since: time(place.since),
        age_ms: place.since.map(|since| now.0.saturating_sub(since.0)),
        cause: printable(&place.cause).into_owned(),
        dwells_until: time(place.dwells_until),
        held_until: time(place.held_until),
        flaps: place.flaps,
    }
}
