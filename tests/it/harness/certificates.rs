//! Certificates made for a case.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::CertificateDer;

/// A certificate of its own making, written to two files.
pub(crate) fn certificate(dir: &Path, called: &str, names: &[&str]) -> CertificateDer<'static> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).expect("made");
    fs::write(dir.join(format!("{called}.pem")), cert.pem()).expect("a writable folder");
    fs::write(dir.join(format!("{called}.key")), signing_key.serialize_pem()).expect("likewise");
    cert.der().clone()
}

/// A folder that goes away with the case.
pub(crate) fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().to_owned();
    (dir, path)
}
