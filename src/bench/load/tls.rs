//! TLS towards the server: verified by the system's roots unless the operator says otherwise.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::net::Anyone;

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
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let verifier: Arc<dyn ServerCertVerifier> = if insecure {
            Arc::new(Anyone::new(&provider))
        } else {
            let verifier = WebPkiServerVerifier::builder_with_provider(roots()?, provider);
            verifier.build().map_err(io::Error::other)?
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(Self { connector: Arc::new(config).into(), name })
    }

    /// A session on this connection.
    pub(super) async fn session(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

/// The system's roots; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
fn roots() -> io::Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(io::Error::other(format!("no root certificates on this system: {why}")));
    }
    Ok(Arc::new(roots))
}
