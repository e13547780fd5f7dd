//! What the evidence says about one backend: a verdict, its reason, and since when.
//!
//! A single boolean from a single probe cannot tell a dead host from a slow page, and forgets why
//! it flipped. So each backend has *layers*, each layer has one *check* per question it asks, and
//! each check has its own rise/fall detector and its own last results. Live traffic is a further
//! witness. [`BackendHealth`] keeps them all and combines them; it is told what time it is and
//! does nothing by itself.
//!
//! # Checks
//!
//! A check is `unknown` until its first verdict. One pass makes it `up`; `fall` failures in a row
//! make it `down`; from `down`, `rise` passes in a row make it `up` again. A silence that is too
//! unlikely by the check's own rhythm, or longer than `fall` × interval, makes it `down` as well,
//! once two probes have failed (the `phi` submodule has the model). A void result (the
//! prober could not judge) is shown among the results and changes nothing.
//!
//! A silence that has become *suspect* is told (status, metrics) and has no consequence: it lasts
//! from about 2.0 to 2.6 intervals at an even pace, in which a second look is already being taken,
//! and a backend that was degraded for that half interval and back would only be another change.
//!
//! A check that a reload adds to a backend which is up starts `presumed`: it counts as up until it
//! has failed `fall` times in a row, so that a reload alone never takes a backend out.
//!
//! A layer is `down` when any of its checks is, else `unknown` or `presumed` when any of them is,
//! else `up`.
//!
//! # Live traffic
//!
//! A sample in which connections failed and none succeeded *ejects* the backend at once, until the
//! lowest layer that is asked has proved that it can be connected to. Who answers badly over a
//! while is ejected too, as far as the pool can spare it, and comes back by a *trial* with a small
//! part of its traffic (the `ejection` submodule has the rules). Where no layer is asked
//! (`health: off`) traffic ejects nobody.
//!
//! # The backend: truth table
//!
//! The first line that fits decides. `·` = any. *Down* and *unknown* of the application layer are
//! meant as configured: `on_failure: remove` is "down", `degrade` is "fails", which leaves that
//! part of the weight. The business layer only ever fails; what it leaves is the part of its
//! transactions that passes, never less than its `floor`.
//!
//! | network | process | application | business | agent | traffic | verdict | decided by |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | not asked | not asked | not asked | not asked | · | · | Up | - |
//! | down | · | · | · | · | · | Down | network |
//! | · | · | · | · | · | ejected | Down | traffic |
//! | · | down | · | · | · | · | Down | process |
//! | · | · | down | · | · | · | Down | application |
//! | unknown | · | · | · | · | · | Unknown | network |
//! | · | unknown | · | · | · | · | Unknown | process |
//! | · | · | unknown | · | · | · | Unknown | application |
//! | not asked | not asked | not asked | unknown | · | · | Unknown | business |
//! | · | · | fails | · | · | · | Degraded | the least |
//! | · | · | · | fails | · | · | Degraded | the least |
//! | · | · | · | · | a part | · | Degraded | the least |
//! | · | · | · | · | · | on trial | Degraded | the least |
//! | · | · | · | · | · | · | Up | - |
//!
//! Degraded leaves the least of what application, business and a trial leave, times the part that
//! the agent asks for (none while it drains). `the least` is who leaves the least by itself, of
//! equals the lowest layer, then traffic, then the agent.
//!
//! A business failure that has a common cause, or may still turn out to have one, counts as up
//! (the `common_cause` submodule says when that is).
//!
//! A verdict that improves again and again within a minute is held back (the `returns` submodule
//! states the bound on changes that follows).
//!
//! The lowest cause is the one shown: a host that cannot be reached fails every layer above too. A
//! layer that can only lower the weight is not waited for, unless it is the only one asked. What
//! an operator ordered is not in the table: an order decides about traffic, in
//! [`decision`](crate::decision), and never changes what was observed.

mod backend;
mod check;
mod circuit;
mod combine;
mod common_cause;
mod detector;
mod ejection;
mod evidence;
mod history;
mod kept;
mod layer;
mod outliers;
mod phi;
mod plan;
mod returns;
#[cfg(test)]
mod tests;
mod window;

pub use backend::{BackendHealth, Change};
pub use circuit::{CircuitBreaker, CircuitEvidence};
pub use combine::Cause;
pub use common_cause::{CommonCause, Symptom, Turn, zone_shows};
pub use detector::Verdict;
pub use evidence::{CheckEvidence, Detector, Evidence, LayerEvidence};
pub use history::{HISTORY, Sample};
pub use kept::{Charge, Kept, KeptCheck, KeptEjections, KeptLayer};
pub use outliers::{can_spare_one, eject_outliers};
pub use plan::probe_plan;
