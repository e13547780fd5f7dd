//! TLS with clients and with backends: who shows which certificates to whom, and who is believed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Certificate, CertificateFiles};
use crate::model::TrustedRoots;

/// What clients of a listener agree on.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsTermination {
    /// What is shown: at least one certificate; the first is for clients that ask for a name which none is
    /// for.
    pub shown: Vec<Shown>,
    /// Older versions are refused.
    pub min_version: TlsVersion,
    /// A client that asks for no name, or for one that no certificate is for, is refused.
    pub refuse_unknown_names: bool,
    /// The only cipher suites, best first, by their names in [`CIPHER_SUITES`]; empty = all, by strength.
    pub cipher_suites: Vec<&'static str>,
    /// The only key exchange groups, best first, by their names in [`GROUPS`]; empty = all.
    pub groups: Vec<&'static str>,
    /// In which headers backends are told who the client has proved to be.
    pub identity_headers: IdentityHeaders,
    /// What every answer says in `Strict-Transport-Security` (RFC 6797).
    pub hsts: Option<Arc<str>>,
}

/// Cipher suites that can be agreed on (IANA's names).
pub const CIPHER_SUITES: [&str; 9] = [
    "TLS13_AES_256_GCM_SHA384",
    "TLS13_AES_128_GCM_SHA256",
    "TLS13_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// Key exchange groups that can be agreed on; the first is safe from quantum computers, too.
pub const GROUPS: [&str; 4] = ["X25519MLKEM768", "X25519", "secp256r1", "secp384r1"];

/// In which headers backends are told who the client has proved to be; `None` = in none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityHeaders {
    /// The subject of its certificate (`CN=…, O=…`).
    pub subject: Option<Arc<str>>,
    /// The names its certificate is for (`DNS:…,URI:…`).
    pub names: Option<Arc<str>>,
    /// The SHA-256 of its certificate, in hex.
    pub fingerprint: Option<Arc<str>>,
}

impl IdentityHeaders {
    /// Those that are configured.
    pub fn all(&self) -> impl Iterator<Item = &Arc<str>> {
        [&self.subject, &self.names, &self.fingerprint].into_iter().flatten()
    }
}

/// Whose certificates clients have to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// The file of the authorities.
    pub ca: PathBuf,
    /// Their certificates.
    pub roots: TrustedRoots,
    /// Who shows none is refused.
    pub required: bool,
}

impl TlsTermination {
    /// All certificates, in order.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.shown.iter().flat_map(|shown| shown.source.certificates())
    }
}

/// Certificates, and what is asked of clients that they are shown to.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The certificates.
    pub source: Source,
    /// What clients have to show; `None` = nothing.
    pub client_auth: Option<ClientAuth>,
}

/// Where shown certificates come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// One, from its files.
    Pair(Certificate),
    /// All in a folder: `NAME.pem` or `NAME.crt` with `NAME.key`, or with the key in the same file.
    Folder {
        /// It.
        path: PathBuf,
        /// In the order of their names.
        certificates: Vec<Certificate>,
    },
}

impl Source {
    /// All of them, in order.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        match self {
            Self::Pair(one) => std::slice::from_ref(one),
            Self::Folder { certificates, .. } => certificates,
        }
    }

    /// What is in a folder, in the order of the names; `None` = it cannot be read.
    pub(super) fn list(path: &Path) -> Option<Vec<CertificateFiles>> {
        let paths = fs::read_dir(path).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let is_one = |path: &PathBuf| path.extension().is_some_and(|it| it == "pem" || it == "crt");
        let mut certs: Vec<_> = paths.filter(is_one).collect();
        certs.sort();
        let files = |cert: PathBuf| {
            let key = Some(cert.with_extension("key")).filter(|key| key.exists());
            CertificateFiles { key: key.unwrap_or_else(|| cert.clone()), cert, ocsp: None }
        };
        Some(certs.into_iter().map(files).collect())
    }

    /// What is in it now, if it is a folder.
    pub(super) fn listed(&self) -> Option<Vec<CertificateFiles>> {
        match self {
            Self::Pair(_) => None,
            Self::Folder { path, .. } => Some(Self::list(path).unwrap_or_default()),
        }
    }
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
