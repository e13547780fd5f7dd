//! `tls` of a listener: certificates that are whole, belong to their keys and are for somebody.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::{backend_tls, header, passthrough};
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, OFF, Shape, key, required};
use crate::config::{
    CIPHER_SUITES, Certificate, CertificateFiles, ClientAuth, GROUPS, IdentityHeaders, Part, Shown,
    Source, TlsTermination, TlsVersion, Trust, Unusable,
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
        key("client_auth", CLIENT_AUTH, "What clients have to show; default `off`: nothing."),
        key(
            "identity_headers",
            Kind::Shape(&IDENTITY),
            "In which headers backends are told who the client has proved to be; from clients these \
             headers are taken by no listener.",
        ),
        key("cipher_suites", Kind::List(&SUITE), "The only ones, best first; default all."),
        key("groups", Kind::List(&GROUP), "The only key exchanges, best first; default all."),
        key(
            "hsts",
            Kind::Text(HSTS),
            "What every answer says in Strict-Transport-Security; default nothing.",
        ),
        key(
            "passthrough",
            Kind::Shape(&passthrough::SHAPE),
            "Whose TLS is not ended here, but forwarded as it is; default nobody's.",
        ),
    ],
    later: &["alpn"],
};

static CLIENT_AUTH_SHAPE: Shape = Shape {
    name: "client_auth",
    about: "What clients have to show.",
    keys: &[
        required("ca", Kind::Text(backend_tls::FILE), "Who may vouch for them."),
        key("mode", MODE, "`optional` = who shows nothing is served, too; default `require`."),
    ],
    later: &["crl"],
};

static IDENTITY: Shape = Shape {
    name: "identity_headers",
    about: "Headers that tell backends who the client has proved to be.",
    keys: &[
        key("subject", Kind::Text(header::NAME), "The subject of its certificate."),
        key("names", Kind::Text(header::NAME), "The names it is for: `DNS:a.test,URI:spiffe://b`."),
        key("fingerprint", Kind::Text(header::NAME), "Its SHA-256, in hex."),
    ],
    later: &["certificate"],
};

static SHOWN: Shape = Shape {
    name: "shown_certificate",
    about: "A certificate and its private key, or a folder of them.",
    keys: &[
        key("cert", Kind::Text(CERT), "The certificate, then those that vouch for it."),
        key("key", Kind::Text(KEY), "Its private key."),
        key("ocsp", Kind::Text(OCSP), "What its authority says of it today, shown with it."),
        key("client_auth", CLIENT_AUTH, "What clients it is shown to have to show instead."),
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

const CLIENT_AUTH: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&CLIENT_AUTH_SHAPE)]);
const MODE: Kind = Kind::Words { now: &["require", "optional"], later: &[] };
const SUITE: Kind = Kind::Words { now: &CIPHER_SUITES, later: &[] };
const GROUP: Kind = Kind::Words { now: &GROUPS, later: &[] };
const VERSION: Kind = Kind::Words { now: &["1.2", "1.3"], later: &[] };
const UNKNOWN: Kind = Kind::Words { now: &["first", "refuse"], later: &[] };
const CERT: &str = "the path of a PEM file with a certificate and its chain";
const OCSP: &str = "the path of a file with an OCSP response in DER";
const FOLDER: &str = "the path of a folder with certificates and keys";
const HSTS: &str = "directives such as max-age=31536000; includeSubDomains";
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
    let all = fields.get("client_auth").and_then(|cursor| client_auth(&cursor));
    let shown: Vec<_> = cursors.iter().filter_map(|cursor| shown(cursor, all.as_ref())).collect();
    let min_version = match fields.word("min_version") {
        Some("1.3") => TlsVersion::V1_3,
        _ => TlsVersion::V1_2,
    };
    let refuse_unknown_names = fields.word("unknown_names") == Some("refuse");
    // Of one that has a problem nothing is told; with none left there is nothing to serve.
    let terms = TlsTermination {
        shown,
        min_version,
        refuse_unknown_names,
        cipher_suites: suites(&fields, min_version),
        groups: words(&fields, "groups", &GROUPS),
        identity_headers: identity_headers(&fields),
        hsts: fields.text("hsts").and_then(|(cursor, text)| hsts(&cursor, text)),
    };
    if terms.certificates().next().is_some() { Some(terms) } else { None }
}

/// Browsers keep to it for a year or more, so a mistake is not theirs to repair.
fn hsts(cursor: &Cursor<'_>, text: &str) -> Option<Arc<str>> {
    let mut directives = text.split(';').map(str::trim);
    let age = |directive: &str| {
        let digits = directive.strip_prefix("max-age=")?;
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u32>().ok().filter(|_| plain)
    };
    let lasts = directives.next().and_then(age).is_some();
    if lasts && directives.all(|it| matches!(it, "includeSubDomains" | "preload")) {
        return Some(Arc::from(text));
    }
    cursor.mismatch(HSTS);
    None
}

/// What is shown by one item of `certificates`.
fn shown(cursor: &Cursor<'_>, all: Option<&ClientAuth>) -> Option<Shown> {
    let fields = cursor.fields(&SHOWN)?;
    let own = fields.get("client_auth");
    let client_auth = own.map_or_else(|| all.cloned(), |cursor| client_auth(&cursor));
    Some(Shown { source: source(&fields)?, client_auth })
}

fn source(fields: &Fields<'_>) -> Option<Source> {
    let Some((at, path)) = fields.text("folder") else {
        for (key, expected) in [("cert", CERT), ("key", KEY)] {
            if !fields.has(key) && !fields.has("folder") {
                fields.cursor().problem(format!("`{key}` is missing (expected {expected})"));
            }
        }
        return pair(fields, fields.text("ocsp").as_ref()).map(Source::Pair);
    };
    for key in ["cert", "key", "ocsp"].iter().filter_map(|key| fields.get(key)) {
        key.problem("a folder has its own files (remove this, or `folder`)");
    }
    let path = PathBuf::from(path);
    let Some(listed) = Source::list(&path) else {
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
    Some(Source::Folder { path, certificates })
}

/// What clients have to show, unless it is `off`; what is wrong is reported.
fn client_auth(cursor: &Cursor<'_>) -> Option<ClientAuth> {
    if cursor.is_word("off") {
        return None;
    }
    if !cursor.is_mapping() {
        cursor.mismatch(&CLIENT_AUTH.expected());
        return None;
    }
    let fields = cursor.fields(&CLIENT_AUTH_SHAPE)?;
    let required = fields.word("mode") != Some("optional");
    let (at, path) = fields.text("ca")?;
    let Some(Trust::Authorities { file, roots }) = backend_tls::authorities(&at, path) else {
        return None;
    };
    Some(ClientAuth { ca: file, roots, required })
}

fn identity_headers(fields: &Fields<'_>) -> IdentityHeaders {
    let Some(fields) = fields.fields("identity_headers") else { return IdentityHeaders::default() };
    let name = |key| {
        let (cursor, text) = fields.text(key)?;
        let name = header::name(text);
        if name.is_none() {
            cursor.mismatch(header::NAME);
        } else if name.as_deref().is_some_and(header::is_ours) {
            cursor.problem(format!("`{text}` already says something else (expected another name)"));
        }
        name
    };
    let headers = IdentityHeaders {
        subject: name("subject"),
        names: name("names"),
        fingerprint: name("fingerprint"),
    };
    let typed = headers.all().count();
    if headers.all().collect::<BTreeSet<_>>().len() < typed {
        fields.cursor().problem("one header would say two things (give each a name of its own)");
    }
    headers
}

/// The suites that are typed, of which one at least must be of a version that is spoken.
fn suites(fields: &Fields<'_>, min_version: TlsVersion) -> Vec<&'static str> {
    let suites = words(fields, "cipher_suites", &CIPHER_SUITES);
    let spoken = |suite: &&str| min_version == TlsVersion::V1_2 || suite.starts_with("TLS13_");
    if let (Some(cursor), false, false) =
        (fields.get("cipher_suites"), suites.is_empty(), suites.iter().any(spoken))
    {
        cursor.problem("none of them is of TLS 1.3, and `min_version` is (add one, or lower it)");
    }
    suites
}

/// The words of a list, in its order.
fn words(fields: &Fields<'_>, key: &str, known: &'static [&'static str]) -> Vec<&'static str> {
    let Some(cursors) = fields.list(key) else { return Vec::new() };
    if let (true, Some(cursor)) = (cursors.is_empty(), fields.get(key)) {
        cursor
            .problem(format!("the list is empty (expected at least one of {})", known.join(", ")));
    }
    let find = |word: &str| known.iter().copied().find(|it| *it == word);
    cursors.iter().filter_map(|cursor| find(cursor.word(known, &[])?)).collect()
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
