//! Alerts in the form in which Alertmanager sends them (webhook version 4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The body of `POST /webhooks/alertmanager`; what else it holds is not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerts {
    /// One entry per alert of the group.
    pub alerts: Vec<Alert>,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// `firing` or `resolved`.
    pub status: AlertStatus,
    /// What tells it from others.
    pub labels: BTreeMap<String, String>,
    /// What is said about it.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// Whether an alert holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// It does.
    Firing,
    /// It did.
    Resolved,
}

/// What alerts led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heeded {
    /// Orders given.
    pub orders: usize,
    /// Places left as an operator ordered them, one line each.
    pub left: Vec<String>,
}
