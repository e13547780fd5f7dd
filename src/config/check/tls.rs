//! `tls` of a listener: certificates that are whole, belong to their keys and are for somebody.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{passthrough, pem};
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, key, required};
use crate::config::{Certificate, TlsTermination, TlsVersion};
use crate::model::UnixMillis;

/// The key `tls` of a listener.
pub(super) static SHAPE: Shape = Shape {
    name: "tls",
    about: "TLS with the clients of a listener.",
    keys: &[
        required(
            "certificates",
            Kind::List(&Kind::Shape(&CERTIFICATE)),
            "The one for the name a client asks for is shown; for others the first.",
        ),
        key("min_version", VERSION, "Older versions are refused; default `1.2`."),
        key(
            "unknown_names",
            UNKNOWN,
            "Who asks for no name, or one that no certificate is for: default `first`.",
        ),
        key(
            "passthrough",
            Kind::Shape(&passthrough::SHAPE),
            "Whose TLS is not ended here, but forwarded as it is; default nobody's.",
        ),
    ],
    later: &["client_auth", "ciphers", "groups", "alpn", "ocsp"],
};

pub(super) static CERTIFICATE: Shape = Shape {
    name: "certificate",
    about: "A certificate and its private key.",
    keys: &[
        required("cert", Kind::Text(CERT), "The certificate, then those that vouch for it."),
        required("key", Kind::Text(KEY), "Its private key."),
    ],
    later: &[],
};

const VERSION: Kind = Kind::Words { now: &["1.2", "1.3"], later: &[] };
const UNKNOWN: Kind = Kind::Words { now: &["first", "refuse"], later: &[] };
const CERT: &str = "the path of a PEM file with a certificate and its chain";
const KEY: &str = "the path of a PEM file with a private key";

/// Reads the key `tls` of a listener.
pub(super) fn check(listener: &Fields<'_>) -> Option<TlsTermination> {
    let cursor = listener.get("tls")?;
    if cursor.is_word("off") {
        return None;
    }
    let fields = cursor.fields(&SHAPE)?;
    let cursors = fields.list("certificates").unwrap_or_default();
    if let (true, Some(cursor)) = (cursors.is_empty(), fields.get("certificates")) {
        cursor.problem("the list is empty (expected at least one `{ cert, key }`)");
    }
    let certificates: Vec<_> = cursors.iter().filter_map(certificate).collect();
    let min_version = match fields.word("min_version") {
        Some("1.3") => TlsVersion::V1_3,
        _ => TlsVersion::V1_2,
    };
    let refuse_unknown_names = fields.word("unknown_names") == Some("refuse");
    // Of one that has a problem nothing is told; with none left there is nothing to serve.
    (!certificates.is_empty()).then_some(TlsTermination {
        certificates,
        min_version,
        refuse_unknown_names,
    })
}

/// Reads a certificate and its key.
pub(super) fn certificate(cursor: &Cursor<'_>) -> Option<Certificate> {
    let fields = cursor.fields(&CERTIFICATE)?;
    let (cert, key) = (fields.text("cert"), fields.text("key"));
    let ((cert_at, cert), (key_at, key)) = (cert?, key?);
    let chain = told(&cert_at, CERT, pem::certificates(Path::new(cert)));
    let key_der = told(&key_at, KEY, private_key(Path::new(key)));
    let (chain, key_der) = (chain?, key_der?);
    let (names, not_after) = told(&cert_at, CERT, described(chain.first()?))?;
    let provider = aws_lc_rs::default_provider();
    let keyed = CertifiedKey::from_der(chain, key_der, &provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            format!("the key does not belong to the certificate in {cert}")
        }
        error => format!("the key cannot be used: {error}"),
    });
    let keyed = Arc::new(told(&key_at, KEY, keyed)?);
    Some(Certificate {
        cert: PathBuf::from(cert),
        key: PathBuf::from(key),
        keyed,
        names,
        not_after,
    })
}

/// What was read, or nothing after its problem was told.
fn told<T>(cursor: &Cursor<'_>, expected: &str, read: Result<T, String>) -> Option<T> {
    read.map_err(|why| cursor.problem(format!("{why} (expected {expected})"))).ok()
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = pem::read(path)?;
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| "the file holds no private key, or one with a passphrase".to_owned())
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
