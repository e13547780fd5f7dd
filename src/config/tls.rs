//! TLS of a listener: which certificates it shows to whom.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::sign::CertifiedKey;

use crate::model::UnixMillis;

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
