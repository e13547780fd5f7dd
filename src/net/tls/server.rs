//! What connections to backends agree on, and with whom.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::config::BackendTls;
use crate::net::client_tls;

/// What connections to a pool's backends agree on. Its sessions are resumed by all workers, for as long
/// as it lives.
#[derive(Clone, Debug)]
pub struct ClientContext(Arc<ClientConfig>);

impl ClientContext {
    /// As configured.
    #[must_use]
    pub fn new(terms: &BackendTls) -> Self {
        let identity = terms.client.as_ref().map(|client| &client.keyed);
        Self(Arc::new(client_tls(terms.trust.roots(), &[b"http/1.1"], identity)))
    }

    /// For rustls.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

/// A server to speak TLS with.
#[derive(Clone, Debug)]
pub struct Server {
    context: ClientContext,
    name: ServerName<'static>,
}

impl Server {
    /// One that is to prove that it is called so.
    #[must_use]
    pub fn new(context: &ClientContext, name: ServerName<'static>) -> Self {
        Self { context: context.clone(), name }
    }

    pub(super) fn context(&self) -> &ClientContext {
        &self.context
    }

    pub(super) fn name(&self) -> &ServerName<'static> {
        &self.name
    }

    /// Is it spoken with on the very same terms? What was agreed with one then holds for the other.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.context.0, &other.context.0) && self.name == other.name
    }
}
