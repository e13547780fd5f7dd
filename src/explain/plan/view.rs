//! A change, as it is told in JSON.

use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// The text of the new configuration.
    pub config: String,
    /// The file it comes from, for what is told about it.
    #[serde(default)]
    pub path: Option<String>,
}

/// What would change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// How every backend is taken to be: `as it is now`, or `well`.
    pub health: String,
    /// What would come, go or change, in the order of the file.
    pub things: Vec<Thing>,
    /// The pools of both configurations whose traffic would move.
    pub pools: Vec<Pool>,
    /// What somebody should look at first.
    pub warnings: Vec<String>,
}

/// A part of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// `listener`, `route`, `pool`, `region`, `zone`, `backend`, or `process` for all else.
    pub kind: String,
    /// Its name, with those of what it is in.
    pub name: String,
    /// Whether it comes, goes or stays.
    pub change: Change,
    /// What follows for connections and traffic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follows: Vec<String>,
    /// The settings that change; none are told of what comes or goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<Setting>,
}

/// What becomes of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    Added,
    /// It is there in both and differs.
    Changed,
    /// It goes.
    Removed,
}

/// A setting that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its keys, joined by dots.
    pub key: String,
    /// As it is; absent = it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// As it would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A pool whose traffic moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// The part of its traffic that goes elsewhere than before, 0..=1.
    pub moved: f64,
    /// The zones whose part changes.
    pub zones: Vec<Zone>,
}

/// A zone whose part changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// Its region.
    pub region: String,
    /// Its name.
    pub zone: String,
    /// The part of the pool's traffic it gets, 0..=1.
    pub before: f64,
    /// The part it would get.
    pub after: f64,
}

impl Plan {
    /// Whether nothing at all would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.things.is_empty() && self.pools.is_empty()
    }
}

impl Thing {
    /// What cannot change while the process runs.
    pub(super) fn needs_restart(&self) -> Option<String> {
        let restart = self.kind == "process" && !matches!(&*self.name, "version" | "reload");
        restart.then(|| format!("{}: the change takes effect after a restart", self.name))
    }
}
