//! How zones and regions stood, as it is kept.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decision::State;
use crate::events::Anchor;
use crate::model::{self, PlaceKey, printable};
use crate::state_dir;

/// Changes with the meaning of what is kept.
const VERSION: u32 = 1;
/// Who was last heard of longer ago has to prove itself again.
const STALE: Duration = Duration::from_secs(60);

/// All that did not simply take their part.
#[derive(Debug, Serialize, Deserialize)]
struct Standings {
    /// When they were known to stand so, in milliseconds since 1970.
    at_ms: u64,
    places: Vec<Standing>,
}

/// A zone, or a region as a whole.
#[derive(Debug, Serialize, Deserialize)]
struct Standing {
    pool: String,
    region: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since_ms: Option<u64>,
    cause: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_until_ms: Option<u64>,
    flaps: u32,
    /// It has been told that it does not recover.
    #[serde(default)]
    escalated: bool,
}

/// What was done with it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Phase {
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

/// The whole text.
pub(in crate::kept) fn written(state: &State, anchor: Anchor) -> Result<Vec<u8>, String> {
    let places = state.standings().into_iter().map(|place| said(&place, anchor)).collect();
    state_dir::encode(VERSION, &Standings { at_ms: anchor.wall.0, places })
}

/// Lets zones and regions stand as it is written.
pub(in crate::kept) fn resume(state: &mut State, text: &str, anchor: Anchor) -> Result<(), String> {
    let kept = state_dir::decode::<Standings>(VERSION, text.as_bytes())?;
    let places: Vec<_> = kept.places.iter().map(|place| read_back(place, anchor)).collect();
    // A clock that was set back tells nothing, either.
    let stale = anchor.wall.0.abs_diff(kept.at_ms) > STALE.as_millis() as u64;
    state.resume(&places, stale, anchor.instant);
    Ok(())
}

fn said((key, standing): &(PlaceKey, model::Standing), anchor: Anchor) -> Standing {
    let clean = |text: &str| printable(text).into_owned();
    Standing {
        pool: clean(&key.pool),
        region: clean(&key.region),
        zone: key.zone.as_deref().map(clean),
        phase: match standing.phase {
            model::Phase::Active => Phase::Active,
            model::Phase::Draining => Phase::Draining,
            model::Phase::Out => Phase::Out,
            model::Phase::Proving => Phase::Proving,
            model::Phase::Restoring { stage } => Phase::Restoring { stage },
            model::Phase::Watching => Phase::Watching,
        },
        since_ms: standing.since.map(|since| anchor.wall(since)),
        cause: clean(&standing.cause),
        held_until_ms: standing.held_until.map(|until| anchor.wall(until)),
        flaps: standing.flaps,
        escalated: standing.escalated,
    }
}

fn read_back(place: &Standing, anchor: Anchor) -> (PlaceKey, model::Standing) {
    let shared = |text: &String| Arc::from(text.as_str());
    let key = PlaceKey {
        pool: shared(&place.pool),
        region: shared(&place.region),
        zone: place.zone.as_ref().map(shared),
    };
    let standing = model::Standing {
        phase: match place.phase {
            Phase::Active => model::Phase::Active,
            Phase::Draining => model::Phase::Draining,
            Phase::Out => model::Phase::Out,
            Phase::Proving => model::Phase::Proving,
            Phase::Restoring { stage } => model::Phase::Restoring { stage },
            Phase::Watching => model::Phase::Watching,
        },
        since: place.since_ms.map(|since| anchor.instant(since)),
        cause: printable(&place.cause).into(),
        held_until: place.held_until_ms.map(|until| anchor.instant(until)),
        flaps: place.flaps,
        escalated: place.escalated,
    };
    (key, standing)
}
