//! What connections to backends agree on, and with whom.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::config::BackendTls;
use crate::net::client_tls;

use super::context::HTTP2;

/// What connections to a pool's backends agree on. Its sessions are resumed by all workers, for as long
/// as it lives.
#[derive(Clone, Debug)]
pub struct ClientContext {
    config: Arc<ClientConfig>,
    /// The same, but for speaking HTTP/1.1 with backends that otherwise speak HTTP/2.
    http1: Option<Arc<ClientConfig>>,
}

impl ClientContext {
    /// As configured; for speaking HTTP/2, if so.
    #[must_use]
    pub fn new(terms: &BackendTls, http2: bool) -> Self {
        let identity = terms.client.as_ref().map(|client| &client.keyed);
        let config =
            |protocol: &[u8]| Arc::new(client_tls(terms.trust.roots(), &[protocol], identity));
        let http1 = config(b"http/1.1");
        if http2 {
            Self { config: config(HTTP2), http1: Some(http1) }
        } else {
            Self { config: http1, http1: None }
        }
    }

    /// For rustls.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
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

    /// The same, to speak HTTP/1.1 with.
    #[must_use]
    pub fn over_http1(&self) -> Self {
        let config = self.context.http1.as_ref().unwrap_or(&self.context.config);
        let context = ClientContext { config: Arc::clone(config), http1: None };
        Self { context, name: self.name.clone() }
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
        Arc::ptr_eq(&self.context.config, &other.context.config) && self.name == other.name
    }
}
