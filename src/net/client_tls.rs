//! TLS towards servers, for what is no proxied traffic: probes, webhooks, measurements.
//!
//! A server is believed if the system's authorities vouch for it, unless the operator has named
//! others, or has said that it does not matter.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::trust::Anyone;
use crate::model::TrustedRoots;

/// Who is believed to be a server.
#[derive(Clone, Copy, Debug)]
pub enum Believed<'a> {
    /// Whoever has any certificate, and proves to own it.
    Anyone,
    /// For whom an authority of this system vouches; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
    BySystem,
    /// For whom one of these authorities vouches.
    By(&'a TrustedRoots),
}

/// A context that offers these protocols by ALPN.
///
/// # Errors
/// There are no authorities, or they cannot be used.
pub fn client_tls(believed: Believed<'_>, protocols: &[&[u8]]) -> io::Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let verifier: Arc<dyn ServerCertVerifier> = match believed {
        Believed::Anyone => Arc::new(Anyone::new(&provider)),
        Believed::BySystem => verifier(system()?, provider)?,
        Believed::By(roots) => {
            let mut store = RootCertStore::empty();
            for root in roots.iter() {
                store.add(CertificateDer::from(root)).map_err(io::Error::other)?;
            }
            verifier(store, provider)?
        }
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut context = builder.with_no_client_auth();
    context.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(context)
}

fn verifier(
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> io::Result<Arc<WebPkiServerVerifier>> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    verifier.build().map_err(io::Error::other)
}

fn system() -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(io::Error::other(format!("no root certificates on this system: {why}")));
    }
    Ok(roots)
}
