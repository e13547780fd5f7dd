//! Routes: what a request must look like, and what is done with it then.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use regex::bytes::Regex;

use super::{Compression, Queue, RateLimit, Retries};
use crate::model::PriorityClass;

/// One route of a listener.
#[derive(Clone, Debug)]
pub struct Route {
    /// The name in logs and metrics, unique in its listener; an unnamed route is `routes[i]`.
    pub name: Arc<str>,
    /// What a request must look like.
    pub matches: Match,
    /// What is done with it.
    pub action: Action,
    /// Replaces the matched path prefix (exact and prefix matches; without a match, `/`).
    pub rewrite_prefix: Option<Arc<str>>,
    /// Forward the target as the client sent it, though the normalised one is matched.
    pub raw_path: bool,
    /// Edits of what is sent to the backend.
    pub request_headers: HeaderEdits,
    /// Edits of what is sent to the client.
    pub response_headers: HeaderEdits,
    /// Deadlines of the exchange.
    pub timeouts: RouteTimeouts,
    /// The header (lower-case name) in which clients say how many milliseconds they wait, and
    /// backends are told what is left of them.
    pub budget_header: Option<Arc<str>>,
    /// Bytes of a request body; `None` = no limit.
    pub body_bytes: Option<u64>,
    /// How slowly a client may send or take a body.
    pub min_rate: MinRate,
    /// How many of its requests may come; all must hold.
    pub rate_limits: Vec<RateLimit>,
    /// Requests of the route at once; `None` = no limit of its own.
    pub concurrent: Option<Concurrent>,
    /// Which tries are followed by another.
    pub retries: Retries,
    /// Who goes first when not all can be served.
    pub priority: Priority,
    /// Which answers are compressed; `None` = none.
    pub compression: Option<Compression>,
    /// `Upgrade` protocols passed on, in lower case; the default is `websocket`.
    pub upgrades: Vec<Arc<str>>,
}

/// Requests of a route at once, all workers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrent {
    /// So many at most, ≥ 1.
    pub requests: u32,
    /// Where others wait.
    pub queue: Queue,
}

/// The fewest bytes per second that a client may send or take while it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinRate {
    /// Of a request's body; `None` = as few as it likes.
    pub request: Option<NonZeroU32>,
    /// Of a response; likewise.
    pub response: Option<NonZeroU32>,
    /// How long it may be slower than that.
    pub grace: Duration,
}

/// Which priority class requests are of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Priority {
    /// The class; with a `header`, that of requests whose header names none.
    pub class: PriorityClass,
    /// The header (lower-case name) by which trusted proxies name another.
    pub header: Option<Arc<str>>,
}

/// What a request must look like; everything given must hold.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// One of these hosts; empty = any.
    pub hosts: Vec<HostMatch>,
    /// The normalised path.
    pub path: Option<PathMatch>,
    /// One of these methods; empty = any.
    pub methods: Vec<Arc<str>>,
    /// All of these.
    pub headers: Vec<HeaderMatch>,
}

impl Match {
    /// Nothing is asked of a request, so every request matches.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let Self { hosts, path, methods, headers } = self;
        let any_path = match path {
            None => true,
            Some(PathMatch::Prefix(prefix)) => &**prefix == "/",
            Some(PathMatch::Exact(_) | PathMatch::Regex(_)) => false,
        };
        hosts.is_empty() && any_path && methods.is_empty() && headers.is_empty()
    }
}

/// A host pattern, in lower case, without port and trailing dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostMatch {
    /// This name.
    Exact(Arc<str>),
    /// `*.example.com`: any name with at least one more label; holds `.example.com`.
    Wildcard(Arc<str>),
}

/// A path pattern, matched against the normalised path without query.
#[derive(Clone, Debug)]
pub enum PathMatch {
    /// This path.
    Exact(Arc<str>),
    /// `/v1` matches `/v1` and `/v1/…`, not `/v10`; a prefix that ends in `/` matches as typed.
    Prefix(Arc<str>),
    /// The whole path, with bounded compiled size.
    Regex(Regex),
}

/// A header pattern.
#[derive(Clone, Debug)]
pub struct HeaderMatch {
    /// The name, in lower case.
    pub name: Arc<str>,
    /// What must hold.
    pub condition: HeaderCondition,
}

/// What must hold for a header.
#[derive(Clone, Debug)]
pub enum HeaderCondition {
    /// One of its values equals this.
    Equal(Arc<str>),
    /// It is there (`true`) or is not (`false`).
    Present(bool),
    /// One of its values matches as a whole.
    Regex(Regex),
}

/// What is done with a matched request.
#[derive(Clone, Debug)]
pub enum Action {
    /// Forwarded to one of these pools (index into `Config::pools`, weight > 0).
    Pools(Vec<(usize, u32)>),
    /// Redirected.
    Redirect(Redirect),
    /// Answered with a fixed response.
    Fixed(FixedResponse),
    /// Answered 200 or 503 by this node's readiness.
    Ready,
}

/// A redirect response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Where to.
    pub to: RedirectTo,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// A redirect's target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectTo {
    /// The same host and target, with `https`.
    Https,
    /// This location; `{host}` and `{path}` (path with query) stand for the request's.
    Location(Arc<str>),
}

/// A fixed response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedResponse {
    /// 200..=599.
    pub status: u16,
    /// Sent as `text/plain; charset=utf-8`.
    pub body: Arc<str>,
}

/// Header edits, applied in this order: remove, set, add. Names are in lower case and valid;
/// values are valid. Neither can touch framing or connection headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    /// Names to remove.
    pub remove: Vec<Arc<str>>,
    /// Names to replace with one value.
    pub set: Vec<(Arc<str>, Arc<str>)>,
    /// Values to add beside those already there.
    pub add: Vec<(Arc<str>, Arc<str>)>,
}

/// Deadlines of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// From the request sent to the response's first byte.
    pub first_byte: Duration,
    /// Between two reads of a body, either direction.
    pub body_idle: Duration,
    /// From the request's head to the response's last byte; `None` = no limit.
    pub total: Option<Duration>,
}
