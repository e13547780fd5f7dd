//! What one process leaves to the next, in words: how its backends were, and how its zones and regions
//! stood.
//!
//! The texts are files of the state folder ([`HEALTH`], [`STANDINGS`]). A recording that begins with a
//! process begins with them too, so that a replay takes over exactly what the process did: times are
//! told by the wall clock, and both turn them into moments in the same way, by an [`Anchor`].

mod wire;

use crate::decision::{Change, Recalled, State};
use crate::events::Anchor;
use crate::events::tape::wire::Left;
use crate::model::BackendKey;

/// The file that holds what was observed of backends.
pub const HEALTH: &str = "health.json";
/// The file that holds how zones and regions stood.
pub const STANDINGS: &str = "standings.json";

/// What came of taking something over.
#[derive(Debug)]
pub struct Resumed {
    /// Verdicts that it changed.
    pub changes: Vec<Change>,
    /// Why the standings were not understood, if so: all zones and regions begin as active.
    pub standings: Result<(), String>,
    /// How many backends were not understood, or why none was: those begin as unknown.
    pub health: Result<usize, String>,
}

/// Lets a new core begin where another process ended, at the anchor's moment.
pub fn resume(state: &mut State, left: &Left, anchor: Anchor) -> Resumed {
    let standings = match left.standings.as_deref() {
        Some(text) => wire::standings::resume(state, text, anchor),
        None => Ok(()),
    };
    let read = match left.health.as_deref() {
        Some(text) => wire::health::read_back(text.as_bytes(), anchor),
        None => Ok(wire::health::ReadBack::default()),
    };
    let (known, health) = match read {
        Ok(read) => (read.known, Ok(read.refused)),
        Err(problem) => (std::collections::HashMap::new(), Err(problem)),
    };
    Resumed { changes: state.recall(known, anchor.instant), standings, health }
}

/// What was observed, as it is left to the next process.
///
/// # Errors
/// It cannot be put into words.
pub fn health(known: &[(BackendKey, Recalled)], anchor: Anchor) -> Result<Vec<u8>, String> {
    wire::health::written(known, anchor)
}

/// How zones and regions stand, as it is left to the next process.
///
/// # Errors
/// It cannot be put into words.
pub fn standings(state: &State, anchor: Anchor) -> Result<Vec<u8>, String> {
    wire::standings::written(state, anchor)
}
