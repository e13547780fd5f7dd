//! A question and its answer, as they are sent and shown: a contract with scripts.
//!
//! Keys may be added; none changes its name or meaning. Shares are 0..=1 of the pool's requests.

use serde::{Deserialize, Serialize};

/// A question, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The request's method; none where bytes are forwarded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// Its URL; `tcp://ADDRESS:PORT` or `udp://ADDRESS:PORT` where bytes are forwarded.
    pub url: String,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The server name that its TLS hello asks for; empty = a hello without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// The protocols that its TLS hello offers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<String>,
    /// Header fields, `name: value` each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// The listener it arrives at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
    /// A zone to be told of what would have to change for it to get traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Assumptions, as `zone=us-east-1a=down`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assume: Vec<String>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The table's generation; 0 = one that is not in force.
    pub generation: u64,
    /// What was assumed.
    #[serde(default)]
    pub assumed: Vec<String>,
    /// The request in the form that routes are matched by.
    pub request: String,
    /// The listener it arrives at.
    pub listener: String,
    /// Other listeners that it could have arrived at.
    #[serde(default)]
    pub other_listeners: Vec<String>,
    /// The routes that were asked, in order; the last one matches, if any does.
    pub routes: Vec<Route>,
    /// What is done with it, in words.
    pub action: String,
    /// What becomes of it where no backend can take it.
    #[serde(default)]
    pub unserved: String,
    /// The pools it may go to.
    pub pools: Vec<Pool>,
}

/// A route that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Why it does not match; absent = it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<String>,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// The part of the route's requests that it gets, 0..=1.
    pub part: f64,
    /// How a backend is chosen within a zone.
    pub algorithm: String,
    /// The part of its requests that is shed, 0..=1.
    pub shed: f64,
    /// The priority class that the request is of, and where that comes from.
    #[serde(default)]
    pub class: String,
    /// The part of that class's requests that the pool lets in, 0..=1.
    #[serde(default = "whole")]
    pub admitted: f64,
    /// What protects it, and helps its requests to another backend.
    #[serde(default)]
    pub protections: Vec<String>,
    /// What its choice is made by, where it is made by a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The backend that this very request goes to, where that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
    /// In config order.
    pub regions: Vec<Region>,
    /// What the decision did and what it waits for.
    #[serde(default)]
    pub decision: Vec<String>,
}

fn whole() -> f64 {
    1.0
}

/// A region of a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Its share.
    pub share: f64,
    /// In config order.
    pub zones: Vec<Zone>,
}

/// A zone of a region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// Its share.
    pub share: f64,
    /// What is being done with it: `active`, `draining`, `out`, `proving`, `restoring`, `watching`.
    pub phase: String,
    /// What it scores for the key; the highest wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Why it loses: gets nothing at all, or not this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
    /// What would have to change for it to get traffic, or more of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// In config order.
    pub backends: Vec<Backend>,
}

/// A backend of a zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// Its share.
    pub share: f64,
    /// The weight it has now.
    pub weight: f64,
    /// What was observed.
    pub health: String,
    /// Requests in flight there now.
    pub in_flight: u32,
    /// Why it loses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}

impl Explanation {
    /// The answer for people.
    #[must_use]
    pub fn text(&self) -> String {
        super::text::explanation(self)
    }
}
