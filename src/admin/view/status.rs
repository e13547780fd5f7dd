//! The shape of `GET /status`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LastReload, Protections, RateLimit, Standing};
use crate::events::wire::Order;

/// Everything that is known, as of one moment.
///
/// ```json
/// { "version": "0.1.0", "generation": 3, "time": "2026-11-21T02:27:04.123Z",
///   "published": "…", "started": "…", "uptime_ms": 60000, "ready": true, "draining": false,
///   "last_reload": null, "decisions": [],
///   "listeners": [ { "name": "web", "addresses": [ { "bind": "127.0.0.1:0", … } ] } ],
///   "pools": [ { "name": "api", "algorithm": "round-robin", "regions": [
///     { "name": "eu", "share": 1.0, "zones": [
///       { "name": "eu-1", "share": 1.0, "backends": [ { "name": "a1", "health": "up", … } ] } ] } ] } ] }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the running binary.
    pub version: String,
    /// The published table's generation.
    pub generation: u64,
    /// When this was written.
    pub time: String,
    /// When the table was published.
    pub published: String,
    /// When the process began to serve.
    pub started: String,
    /// How long it has served.
    pub uptime_ms: u64,
    /// Whether it should be sent traffic.
    pub ready: bool,
    /// Whether it is draining before it stops.
    pub draining: bool,
    /// How the last reload went; `null` before the first.
    pub last_reload: Option<LastReload>,
    /// What the last decision did and what it waits for: one line each.
    pub decisions: Vec<String>,
    /// Memory for buffers.
    #[serde(default)]
    pub buffers: Buffers,
    /// By name.
    pub listeners: Vec<Listener>,
    /// Rate limits, by listener, route and name.
    #[serde(default)]
    pub rate_limits: Vec<RateLimit>,
    /// What listeners show their clients, in config order.
    pub certificates: Vec<Certificate>,
    /// The orders that stand about requests themselves: degraded service, and faults for a drill.
    #[serde(default)]
    pub exceptions: Vec<Order>,
    /// In config order.
    pub pools: Vec<Pool>,
}

/// Memory for buffers, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffers {
    /// In use.
    pub used: u64,
    /// How much may be; `null` = as much as it takes.
    pub max: Option<u64>,
}

/// A certificate in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The listener that shows it.
    pub listener: String,
    /// The file it was read from.
    pub file: String,
    /// The names it is for.
    pub names: Vec<String>,
    /// From when on nobody believes it.
    pub not_after: String,
    /// Whole days until then; negative = so many ago.
    pub days_left: i64,
    /// Why what its files hold now cannot be used instead.
    #[serde(default)]
    pub refused: Option<String>,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub addresses: Vec<Address>,
}

/// One bound address of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// As configured; the port may be 0.
    pub bind: String,
    /// As bound.
    pub local: String,
    /// Open client connections.
    pub connections: u32,
    /// Client connections accepted.
    pub accepted: u64,
    /// Times accepting paused: for `connections` or `handshakes` of which there were as many as may,
    /// or for `lack` of file descriptors or memory.
    #[serde(default)]
    pub pauses: BTreeMap<String, u64>,
    /// Connections that were reset at once: `denied` clients may not connect, `per_client` have as
    /// many open as they may.
    #[serde(default)]
    pub refused: BTreeMap<String, u64>,
    /// Requests answered, by status class.
    pub responses: Classes,
    /// Exchanges that ended without any response.
    pub unanswered: u64,
}

/// Counts by status class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classes {
    /// `101` only.
    #[serde(rename = "1xx")]
    pub switched: u64,
    /// Success.
    #[serde(rename = "2xx")]
    pub success: u64,
    /// Redirection.
    #[serde(rename = "3xx")]
    pub redirection: u64,
    /// The client's fault.
    #[serde(rename = "4xx")]
    pub client_error: u64,
    /// The server's fault.
    #[serde(rename = "5xx")]
    pub server_error: u64,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// `round-robin`, `least-connections` or `ip-hash`.
    pub algorithm: String,
    /// The part of what is asked of it that it could carry without the zone that carries most; from 1
    /// on, that zone may be lost. `null` while nothing takes traffic, or nothing is asked.
    pub headroom: Option<f64>,
    /// What its protections did.
    #[serde(default)]
    pub protections: Protections,
    /// In config order.
    pub regions: Vec<Region>,
}

/// A region of a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// The part of the pool's traffic it gets.
    pub share: f64,
    /// How it stands as a whole.
    pub standing: Standing,
    /// In config order.
    pub zones: Vec<Zone>,
}

/// A zone of a region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// The part of the pool's traffic it gets.
    pub share: f64,
    /// The part it would get, with the backends it has now, if automation held nobody back.
    pub entitled: f64,
    /// How it stands.
    pub standing: Standing,
    /// In config order; a hostname has one entry per address.
    pub backends: Vec<Backend>,
}

/// A backend: what was observed, what was ordered, what follows, what was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    /// Its name, unique in the pool.
    pub name: String,
    /// Where it listens; `null` while its hostname has no address.
    pub address: Option<String>,
    /// Observed: `unknown`, `up`, `degraded` or `down`.
    pub health: String,
    /// Ordered: `ready`, `drain` or `maint`.
    pub admin: String,
    /// Why it is not up, when it is not.
    pub reason: Option<String>,
    /// Who decided that it is not up: a layer, `agent` or `traffic`.
    pub cause: Option<String>,
    /// Since when its health is what it is.
    pub since: String,
    /// How long that is.
    pub age_ms: u64,
    /// The weight it was configured with.
    pub weight: u32,
    /// The weight it has within its zone now; 0 = gets nothing new.
    pub effective_weight: f64,
    /// Takes traffic only while no other backend of the pool can.
    pub backup: bool,
    /// Requests in flight.
    pub in_flight: u32,
    /// What was counted about it.
    pub counters: Counters,
    /// How often its health has changed, the first verdict not counted.
    pub flips: u64,
    /// How often live traffic has ejected it.
    pub ejections: u64,
    /// What live traffic holds against it, while it is out or on trial for that.
    pub ejected: Option<Ejected>,
    /// How long it may not come back yet, because it has done so too often within a minute.
    pub held_ms: Option<u64>,
    /// Each layer asked of it, lowest first.
    pub layers: Vec<Layer>,
    /// Each check asked of it, lowest layer first.
    pub checks: Vec<Check>,
    /// The last failure to resolve its hostname, while that is not mended.
    pub lookup_failure: Option<String>,
}

/// What was counted about a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Tries sent.
    pub requests: u64,
    /// Final responses, by status class.
    pub responses: Classes,
    /// Connections opened.
    pub connects: u64,
    /// Connections that could not be opened.
    pub connect_failures: u64,
    /// Opened connections on which there was no agreement by TLS.
    #[serde(default)]
    pub tls_failures: u64,
    /// Tries on a kept connection.
    pub reused: u64,
    /// Connections that closed or reset before a response.
    pub resets: u64,
    /// Responses that did not begin in time.
    pub timeouts: u64,
    /// Responses refused as malformed or truncated.
    pub bad_responses: u64,
    /// Tries that were followed by another try.
    pub retries: u64,
    /// Body bytes sent to it.
    pub bytes_sent: u64,
    /// Body bytes received from it.
    pub bytes_received: u64,
}

impl Counters {
    /// Tries that failed, whatever the way: the table's `errors` column.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.connect_failures
            + self.tls_failures
            + self.resets
            + self.timeouts
            + self.bad_responses
            + self.responses.server_error
    }
}

/// Why live traffic keeps a backend out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ejected {
    /// Since when.
    pub since: String,
    /// What was seen.
    pub reason: String,
}

/// What the checks of one layer add up to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// `network`, `process`, `application` or `business`.
    pub layer: String,
    /// `unknown`, `presumed` (up until it has failed, because a reload added it), `up` or `down`.
    pub verdict: String,
    /// Since when the verdict holds.
    pub since: String,
    /// How long that is.
    pub age_ms: u64,
    /// Why it is not up, when it is not.
    pub reason: Option<String>,
}

/// What one check of a backend showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// `network`, `process`, `application` or `business`.
    pub layer: String,
    /// Which of the layer's checks it is, from 0.
    pub check: usize,
    /// What it asks: `connect`, `GET /health`.
    pub name: String,
    /// Its verdict.
    pub health: String,
    /// Since when the verdict holds.
    pub since: String,
    /// How long that is.
    pub age_ms: u64,
    /// How surprising its silence is, −ln P(later); `null` while its rhythm is not known.
    pub phi: Option<f64>,
    /// Whether that has reached the level set as `phi.suspect`. It is told and changes nothing.
    pub suspect: bool,
    /// What made it down, if it is: `fall`, `phi` or `bound`.
    pub decided_by: Option<String>,
    /// The newest results, oldest first: `+` passed, `-` failed.
    pub results: String,
    /// Why the newest failure failed.
    pub reason: Option<String>,
    /// The newest results one by one, oldest first; only in `/health/detailed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Seen>,
}

/// One probe's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When it was established.
    pub at: String,
    /// How long the probe took, in microseconds.
    pub latency_us: u64,
    /// `pass`, `fail`, or `void` where the prober could not judge.
    pub result: String,
    /// Why, if it did not pass.
    pub reason: Option<String>,
}
