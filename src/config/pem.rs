//! Files of certificates and keys.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Bytes of such a file.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The text of a file.
pub(in crate::config) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut pem = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut pem));
    read.map_err(|error| format!("the file cannot be read: {error}"))?;
    if pem.len() as u64 > MAX_BYTES {
        return Err(format!("the file is larger than {MAX_BYTES} bytes"));
    }
    Ok(pem)
}

/// The certificates in a file, at least one.
pub(in crate::config) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| format!("the file is not PEM: {error}"))?;
    if certificates.is_empty() {
        return Err("the file holds no certificate".to_owned());
    }
    Ok(certificates)
}
