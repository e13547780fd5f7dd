//! TLS with clients and with backends: who shows which certificates to whom, and who is believed.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::sign::CertifiedKey;

use crate::model::{TrustedRoots, UnixMillis};

/// What clients of a listener agree on.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsTermination {
    /// At least one; the first is for clients that ask for a name which none is for.
    pub certificates: Vec<Certificate>,
    /// Older versions are refused.
    pub min_version: TlsVersion,
    /// A client that asks for no name, or for one that no certificate is for, is refused.
    pub refuse_unknown_names: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

impl TlsVersion {
    /// The name in config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        }
    }
}

/// A certificate with its key, as read from their files.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The file of the certificate, and of those that vouch for it.
    pub cert: PathBuf,
    /// The file of its private key.
    pub key: PathBuf,
    /// Both, which belong together.
    pub keyed: Arc<CertifiedKey>,
    /// Names it is for, in lower case; `*.example.com` is for all names directly below.
    pub names: Vec<Box<str>>,
    /// From when on nobody believes it.
    pub not_after: UnixMillis,
}

impl PartialEq for Certificate {
    /// A key that belongs to the same certificate is the same key.
    fn eq(&self, other: &Self) -> bool {
        (&self.cert, &self.key, &self.keyed.cert) == (&other.cert, &other.key, &other.keyed.cert)
    }
}

/// TLS with the backends of a pool, or of its probes.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendTls {
    /// The name asked for and verified; `None` = the hostname a backend is configured by, or its address.
    pub server_name: Option<Arc<str>>,
    /// Whose certificates pass.
    pub trust: Trust,
    /// What is shown to a backend that asks for a certificate.
    pub client: Option<Certificate>,
}

/// Whose certificates pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Anyone's (`verify: false`).
    Anyone,
    /// Those that the authorities of this system vouch for.
    System(TrustedRoots),
    /// Those that these authorities vouch for.
    Authorities {
        /// The PEM file they were read from when the config was checked.
        file: PathBuf,
        /// Their certificates.
        roots: TrustedRoots,
    },
}

impl Trust {
    /// The authorities; `None` = anyone's certificate passes.
    #[must_use]
    pub fn roots(&self) -> Option<&TrustedRoots> {
        match self {
            Self::Anyone => None,
            Self::System(roots) | Self::Authorities { roots, .. } => Some(roots),
        }
    }
}

/// The authorities of this system; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
///
/// # Errors
/// Why there are none.
pub fn system_roots() -> Result<TrustedRoots, String> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(format!("no root certificates on this system: {why}"));
    }
    Ok(TrustedRoots::new(found.certs.iter().map(|one| one.to_vec()).collect()))
}
