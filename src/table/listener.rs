//! A listener: its open sockets, and finding a request's route.

use std::sync::Arc;

use super::hosts::Hosts;
use super::{Headers, RequestView, Route, Split};
use crate::config;
use crate::live;

/// Where connections go that are forwarded as bytes.
#[derive(Debug)]
pub struct Forward {
    /// As configured.
    pub policy: config::Forward,
    /// The pools.
    pub split: Split,
}

/// A listener.
#[derive(Debug)]
pub struct Listener {
    /// As configured.
    pub settings: Arc<config::Listener>,
    /// Its bound addresses, in config order.
    pub sockets: Vec<Arc<live::Listener>>,
    /// In config order.
    pub routes: Vec<Arc<Route>>,
    /// Where connections go that are forwarded as bytes, in config order.
    pub forwards: Vec<Arc<Forward>>,
    /// Which routes to ask, where they are many.
    hosts: Option<Hosts>,
}

impl Listener {
    pub(super) fn new(
        settings: Arc<config::Listener>,
        sockets: Vec<Arc<live::Listener>>,
        routes: Vec<Arc<Route>>,
        forwards: Vec<Arc<Forward>>,
    ) -> Self {
        let hosts = Hosts::new(&routes);
        Self { settings, sockets, routes, forwards, hosts }
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
