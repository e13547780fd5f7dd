//! Keeps how zones and regions stand over a restart.
//!
//! A zone that was taken out is no better because the balancer was started again, and one that got
//! 1 % of its traffic must not get all of it. So how they stand is written to the state folder
//! whenever it changes, and read at the start. Where a zone was on its way back, what its traffic
//! had shown is gone with the process: it resumes in its stage, whose time and proof begin anew; and
//! if it was last heard of longer ago than [`STALE`], it proves itself by probes first. To know
//! that, the file is also written now and then while somebody is on its way back.
//!
//! Unlike an order that is forgotten, a standing that is forgotten is found out again by the checks.
//! So a file that cannot be read is told and does not stop the start.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::keep::write_newest;
use super::wire;
use crate::decision::State;
use crate::events::Anchor;
use crate::model::{Phase, PlaceKey, Standing, printable};
use crate::state_dir::{self, StateDir};

/// The file in the state folder.
const FILE: &str = "standings.json";
/// The version of its shape.
const VERSION: u32 = 1;
/// How often it is written while somebody is on its way back.
const EVERY: Duration = Duration::from_secs(10);
/// Who was last heard of longer ago has to prove itself again.
const STALE: Duration = Duration::from_secs(60);

/// Keeps standings, where there is a state folder.
#[derive(Debug)]
pub(super) struct Standings {
    newest: Option<watch::Sender<Vec<u8>>>,
    written: Instant,
}

impl Standings {
    pub(super) fn new(dir: Option<&StateDir>) -> Self {
        let newest = dir.map(|dir| {
            let (newest, queue) = watch::channel(Vec::new());
            tokio::spawn(write_newest(dir.clone(), FILE, queue));
            newest
        });
        Self { newest, written: Instant::now() }
    }

    /// Has them written as they are.
    pub(super) fn keep(&mut self, state: &State, anchor: Anchor) {
        let Some(newest) = &self.newest else { return };
        self.written = Instant::now();
        match state_dir::encode(VERSION, &kept(state, anchor)) {
            Ok(text) => drop(newest.send_replace(text)),
            Err(error) => tracing::error!(%error, "standings cannot be written"),
        }
    }

    /// Whether they should be written again although nothing has changed.
    pub(super) fn are_due(&self, state: &State) -> bool {
        self.newest.is_some() && self.written.elapsed() >= EVERY && state.is_restoring()
    }
}

/// Lets zones and regions stand as they did when the process before ended.
pub(super) fn resume(state: &mut State, dir: &StateDir, anchor: Anchor) {
    let read = || {
        let Some(text) = dir.read(FILE).map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let read = state_dir::decode::<wire::Standings>(VERSION, &text);
        read.map(Some).map_err(|error| format!("{}: {error}", dir.path(FILE).display()))
    };
    match read() {
        Ok(None) => {}
        Ok(Some(standings)) => {
            let places = standings.places.iter().map(|place| read_back(place, anchor));
            let places: Vec<_> = places.collect();
            // A clock that was set back tells nothing, either.
            let stale = anchor.wall.0.abs_diff(standings.at_ms) > STALE.as_millis() as u64;
            state.resume(&places, stale, anchor.instant);
        }
        Err(problem) => tracing::error!(
            %problem,
            "how zones and regions stood cannot be read: all of them begin as active"
        ),
    }
}

fn kept(state: &State, anchor: Anchor) -> wire::Standings {
    let clean = |text: &str| printable(text).into_owned();
    let place = |(key, standing): (PlaceKey, Standing)| wire::Standing {
        pool: clean(&key.pool),
        region: clean(&key.region),
        zone: key.zone.as_deref().map(clean),
        phase: match standing.phase {
            Phase::Active => wire::Phase::Active,
            Phase::Draining => wire::Phase::Draining,
            Phase::Out => wire::Phase::Out,
            Phase::Proving => wire::Phase::Proving,
            Phase::Restoring { stage } => wire::Phase::Restoring { stage },
            Phase::Watching => wire::Phase::Watching,
        },
        since_ms: standing.since.map(|since| anchor.wall(since)),
        cause: clean(&standing.cause),
        held_until_ms: standing.held_until.map(|until| anchor.wall(until)),
        flaps: standing.flaps,
        escalated: standing.escalated,
    };
    wire::Standings {
        at_ms: anchor.wall.0,
        places: state.standings().into_iter().map(place).collect(),
    }
}

fn read_back(place: &wire::Standing, anchor: Anchor) -> (PlaceKey, Standing) {
    let shared = |text: &String| Arc::from(text.as_str());
    let key = PlaceKey {
        pool: shared(&place.pool),
        region: shared(&place.region),
        zone: place.zone.as_ref().map(shared),
    };
    let standing = Standing {
        phase: match place.phase {
            wire::Phase::Active => Phase::Active,
            wire::Phase::Draining => Phase::Draining,
            wire::Phase::Out => Phase::Out,
            wire::Phase::Proving => Phase::Proving,
            wire::Phase::Restoring { stage } => Phase::Restoring { stage },
            wire::Phase::Watching => Phase::Watching,
        },
        since: place.since_ms.map(|since| anchor.instant(since)),
        cause: printable(&place.cause).into(),
        held_until: place.held_until_ms.map(|until| anchor.instant(until)),
        flaps: place.flaps,
        escalated: place.escalated,
    };
    (key, standing)
}
