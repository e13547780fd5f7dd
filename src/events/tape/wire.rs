//! The lines of a recording. Times are nanoseconds since the recorded process began to decide.

use serde::{Deserialize, Serialize};

use crate::events::wire;

/// The version of this form. Version 1 lacks [`Begin::left`].
pub const VERSION: u32 = 2;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// From here on it can be decided again.
    Begin(Begin),
    /// One step of the core.
    Step(Step),
}

/// What the core knew when a recording began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// [`VERSION`].
    pub version: u32,
    /// The number of the first step after it.
    pub next: u64,
    /// When.
    pub t: i64,
    /// The same by the wall clock, in milliseconds since 1970-01-01.
    pub at_ms: u64,
    /// The process began here: nothing was known that is not in this line.
    pub whole: bool,
    /// What it took over from the process before, if it keeps anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
    /// The configuration in force.
    pub config: Config,
    /// The orders that stood, oldest first.
    pub orders: Vec<Order>,
    /// The hostnames' addresses.
    pub lookups: Vec<Lookup>,
    /// How zones and regions stood that were not simply active.
    pub standings: Vec<Standing>,
}

/// What a process found in its state folder, as it was written there; times in it are by the wall clock,
/// and [`Begin::at_ms`] is the moment [`Begin::t`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// What was observed of backends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// How zones and regions stood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standings: Option<String>,
}

/// A configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The file it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// As `check --print` shows it: secrets are named, not shown.
    pub text: String,
}

/// What the core was told at one moment, and what it came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Grows by one; a gap means lost lines.
    pub n: u64,
    /// When.
    pub t: i64,
    /// In the order they were told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// What was decided, one line of text each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<String>,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A probe ended.
    Seen(Seen),
    /// Live traffic was sampled.
    Traffic(Traffic),
    /// What arrived at a pool was sampled.
    Arrived(Arrivals),
    /// A lookup ended.
    Lookup(Lookup),
    /// Somebody ordered something.
    Order(Order),
    /// There is another configuration.
    Config(Config),
}

/// How a probe ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The pool.
    pub pool: String,
    /// The backend.
    pub backend: String,
    /// The layer's number, from 0.
    pub layer: usize,
    /// Which of its checks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub check: usize,
    /// When the answer was there.
    pub t: i64,
    /// How long it took.
    pub took: u64,
    /// How it failed; absent = it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Why nobody could judge; absent = somebody could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
    /// What was seen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What its agent said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
}

/// What an agent said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// `up`, `drain` or `down`.
    pub state: String,
    /// The part of its weight it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Why.
    pub reason: String,
}

/// What traffic showed; see [`model::Traffic`](crate::model::Traffic).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// The pool.
    pub pool: String,
    /// The backend.
    pub backend: String,
    /// Connect failures, connects, requests, answers, server errors, resets, timeouts, bad
    /// responses, and what is in flight.
    pub counts: [u64; 9],
    /// Answers per bucket of latency: the bucket, and how many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency: Vec<(usize, u64)>,
}

/// What arrived at a pool; see [`model::Arrivals`](crate::model::Arrivals).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrivals {
    /// The pool.
    pub pool: String,
    /// By priority class, the lowest first.
    pub by_class: [u64; 4],
}

/// How a lookup ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// The pool.
    pub pool: String,
    /// The backend's name in the configuration.
    pub backend: String,
    /// The hostname.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The addresses, or why there are none.
    pub outcome: Result<Vec<std::net::SocketAddr>, String>,
}

/// An order; its own times are not used, these are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// What was ordered.
    pub order: wire::Order,
    /// Since when.
    pub since: i64,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// How a zone or region stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The pool.
    pub pool: String,
    /// The region.
    pub region: String,
    /// The zone; absent = the region as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// As in [`wire::Event::Moved`].
    pub phase: String,
    /// Which stage, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stage: usize,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// What led to it.
    pub cause: String,
    /// Not back before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<i64>,
    /// How often it failed of late.
    pub flaps: u32,
    /// It has been told that it does not recover.
    #[serde(default)]
    pub escalated: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}
