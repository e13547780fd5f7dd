//! Keeps how zones and regions stand over a restart.
//!
//! A zone that was taken out is no better because the balancer was started again, and one that got
//! 1 % of its traffic must not get all of it. So how they stand is written to the state folder
//! whenever it changes, and read at the start. Where a zone was on its way back, what its traffic
//! had shown is gone with the process: it resumes in its stage, whose time and proof begin anew; and
//! if it was last heard of too long ago, it proves itself by probes first. To know that, the file is also written now and then while somebody is on its way back.
//!
//! Unlike an order that is forgotten, a standing that is forgotten is found out again by the checks.
//! So a file that cannot be read is told and does not stop the start.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::keep::write_newest;
use crate::decision::State;
use crate::events::Anchor;
use crate::kept;
use crate::state_dir::StateDir;

/// How often it is written while somebody is on its way back.
const EVERY: Duration = Duration::from_secs(10);

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
            tokio::spawn(write_newest(dir.clone(), kept::STANDINGS, queue));
            newest
        });
        Self { newest, written: Instant::now() }
    }

    /// Has them written as they are.
    pub(super) fn keep(&mut self, state: &State, anchor: Anchor) {
        let Some(newest) = &self.newest else { return };
        self.written = Instant::now();
        match kept::standings(state, anchor) {
            Ok(text) => drop(newest.send_replace(text)),
            Err(error) => tracing::error!(%error, "standings cannot be written"),
        }
    }

    /// Whether they should be written again although nothing has changed.
    pub(super) fn are_due(&self, state: &State) -> bool {
        self.newest.is_some() && self.written.elapsed() >= EVERY && state.is_restoring()
    }
}
