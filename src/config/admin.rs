//! The admin API: who may ask, who may change.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::Secret;

/// The admin API's settings.
#[derive(Clone, Debug, Default)]
pub struct AdminApi {
    /// TCP addresses; read-only unless a token is presented. A non-loopback one needs a token.
    pub bind: Vec<SocketAddr>,
    /// The unix socket (mode 0600), which may change things.
    pub socket: Option<PathBuf>,
    /// Bearer tokens.
    pub tokens: Vec<Token>,
    /// What alerts that come in by webhook order; the first that matches.
    pub alerts: Vec<AlertRule>,
    /// How long a fault may hold that an operator puts on a route; `None` = none may be put there.
    pub faults: Option<Duration>,
    /// `Host` values accepted besides the bound addresses and `localhost`.
    pub allowed_hosts: Vec<String>,
}

/// What an alert orders, in the form in which Alertmanager sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRule {
    /// Labels the alert must have, with these values.
    pub matches: Vec<(String, String)>,
    /// What the order is about.
    pub place: AlertPlace,
    /// What is ordered while the alert is firing; the opposite once it is resolved.
    pub action: AlertAction,
    /// How long the order holds if nobody says that the alert is resolved.
    pub lasts: Option<Duration>,
}

/// Which label of an alert names what its order is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertPlace {
    /// It names a zone.
    Zone(String),
    /// It names a region.
    Region(String),
}

/// What an alert may order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertAction {
    /// Nothing new goes there; undrained once it is resolved.
    Drain,
    /// It counts as failed; restored in stages once it is resolved.
    Failover,
    /// Automation changes nothing there; it works again once it is resolved.
    Pause,
}

impl AlertAction {
    /// The name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Failover => "failover",
            Self::Pause => "pause",
        }
    }
}

/// What a token's bearer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Read.
    Viewer,
    /// Read and change.
    Operator,
}

/// A bearer token.
#[derive(Clone, Debug)]
pub struct Token {
    /// What its bearer may do.
    pub role: Role,
    /// The token itself, read from its file or environment variable when the config was checked.
    pub secret: Secret,
    /// Where it was read from.
    pub source: SecretSource,
}

/// Where a secret is kept; safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that holds nothing else; relative to the current directory.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}
