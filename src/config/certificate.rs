//! A certificate and its key, read from files that somebody else renews.
//!
//! Whoever renews a certificate writes its files one after the other, and sometimes wrongly. So what is
//! in use is never taken away: files are looked at again only when they have changed, and what they
//! hold takes its place only if it can be used.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::pem;
use crate::model::UnixMillis;

/// Where a certificate is read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertificateFiles {
    /// The certificate, and those that vouch for it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// What its authority says of it today (RFC 6960, in DER), to be shown with it.
    pub ocsp: Option<PathBuf>,
}

/// A certificate with its key, as read from their files.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Where it was read from.
    pub files: CertificateFiles,
    /// Certificate and key, which belong together.
    pub keyed: Arc<CertifiedKey>,
    /// Names it is for, in lower case; `*.example.com` is for all names directly below.
    pub names: Vec<Box<str>>,
    /// From when on nobody believes it.
    pub not_after: UnixMillis,
    /// How the files were when it was read.
    pub(super) stamp: Stamp,
}

/// When files were changed last, and how long they are; what cannot be looked at is `None`.
pub(super) type Stamp = [Option<(SystemTime, u64)>; 3];

/// Why a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The file that is wrong.
    pub part: Part,
    /// What is wrong with it, in words.
    pub why: String,
}

/// One of a certificate's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The certificate.
    Cert,
    /// Its key.
    Key,
    /// What its authority says.
    Ocsp,
}

impl PartialEq for Certificate {
    /// A key that belongs to the same certificate is the same key.
    fn eq(&self, other: &Self) -> bool {
        let shown = |one: &Self| (one.keyed.cert.clone(), one.keyed.ocsp.clone());
        self.files == other.files && shown(self) == shown(other)
    }
}

impl CertificateFiles {
    pub(super) fn stamp(&self) -> Stamp {
        let look = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        [look(&self.cert), look(&self.key), self.ocsp.as_deref().and_then(look)]
    }
}

impl Certificate {
    /// Reads it.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn load(files: &CertificateFiles) -> Result<Self, Unusable> {
        // Taken first: what is changed while it is read is read again.
        let stamp = files.stamp();
        let of = |part| move |why| Unusable { part, why };
        let chain = pem::certificates(&files.cert).map_err(of(Part::Cert))?;
        let key = private_key(&files.key).map_err(of(Part::Key))?;
        let (names, not_after) = described(&chain[0]).map_err(of(Part::Cert))?;
        let provider = aws_lc_rs::default_provider();
        let keyed = CertifiedKey::from_der(chain, key, &provider);
        let mut keyed = keyed.map_err(|error| of(Part::Key)(mismatch(&error, &files.cert)))?;
        if let Some(ocsp) = &files.ocsp {
            keyed.ocsp = Some(pem::read(ocsp).and_then(staple).map_err(of(Part::Ocsp))?);
        }
        Ok(Self { files: files.clone(), keyed: Arc::new(keyed), names, not_after, stamp })
    }

    /// What its files hold now, if they have changed since it was read; one that nobody would believe
    /// any more at `now` cannot be used either.
    pub(super) fn renewed(&self, now: UnixMillis) -> Option<Result<Self, Unusable>> {
        (self.files.stamp() != self.stamp).then(|| {
            let fresh = Self::load(&self.files)?;
            if fresh.not_after <= now {
                let why = format!("the certificate has expired at {}", fresh.not_after);
                return Err(Unusable { part: Part::Cert, why });
            }
            Ok(fresh)
        })
    }
}

fn mismatch(error: &rustls::Error, cert: &Path) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            format!("the key does not belong to the certificate in {}", cert.display())
        }
        error => format!("the key cannot be used: {error}"),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = pem::read(path)?;
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| "the file holds no private key, or one with a passphrase".to_owned())
}

/// An OCSP response is one DER sequence; whether it is a good one clients decide.
fn staple(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    const SEQUENCE: u8 = 0x30;
    match bytes.first() {
        Some(&SEQUENCE) => Ok(bytes),
        _ => Err("the file holds no OCSP response in DER".to_owned()),
    }
}

/// The names that a certificate is for, and until when.
fn described(der: &CertificateDer<'_>) -> Result<(Vec<Box<str>>, UnixMillis), String> {
    let (_, certificate) = X509Certificate::from_der(der)
        .map_err(|error| format!("the certificate cannot be read: {error}"))?;
    let alternatives = certificate.subject_alternative_name();
    let alternatives =
        alternatives.map_err(|error| format!("the certificate's names cannot be read: {error}"))?;
    let names = alternatives.iter().flat_map(|extension| &extension.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase().into_boxed_str()),
        _ => None,
    });
    let seconds = certificate.validity().not_after.timestamp().max(0) as u64;
    Ok((names.collect(), UnixMillis(seconds.saturating_mul(1000))))
}
