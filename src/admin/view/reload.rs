//! Answers that are not a whole status.

use serde::{Deserialize, Serialize};

use crate::events::wire::Line;

/// Any error's body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// What went wrong, in one line.
    pub error: String,
    /// Each thing to mend, where there are several: one line each.
    #[serde(default)]
    pub problems: Vec<String>,
}

/// `GET /ready` while the process should be sent traffic; else [`Failed`] with status 503.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Always true.
    pub ready: bool,
}

/// `POST /reload` when the file is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The generation in force.
    pub generation: u64,
    /// What did not stop the reload but should be known: one line each.
    pub warnings: Vec<String>,
}

/// `GET /events`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Events {
    /// The newest ones, oldest first.
    pub events: Vec<Line>,
}

/// `POST /reload/confirm`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// Always true.
    pub confirmed: bool,
}

/// How the last reload went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastReload {
    /// When it ended.
    pub at: String,
    /// Who asked: `signal`, `file`, or `admin` and what is known of the peer.
    pub by: String,
    /// Whether the file was put in force.
    pub ok: bool,
    /// The generation in force after it; `null` when it was refused.
    pub generation: Option<u64>,
    /// One line each.
    pub warnings: Vec<String>,
    /// Why it was refused: one line each.
    pub problems: Vec<String>,
}
