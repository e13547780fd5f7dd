//! TLS towards servers: backends, and what probes, webhooks and measurements talk to.
//!
//! A server is believed if an authority vouches for it, unless the operator has said that it does not
//! matter.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use super::trust::Anyone;
use crate::model::TrustedRoots;

/// A context that believes whom these authorities vouch for, or, with `None`, whoever has any certificate
/// and proves to own it. It offers these protocols by ALPN, and shows this certificate to who asks for
/// one.
#[must_use]
pub fn client_tls(
    believed: Option<&TrustedRoots>,
    protocols: &[&[u8]],
    identity: Option<&Arc<CertifiedKey>>,
) -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| unreachable!("the provider has suites for its versions"));
    let builder = match believed {
        None => {
            let anyone = Arc::new(Anyone::new(&provider));
            builder.dangerous().with_custom_certificate_verifier(anyone)
        }
        Some(roots) => {
            let mut store = RootCertStore::empty();
            // A system has authorities that nobody can use any more.
            store.add_parsable_certificates(roots.iter().map(CertificateDer::from));
            builder.with_root_certificates(store)
        }
    };
    let mut context = builder.with_no_client_auth();
    if let Some(identity) = identity {
        context.client_auth_cert_resolver =
            Arc::new(SingleCertAndKey::from(CertifiedKey::clone(identity)));
    }
    context.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    context
}
