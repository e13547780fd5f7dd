//! Routes: whether a request matches, and where it goes then.

use std::sync::Arc;

use super::{Picker, RateLimit};
use crate::balance::round_robin::Schedule;
use crate::config::{self, FixedResponse, HeaderCondition, HeaderMatch, HostMatch, PathMatch};
use crate::live::{PoolId, Queue};

/// What of a request its route depends on.
#[derive(Debug)]
pub struct RequestView<'a, H> {
    /// As sent; methods are case-sensitive.
    pub method: &'a str,
    /// In lower case, without port and trailing dot.
    pub host: &'a str,
    /// Normalised, without query.
    pub path: &'a str,
    /// All its header fields.
    pub headers: &'a H,
}

/// The header fields of a request, in whatever form its reader keeps them.
pub trait Headers {
    /// Whether some value of the header of this name (in lower case) passes the test.
    fn any(&self, name: &str, test: impl FnMut(&[u8]) -> bool) -> bool;
}

/// A route of a listener.
#[derive(Debug)]
pub struct Route {
    /// As configured.
    pub policy: config::Route,
    /// How many of its requests may come.
    pub rate_limits: Vec<RateLimit>,
    /// Where its requests wait if there may be only so many at once.
    pub queue: Option<Arc<Queue>>,
    /// What is done with a request that matches.
    pub action: Action,
}

/// What is done with a request that matches.
#[derive(Debug)]
pub enum Action {
    /// It is sent to one of these pools.
    Pools(Split),
    /// It is redirected.
    Redirect(config::Redirect),
    /// It gets a fixed response.
    Fixed(FixedResponse),
    /// It is answered 200 or 503 by this node's readiness.
    Ready,
}

/// One or several pools, by weight.
#[derive(Debug)]
pub struct Split {
    pools: Vec<PoolId>,
    weights: Box<[u32]>,
    turns: Schedule,
    /// Under which a worker keeps its place; the same in every table.
    identity: u64,
}

impl Split {
    pub(super) fn new(pools: &[(PoolId, u32)], identity: u64) -> Self {
        let weights: Vec<u32> = pools.iter().map(|(_, weight)| *weight).collect();
        let pools = pools.iter().map(|(id, _)| *id).collect();
        Self { pools, turns: Schedule::new(&weights), weights: weights.into(), identity }
    }

    /// Each pool with the part of the requests it gets, 0..=1.
    pub fn parts(&self) -> impl Iterator<Item = (PoolId, f64)> + '_ {
        let total = self.weights.iter().map(|weight| f64::from(*weight)).sum::<f64>();
        let parts = self.weights.iter().map(move |weight| f64::from(*weight) / total.max(1.0));
        self.pools.iter().copied().zip(parts)
    }

    /// The pool whose turn it is. The config guarantees at least one, of weight above 0.
    pub fn choose(&self, picker: &mut Picker) -> PoolId {
        match self.pools[..] {
            [only] => only,
            ref pools => {
                let turn = self.turns.next(picker.split(self.identity));
                pools[turn.unwrap_or_default()]
            }
        }
    }
}

/// The condition of a route that a request does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch<'a> {
    /// Its host.
    Host,
    /// Its path.
    Path,
    /// Its method.
    Method,
    /// The header of this name.
    Header(&'a str),
}

impl Route {
    /// The first condition that a request does not meet; `None` = it matches.
    pub fn mismatch<H: Headers>(&self, request: &RequestView<'_, H>) -> Option<Mismatch<'_>> {
        let config::Match { hosts, path, methods, headers } = &self.policy.matches;
        if !hosts.is_empty() && !hosts.iter().any(|host| host_matches(host, request.host)) {
            return Some(Mismatch::Host);
        }
        if path.as_ref().is_some_and(|path| !path_matches(path, request.path)) {
            return Some(Mismatch::Path);
        }
        if !methods.is_empty() && !methods.iter().any(|method| **method == *request.method) {
            return Some(Mismatch::Method);
        }
        let missed = headers.iter().find(|header| !header_matches(header, request.headers));
        missed.map(|header| Mismatch::Header(&header.name))
    }
}

/// Is this name, in lower case, one of the pattern's?
pub(super) fn host_matches(pattern: &HostMatch, host: &str) -> bool {
    match pattern {
        HostMatch::Exact(name) => **name == *host,
        HostMatch::Wildcard(suffix) => host.len() > suffix.len() && host.ends_with(&**suffix),
    }
}

fn path_matches(pattern: &PathMatch, path: &str) -> bool {
    match pattern {
        PathMatch::Exact(exact) => **exact == *path,
        PathMatch::Prefix(prefix) => path
            .strip_prefix(&**prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/')),
        // The config compiles its patterns to match as a whole.
        PathMatch::Regex(regex) => regex.is_match(path.as_bytes()),
    }
}

fn header_matches<H: Headers>(pattern: &HeaderMatch, headers: &H) -> bool {
    match &pattern.condition {
        HeaderCondition::Equal(wanted) => {
            headers.any(&pattern.name, |value| value == wanted.as_bytes())
        }
        HeaderCondition::Present(wanted) => headers.any(&pattern.name, |_| true) == *wanted,
        HeaderCondition::Regex(regex) => headers.any(&pattern.name, |value| regex.is_match(value)),
    }
}
