//! TLS towards the server: verified by the system's roots unless the operator says otherwise.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::system_roots;
use crate::net::client_tls;

/// How to make a session of a connection.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// For this host, offering one protocol by ALPN.
    ///
    /// # Errors
    /// The host cannot be in a certificate, or there are no roots to verify one by.
    pub(super) fn new(host: &str, protocol: &[u8], insecure: bool) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let roots = if insecure { None } else { Some(system_roots().map_err(io::Error::other)?) };
        let config = client_tls(roots.as_ref(), &[protocol], None);
        Ok(Self { connector: Arc::new(config).into(), name })
    }

    /// A session on this connection.
    pub(super) async fn session(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}
