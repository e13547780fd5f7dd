//! How a reload ended.

use std::fmt;

use super::Actor;
use crate::model::UnixMillis;

/// A reload that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The generation in force after it.
    pub generation: u64,
    /// What an operator should know although it did not stop the reload: the file's own warnings,
    /// and settings that take effect only after a restart. One line of text each.
    pub warnings: Vec<String>,
}

/// A reload that was refused; the running table is untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadError {
    /// Every problem found, one line of text each; at least one.
    pub problems: Vec<String>,
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for ReloadError {}

/// How the last reload went, when, and at whose wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadReport {
    /// When it ended.
    pub at: UnixMillis,
    /// Who asked.
    pub actor: Actor,
    /// What came of it.
    pub result: Result<Reloaded, ReloadError>,
}
