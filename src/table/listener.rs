//! A listener: its open sockets, and finding a request's route.

use std::sync::Arc;

use super::hosts::Hosts;
use super::{Headers, RequestView, Route};
use crate::config;
use crate::live;

/// A listener.
#[derive(Debug)]
pub struct Listener {
    /// As configured.
    pub settings: Arc<config::Listener>,
    /// Its bound addresses, in config order.
    pub sockets: Vec<Arc<live::Listener>>,
    /// In config order.
    pub routes: Vec<Arc<Route>>,
    /// Which routes to ask, where they are many.
    hosts: Option<Hosts>,
}

impl Listener {
    pub(super) fn new(
        settings: Arc<config::Listener>,
        sockets: Vec<Arc<live::Listener>>,
        routes: Vec<Arc<Route>>,
    ) -> Self {
        let hosts = Hosts::new(&routes);
        Self { settings, sockets, routes, hosts }
    }

    /// The first route that matches the request.
    pub fn route<H: Headers>(&self, request: &RequestView<'_, H>) -> Option<&Arc<Route>> {
        let matches = |route: &&Arc<Route>| route.matches(request);
        match &self.hosts {
            Some(hosts) => {
                hosts.candidates(request.host).map(|index| &self.routes[index]).find(matches)
            }
            None => self.routes.iter().find(matches),
        }
    }
}
