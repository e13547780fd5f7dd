//! The lines of the event log and of `/events`: a contract with scripts and with `replay`.
//!
//! Keys and kinds may be added; none changes its name or meaning. Texts are free of control
//! characters. Shares and factors are 0..=1.

use serde::{Deserialize, Serialize};

/// One event, as written.
///
/// ```json
/// {"seq":7,"at":"2026-11-21T02:27:04.123Z","at_ms":1795228024123,"inputs":"5d0c…",
///  "kind":"health","pool":"api","backend":"a1","from":"up","to":"down","reason":"refused"}
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Grows by one with each event of a process, from 1; a gap means lost lines, a 1 a new process.
    pub seq: u64,
    /// When it was seen: RFC 3339 in UTC.
    pub at: String,
    /// The same in milliseconds since 1970-01-01.
    pub at_ms: u64,
    /// Digest of all inputs of this process up to and including this line, 16 hexadecimal digits.
    pub inputs: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// Input: a process began to serve.
    Start {
        /// Its version.
        version: String,
        /// Which configuration it serves by.
        config: Configuration,
    },
    /// Input: a backend's observed health changed.
    Health {
        /// The pool.
        pool: String,
        /// The backend's name.
        backend: String,
        /// Before: `unknown`, `up`, `degraded` or `down`.
        from: String,
        /// Now.
        to: String,
        /// The factor on its weight now.
        factor: f64,
        /// Who decided, when it is not up now; who had decided, when it is: a layer, `agent` or
        /// `traffic`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
        /// What was seen, by the same rule.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Every zone of a pool shows the same business failure, or no longer does.
    CommonCause {
        /// The pool.
        pool: String,
        /// What all of them show; absent = it is over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    },
    /// Input: a hostname's addresses changed.
    Resolved {
        /// The pool.
        pool: String,
        /// The backend's name in the configuration.
        backend: String,
        /// How many addresses it has now.
        addresses: usize,
    },
    /// A hostname could not be resolved; its last good addresses stay in use.
    Unresolved {
        /// The pool.
        pool: String,
        /// The backend's name in the configuration.
        backend: String,
        /// Why.
        detail: String,
    },
    /// Input: an operator ordered something.
    Ordered {
        /// The order.
        order: Order,
    },
    /// Output: a zone or region stands otherwise than before, or does not recover.
    Moved {
        /// The pool.
        pool: String,
        /// The region.
        region: String,
        /// The zone; absent = the region as a whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        zone: Option<String>,
        /// Before: `active`, `draining`, `out`, `proving`, `restoring` or `watching`.
        from: String,
        /// Now.
        to: String,
        /// Which stage, from 1, while it is restoring.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<usize>,
        /// What led to it.
        because: String,
        /// It has been out for too long without being proven.
        escalated: bool,
    },
    /// Output: a pool could no longer lose its largest zone (N-1), or can again.
    Headroom {
        /// The pool.
        pool: String,
        /// Whether it is too little.
        low: bool,
        /// What it carries without that zone, of what is asked of it, from 0.
        headroom: f64,
    },
    /// Output: a pool's circuit breaker has another state.
    Circuit {
        /// The pool.
        pool: String,
        /// Before: `closed`, `open` or `half-open`.
        from: String,
        /// Now.
        to: String,
        /// What led to it.
        because: String,
    },
    /// Output: a backend that starts slowly turned out to be worse than those beside it, and begins
    /// again.
    SetBack {
        /// The pool.
        pool: String,
        /// The backend.
        backend: String,
        /// In which way it is worse.
        because: String,
    },
    /// The time of an order was over.
    Expired {
        /// The order.
        order: Order,
    },
    /// Output: a table was published.
    Published {
        /// Its generation.
        generation: u64,
        /// Zones whose share is not what it was.
        moves: Vec<Move>,
        /// The decision's reasons for the pools that moved, one line each.
        because: Vec<String>,
    },
    /// A configuration on trial may stay.
    Confirmed {
        /// Who said so.
        actor: String,
    },
    /// Input, if `ok`: the configuration was loaded again, or was refused.
    Reload {
        /// Who asked.
        actor: String,
        /// Whether it is in force now.
        ok: bool,
        /// Which one it is, if it is in force.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        config: Option<Configuration>,
        /// Every problem of one that was refused.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        problems: Vec<String>,
    },
}

impl Event {
    /// Whether decisions depend on it, so that it counts in the digest.
    #[must_use]
    pub fn is_input(&self) -> bool {
        match self {
            Self::Start { .. }
            | Self::Health { .. }
            | Self::Resolved { .. }
            | Self::Ordered { .. } => true,
            Self::Reload { ok, .. } => *ok,
            Self::CommonCause { .. }
            | Self::Unresolved { .. }
            | Self::Moved { .. }
            | Self::Headroom { .. }
            | Self::Circuit { .. }
            | Self::SetBack { .. }
            | Self::Expired { .. }
            | Self::Confirmed { .. }
            | Self::Published { .. } => false,
        }
    }
}

/// A configuration, to be recognised and found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The file; none for the demo's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Digest of the whole configuration with every default filled in, 16 hexadecimal digits.
    pub digest: String,
}

/// A zone's share, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Move {
    /// The pool.
    pub pool: String,
    /// The region.
    pub region: String,
    /// The zone.
    pub zone: String,
    /// Its share of the pool's traffic before.
    pub before: f64,
    /// Its share now.
    pub after: f64,
}

/// An order, as it is written down, kept over a restart, and shown.
///
/// ```json
/// {"scope":{"of":"zone","zone":"us-east-1a"},"action":{"do":"drain","over_ms":300000},
///  "actor":"admin uid 1000","why":"kernel update","since_ms":1795228024123,"until_ms":1795229824123}
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// What it is about.
    pub scope: Scope,
    /// What is ordered.
    pub action: Action,
    /// Who gave it.
    pub actor: String,
    /// Why; may be empty.
    #[serde(default)]
    pub why: String,
    /// When it was given, in milliseconds since 1970-01-01.
    pub since_ms: u64,
    /// When it ends by itself; absent = by another order only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

/// What an order is about. Where a pool or region is left out, every one is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case", deny_unknown_fields)]
pub enum Scope {
    /// Everything.
    All {},
    /// A listener.
    Listener {
        /// Its name.
        listener: String,
    },
    /// A route of a listener.
    Route {
        /// The listener.
        listener: String,
        /// Its name.
        route: String,
    },
    /// A pool.
    Pool {
        /// Its name.
        pool: String,
    },
    /// A region.
    Region {
        /// The pool, or all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pool: Option<String>,
        /// Its name.
        region: String,
    },
    /// A zone.
    Zone {
        /// The pool, or all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pool: Option<String>,
        /// The region, or whichever has a zone of this name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
        /// Its name.
        zone: String,
    },
    /// A backend.
    Backend {
        /// Its pool.
        pool: String,
        /// Its name.
        backend: String,
    },
}

/// What is ordered; see [`model::Action`](crate::model::Action).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Nothing new goes there.
    Drain {
        /// Down to nothing evenly over this time; absent = at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over_ms: Option<u64>,
    },
    /// Out.
    Maint {},
    /// Takes part again.
    Ready {},
    /// Another weight.
    Weight {
        /// It; absent = as configured again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weight: Option<u32>,
    },
    /// Counts as failed.
    Fail {
        /// Who takes over; absent = whoever would.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// Comes back by proof and in stages.
    Restore {
        /// Go to the next stage now.
        #[serde(default)]
        advance: bool,
    },
    /// Automation changes nothing.
    Pause {},
    /// Automation works again.
    Resume {},
    /// A part of the traffic.
    Traffic {
        /// The part, 0..=1; absent = all again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<f64>,
    },
    /// Closes a pool's circuit breaker.
    ResetBreaker {},
    /// Does without what a level of degraded service names.
    Degrade {
        /// The level; absent = with everything again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<String>,
    },
    /// Does this to the requests of a route.
    Fault {
        /// What is done.
        fault: Fault,
        /// To which part of them, 0..=1.
        part: f64,
    },
    /// Ends a fault.
    ClearFault {},
    /// Emergency stop.
    Stop {},
}

/// What is done to a request on purpose; see [`model::FaultKind`](crate::model::FaultKind).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// It waits.
    Delay {
        /// How long, in milliseconds.
        delay_ms: u64,
    },
    /// It is answered at once.
    Abort {
        /// With this status.
        status: u16,
    },
    /// Its connection is reset.
    Reset {},
}

impl Line {
    /// The line's text, with its newline.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        // Numbers and texts only: nothing in it that JSON could not say.
        let mut text = serde_json::to_vec(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}
