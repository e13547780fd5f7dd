//! `tls` of a listener: certificates that are whole, belong to their keys and are for somebody.

use std::path::PathBuf;

use super::passthrough;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, key, required};
use crate::config::{
    Certificate, CertificateFiles, Part, Shown, TlsTermination, TlsVersion, Unusable,
};

/// The key `tls` of a listener.
pub(super) static SHAPE: Shape = Shape {
    name: "tls",
    about: "TLS with the clients of a listener.",
    keys: &[
        required(
            "certificates",
            Kind::List(&Kind::Shape(&SHOWN)),
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
    later: &["client_auth", "ciphers", "groups", "alpn"],
};

static SHOWN: Shape = Shape {
    name: "shown_certificate",
    about: "A certificate and its private key, or a folder of them.",
    keys: &[
        key("cert", Kind::Text(CERT), "The certificate, then those that vouch for it."),
        key("key", Kind::Text(KEY), "Its private key."),
        key("ocsp", Kind::Text(OCSP), "What its authority says of it today, shown with it."),
        key("folder", Kind::Text(FOLDER), "All in it: `NAME.pem` or `.crt` with `NAME.key`."),
    ],
    later: &[],
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
const OCSP: &str = "the path of a file with an OCSP response in DER";
const FOLDER: &str = "the path of a folder with certificates and keys";
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
        cursor.problem("the list is empty (expected at least one `{ cert, key }` or `{ folder }`)");
    }
    let shown: Vec<_> = cursors.iter().filter_map(shown).collect();
    let min_version = match fields.word("min_version") {
        Some("1.3") => TlsVersion::V1_3,
        _ => TlsVersion::V1_2,
    };
    let refuse_unknown_names = fields.word("unknown_names") == Some("refuse");
    // Of one that has a problem nothing is told; with none left there is nothing to serve.
    let terms = TlsTermination { shown, min_version, refuse_unknown_names };
    if terms.certificates().next().is_some() { Some(terms) } else { None }
}

/// What is shown by one item of `certificates`.
fn shown(cursor: &Cursor<'_>) -> Option<Shown> {
    let fields = cursor.fields(&SHOWN)?;
    let Some((at, path)) = fields.text("folder") else {
        for (key, expected) in [("cert", CERT), ("key", KEY)] {
            if !fields.has(key) && !fields.has("folder") {
                fields.cursor().problem(format!("`{key}` is missing (expected {expected})"));
            }
        }
        return pair(&fields, fields.text("ocsp").as_ref()).map(Shown::Pair);
    };
    for key in ["cert", "key", "ocsp"].iter().filter_map(|key| fields.get(key)) {
        key.problem("a folder has its own files (remove this, or `folder`)");
    }
    let path = PathBuf::from(path);
    let Some(listed) = Shown::list(&path) else {
        at.problem(format!("the folder cannot be read (expected {FOLDER})"));
        return None;
    };
    if listed.is_empty() {
        at.problem(format!("the folder holds no certificate (expected {FOLDER})"));
        return None;
    }
    let load = |files: &CertificateFiles| match Certificate::load(files) {
        Ok(certificate) => Some(certificate),
        Err(unusable) => {
            at.problem(format!("{}: {}", files.cert.display(), unusable.why));
            None
        }
    };
    let certificates = listed.iter().filter_map(load).collect();
    Some(Shown::Folder { path, certificates })
}

/// Reads a certificate and its key.
pub(super) fn certificate(cursor: &Cursor<'_>) -> Option<Certificate> {
    pair(&cursor.fields(&CERTIFICATE)?, None)
}

fn pair(fields: &Fields<'_>, ocsp: Option<&(Cursor<'_>, &str)>) -> Option<Certificate> {
    let (cert, key) = (fields.text("cert"), fields.text("key"));
    let ((cert_at, cert), (key_at, key)) = (cert?, key?);
    let files = CertificateFiles {
        cert: PathBuf::from(cert),
        key: PathBuf::from(key),
        ocsp: ocsp.map(|(_, path)| PathBuf::from(path)),
    };
    match Certificate::load(&files) {
        Ok(certificate) => Some(certificate),
        Err(Unusable { part, why }) => {
            let (at, expected) = match (part, ocsp) {
                (Part::Key, _) => (&key_at, KEY),
                (Part::Ocsp, Some((at, _))) => (at, OCSP),
                _ => (&cert_at, CERT),
            };
            at.problem(format!("{why} (expected {expected})"));
            None
        }
    }
}
