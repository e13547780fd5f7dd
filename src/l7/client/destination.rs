//! Where connections lead: a backend may keep its name and move, or be spoken to on other terms.

use crate::model::Address;
use crate::net::tls::Server;
use crate::table::Backend;

/// Where kept connections lead.
#[derive(Debug)]
pub(super) struct Destination {
    address: Address,
    server: Option<Server>,
}

impl Destination {
    /// To the backend as it is now.
    pub(super) fn of(backend: &Backend) -> Self {
        Self { address: backend.address.clone(), server: backend.tls.clone() }
    }

    /// Is it the backend as it is now?
    pub(super) fn is(&self, backend: &Backend) -> bool {
        let same = match (&self.server, &backend.tls) {
            (None, None) => true,
            (Some(server), Some(now)) => server.is(now),
            _ => false,
        };
        self.address == backend.address && same
    }
}
