//! What control knows, in the shape an operator asks for it.
//!
//! All of one [`Status`] is of one moment and one generation. Traffic counters are not in it: who
//! shows them reads them from [`live`](crate::live) by the backend's key.

use std::sync::Arc;
use std::time::Duration;

use super::ReloadReport;
use crate::events::wire::Order;
use crate::health::Verdict;
use crate::model::{
    Address, Admin, BackendKey, Circuit, Health, Layer, Outcome, Phase, UnixMillis,
};

/// How much a status tells.
///
/// The single results of all probes are most of what is known: a thousand backends with six checks
/// each have 200,000. So they are told only to who asks for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Every backend, without single results.
    #[default]
    Brief,
    /// Every backend, with the single results of its checks.
    Results,
    /// The same, only of the backends of this name: `pool/name`, `name`, or a hostname's without the
    /// address.
    Backend(Arc<str>),
}

/// Everything that is known, as of one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// The published table's generation.
    pub generation: u64,
    /// When the table was published.
    pub published: UnixMillis,
    /// When this process began to serve.
    pub started: UnixMillis,
    /// Whether the process is draining before it stops.
    pub draining: bool,
    /// What listeners show their clients, in config order.
    pub certificates: Vec<CertificateStatus>,
    /// The orders that stand about requests themselves: degraded service, and faults.
    pub exceptions: Vec<Order>,
    /// In config order.
    pub pools: Vec<PoolStatus>,
    /// What the last decision did and what it waits for: one line of text each.
    pub report: Vec<String>,
    /// How the last reload went; `None` before the first.
    pub last_reload: Option<ReloadReport>,
}

/// A certificate in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateStatus {
    /// The listener that shows it.
    pub listener: Arc<str>,
    /// The file it was read from.
    pub file: Box<str>,
    /// The names it is for.
    pub names: Vec<Box<str>>,
    /// From when on nobody believes it.
    pub not_after: UnixMillis,
    /// Why what its files hold now cannot be used instead.
    pub refused: Option<Box<str>>,
}

/// One pool.
#[derive(Clone, Debug)]
pub struct PoolStatus {
    /// Its name.
    pub name: Arc<str>,
    /// How a backend is chosen within a zone.
    pub algorithm: &'static str,
    /// The part of what is asked of it that it could carry without the zone that carries most; from 1
    /// on, that zone may be lost. `None` = nothing takes traffic, or nothing is asked.
    pub headroom: Option<f64>,
    /// How its circuit breaker stands; `None` = it has none.
    pub breaker: Option<BreakerStatus>,
    /// In config order.
    pub regions: Vec<RegionStatus>,
}

/// How a pool's circuit breaker stands.
#[derive(Clone, Debug)]
pub struct BreakerStatus {
    /// Its state.
    pub circuit: Circuit,
    /// Since when; `None` = always.
    pub since: Option<UnixMillis>,
    /// What led to it: one line; empty = nothing did.
    pub cause: Arc<str>,
    /// When a trial begins, while it is open.
    pub until: Option<UnixMillis>,
    /// How often it has opened.
    pub opened: u64,
}

/// Where a zone or region stands between taking part and being out.
#[derive(Clone, Debug)]
pub struct PlaceStatus {
    /// What is being done with it.
    pub phase: Phase,
    /// In a restoration, the part of what it is entitled to that it may have, 0..=1.
    pub stage_share: Option<f64>,
    /// Since when; `None` = since it is configured.
    pub since: Option<UnixMillis>,
    /// What led to it: one line; empty = nothing did.
    pub cause: Arc<str>,
    /// Automation makes no other change before, but for a rollback; `None` = it may now.
    pub dwells_until: Option<UnixMillis>,
    /// Automation does not bring it back before; `None` = it may, once it is well.
    pub held_until: Option<UnixMillis>,
    /// How often it failed of late; each doubles the time it is held.
    pub flaps: u32,
}

/// One region of a pool.
#[derive(Clone, Debug)]
pub struct RegionStatus {
    /// Its name.
    pub name: Arc<str>,
    /// The part of the pool's traffic it gets, 0..=1.
    pub share: f64,
    /// How it stands as a whole.
    pub standing: PlaceStatus,
    /// In config order.
    pub zones: Vec<ZoneStatus>,
}

/// One zone of a region.
#[derive(Clone, Debug)]
pub struct ZoneStatus {
    /// Its name.
    pub name: Arc<str>,
    /// The part of the pool's traffic it gets, 0..=1.
    pub share: f64,
    /// The part it would get if automation held nobody back, 0..=1.
    pub entitled: f64,
    /// How it stands.
    pub standing: PlaceStatus,
    /// In config order; a hostname has one entry per address, or one without address while it has
    /// none.
    pub backends: Vec<BackendEvidence>,
}

/// One backend: what was observed, what was ordered, what follows.
#[derive(Clone, Debug)]
pub struct BackendEvidence {
    /// Its identity, under which its counters are kept.
    pub key: BackendKey,
    /// The region it is in.
    pub region: Arc<str>,
    /// The zone it is in.
    pub zone: Arc<str>,
    /// Where it listens; `None` while its hostname has no address.
    pub address: Option<Address>,
    /// The weight it was configured with.
    pub weight: u32,
    /// The weight it has within its zone now; 0 = gets nothing new.
    pub effective_weight: f64,
    /// Takes traffic only while no other backend of the pool can.
    pub backup: bool,
    /// What was observed.
    pub health: Health,
    /// What was ordered.
    pub admin: Admin,
    /// Why it is not up, when it is not: one line, capped and escaped.
    pub reason: Option<Arc<str>>,
    /// Who decided that it is not up: a layer, `agent` or `traffic`.
    pub cause: Option<&'static str>,
    /// Since when its health is what it is.
    pub since: UnixMillis,
    /// How often its health has changed.
    pub flips: u64,
    /// How often live traffic has ejected it.
    pub ejections: u64,
    /// Since when live traffic keeps it out or on trial, and why: one line, capped and escaped.
    pub ejected: Option<(UnixMillis, Arc<str>)>,
    /// How long it may not come back yet, because it has done so too often.
    pub held: Option<Duration>,
    /// Each layer asked, lowest first.
    pub layers: Vec<LayerVerdict>,
    /// Each check asked of it, lowest layer first.
    pub checks: Vec<CheckEvidence>,
    /// The last failure to resolve its hostname, while that is not mended: capped and escaped.
    pub lookup_failure: Option<Arc<str>>,
}

/// What the checks of one layer add up to.
#[derive(Clone, Debug)]
pub struct LayerVerdict {
    /// The layer.
    pub layer: Layer,
    /// The worst verdict of its checks.
    pub verdict: Verdict,
    /// Since when the verdict holds.
    pub since: UnixMillis,
    /// Why it is not up, when it is not: one line, capped and escaped.
    pub reason: Option<Arc<str>>,
}

/// What one check of a backend showed.
#[derive(Clone, Debug)]
pub struct CheckEvidence {
    /// The layer it asks.
    pub layer: Layer,
    /// Which of the layer's checks it is.
    pub check: usize,
    /// What it asks: `connect`, `GET /health`.
    pub name: Arc<str>,
    /// Since when its verdict holds.
    pub since: UnixMillis,
    /// How surprising its silence is, −ln P(later); `None` while its rhythm is not known.
    pub phi: Option<f64>,
    /// Whether that is suspect.
    pub suspect: bool,
    /// What made it down, if it is: `fall`, `phi` or `bound`.
    pub decided_by: Option<&'static str>,
    /// Its verdict.
    pub health: Health,
    /// The newest results in brief, oldest first: `+` passed, `-` failed.
    pub marks: String,
    /// The newest results, oldest first; empty in a [`Detail::Brief`] status.
    pub results: Vec<Seen>,
    /// Why the newest failure failed: one line, capped and escaped.
    pub reason: Option<Arc<str>>,
}

/// One probe's result.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it was established.
    pub at: UnixMillis,
    /// How long the probe took.
    pub latency: Duration,
    /// How it ended.
    pub outcome: Outcome,
}
