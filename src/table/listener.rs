//! A listener: its open sockets, and finding a request's route.

use std::sync::Arc;

use super::hosts::Hosts;
use super::route::host_matches;
use super::{Headers, RateLimit, RequestView, Route, Split};
use crate::config;
use crate::live;
use crate::net::client_hello::ClientHello;
use crate::net::tls;

/// Where connections go that are forwarded as bytes.
#[derive(Debug)]
pub struct Forward {
    /// As configured.
    pub policy: config::Forward,
    /// The pools.
    pub split: Split,
}

/// What a forward wants of a client's TLS hello and does not find there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloMismatch {
    /// A hello.
    NoHello,
    /// One of its server names, or none.
    Name,
    /// One of its protocols.
    Alpn,
}

impl Forward {
    /// The first thing that it wants and does not find; `None` = it matches.
    #[must_use]
    pub fn mismatch(&self, hello: Option<&ClientHello>) -> Option<HelloMismatch> {
        let config::HelloMatch { names, nameless, alpn } = &self.policy.matches;
        let Some(hello) = hello else {
            return (!self.policy.matches.is_everything()).then_some(HelloMismatch::NoHello);
        };
        let by_name = match &hello.server_name {
            Some(name) => names.iter().any(|pattern| host_matches(pattern, name)),
            None => *nameless,
        };
        if !by_name && (!names.is_empty() || *nameless) {
            return Some(HelloMismatch::Name);
        }
        let offered = |wanted: &Arc<str>| hello.alpn.iter().any(|one| **one == *wanted.as_bytes());
        (!alpn.is_empty() && !alpn.iter().any(offered)).then_some(HelloMismatch::Alpn)
    }
}

/// A listener.
#[derive(Debug)]
pub struct Listener {
    /// As configured.
    pub settings: Arc<config::Listener>,
    /// What its clients agree on by TLS, if it speaks that.
    pub tls: Option<Arc<tls::Context>>,
    /// How many requests may come.
    pub rate_limits: Arc<[RateLimit]>,
    /// Its bound addresses, in config order.
    pub sockets: Vec<Arc<live::Listener>>,
    /// In config order.
    pub routes: Vec<Arc<Route>>,
    /// Where connections go that are forwarded as bytes, in config order; where TLS is ended, those
    /// that it is not ended for.
    pub forwards: Vec<Arc<Forward>>,
    /// Which routes to ask, where they are many.
    hosts: Option<Hosts>,
}

impl Listener {
    pub(super) fn new(
        settings: Arc<config::Listener>,
        tls: Option<Arc<tls::Context>>,
        rate_limits: Arc<[RateLimit]>,
        sockets: Vec<Arc<live::Listener>>,
        routes: Vec<Arc<Route>>,
        forwards: Vec<Arc<Forward>>,
    ) -> Self {
        let hosts = Hosts::new(&routes);
        Self { settings, tls, rate_limits, sockets, routes, forwards, hosts }
    }

    /// The first forward that matches what the client's TLS hello asks for, if there was one.
    #[must_use]
    pub fn forward(&self, hello: Option<&ClientHello>) -> Option<&Arc<Forward>> {
        self.forwards.iter().find(|forward| forward.mismatch(hello).is_none())
    }

    /// The first route that matches the request.
    pub fn route<H: Headers>(&self, request: &RequestView<'_, H>) -> Option<&Arc<Route>> {
        let matches = |route: &&Arc<Route>| route.mismatch(request).is_none();
        match &self.hosts {
            Some(hosts) => {
                hosts.candidates(request.host).map(|index| &self.routes[index]).find(matches)
            }
            None => self.routes.iter().find(matches),
        }
    }
}
