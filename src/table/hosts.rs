//! Finds by host which of many routes can match at all.
//!
//! A listener in front of a hundred services has a hundred routes that differ by host. Asking each
//! of them costs about 5 ns per route; this index asks only those that name the request's host, and
//! those that match by something else, still in config order. For a few routes it is not worth its
//! look-up.

use std::collections::HashMap;
use std::iter;
use std::sync::Arc;

use super::Route;
use crate::config::HostMatch;

/// With fewer routes, asking each is as fast.
const ROUTES_MIN: usize = 10;

/// Indices of routes, ascending.
#[derive(Debug)]
pub(super) struct Hosts {
    /// Routes that name nothing but exact hosts, by each of them.
    exact: HashMap<Arc<str>, Vec<u32>>,
    /// All other routes: for any host, or with a wildcard.
    others: Vec<u32>,
}

impl Hosts {
    /// `None` if the routes are few.
    pub(super) fn new(routes: &[Arc<Route>]) -> Option<Self> {
        if routes.len() < ROUTES_MIN {
            return None;
        }
        let mut hosts = Self { exact: HashMap::new(), others: vec![] };
        for (index, route) in (0_u32..).zip(routes) {
            match exact_names(route) {
                Some(names) => {
                    for name in names {
                        hosts.exact.entry(name).or_default().push(index);
                    }
                }
                None => hosts.others.push(index),
            }
        }
        Some(hosts)
    }

    /// The routes that can match a request for this host, in config order.
    pub(super) fn candidates(&self, host: &str) -> impl Iterator<Item = usize> + '_ {
        let exact = self.exact.get(host).map_or(&[][..], |routes| &routes[..]);
        let mut exact = exact.iter().copied().peekable();
        let mut others = self.others.iter().copied().peekable();
        iter::from_fn(move || match (exact.peek(), others.peek()) {
            (Some(a), Some(b)) if b < a => others.next(),
            (Some(_), _) => exact.next(),
            (None, _) => others.next(),
        })
        .map(|route| route as usize)
    }
}

/// The route's hosts, if all are exact and there is one.
fn exact_names(route: &Route) -> Option<Vec<Arc<str>>> {
    let hosts = &route.policy.matches.hosts;
    let name = |host: &HostMatch| match host {
        HostMatch::Exact(name) => Some(Arc::clone(name)),
        HostMatch::Wildcard(_) => None,
    };
    hosts.iter().map(name).collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
}
