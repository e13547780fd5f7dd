//! A backend as a table shows it, and the lease of one for a request.

use std::ops::Deref;
use std::sync::Arc;

use crate::config::{BackendHttp2, BackendLimits};
use crate::live::{self, Seat};
use crate::model::Address;
use crate::net::tls;

/// A backend of a pool.
#[derive(Debug)]
pub struct Backend {
    /// Its counters and in-flight count, which outlive the table.
    pub live: Arc<live::Backend>,
    /// Where it listens.
    pub address: Address,
    /// Its name, unique in its pool.
    pub name: Arc<str>,
    /// The region it is in.
    pub region: Arc<str>,
    /// The zone it is in.
    pub zone: Arc<str>,
    /// The weight it was configured with.
    pub weight: u32,
    /// Connections it may have at once, all workers together.
    pub limits: BackendLimits,
    /// Who it is by TLS; `None` = it is spoken to in clear.
    pub tls: Option<tls::Server>,
    /// How HTTP/2 is spoken with it; `None` = HTTP/1.1 is.
    pub http2: Option<BackendHttp2>,
}

/// A backend chosen for one try of a request; counts it in flight there for as long as it lives.
///
/// It holds the backend, not the table, so it may be kept over any wait.
#[derive(Debug)]
pub struct Lease {
    backend: Arc<Backend>,
    /// Where else the count is kept, in a large least-connections zone.
    seat: Option<Seat>,
}

impl Lease {
    pub(super) fn new(backend: &Arc<Backend>, seat: Option<Seat>) -> Self {
        backend.live.enter();
        let lease = Self { backend: Arc::clone(backend), seat };
        lease.refresh();
        lease
    }

    /// The backend, to be kept beyond the lease.
    #[must_use]
    pub fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    fn refresh(&self) {
        if let Some(seat) = &self.seat {
            seat.refresh();
        }
    }
}

impl Deref for Lease {
    type Target = Backend;

    fn deref(&self) -> &Backend {
        &self.backend
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.backend.live.leave();
        self.refresh();
    }
}
