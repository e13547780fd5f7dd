//! What seals and opens TLS session tickets.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

/// Keys that are the same for all workers and outlive every table, so that a client resumes its session
/// wherever and whenever it comes back. They change every six hours; a ticket is good for twelve at
/// most.
#[derive(Default)]
pub(super) struct Tickets(OnceLock<Option<Arc<dyn ProducesTickets>>>);

impl Tickets {
    /// Made when they are first asked for; `None` if the system has no randomness to make them of.
    pub(super) fn get(&self) -> Option<Arc<dyn ProducesTickets>> {
        self.0.get_or_init(|| Ticketer::new().ok()).clone()
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}
