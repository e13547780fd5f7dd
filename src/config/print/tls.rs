//! TLS, printed.

use super::health::optional;
use super::yaml::{Tree, list, map, text, word};
use crate::config::{BackendTls, Certificate, CertificateFiles, Shown, TlsTermination, Trust};

/// What clients of a listener agree on.
pub(super) fn termination(terms: &TlsTermination) -> [(&'static str, Tree); 3] {
    [
        ("certificates", list(&terms.shown, shown)),
        ("min_version", text(terms.min_version.name())),
        ("unknown_names", word(if terms.refuse_unknown_names { "refuse" } else { "first" })),
    ]
}

/// How TLS is spoken with backends, if it is.
pub(super) fn backend_tls(tls: &Option<BackendTls>) -> Tree {
    let Some(tls) = tls else { return word("off") };
    let client = tls.client.as_ref().map(|client| ("client", certificate(client)));
    map(trust(&tls.trust).chain(optional("server_name", &tls.server_name)).chain(client))
}

/// Who is believed.
pub(super) fn trust(trust: &Trust) -> impl Iterator<Item = (&'static str, Tree)> {
    let key = match trust {
        Trust::Anyone => Some(("verify", word(false))),
        Trust::System(_) => None,
        Trust::Authorities { file, .. } => Some(("ca", text(file.display()))),
    };
    key.into_iter()
}

fn shown(shown: &Shown) -> Tree {
    match shown {
        Shown::Pair(one) => certificate(one),
        Shown::Folder { path, .. } => map([("folder", text(path.display()))]),
    }
}

fn certificate(certificate: &Certificate) -> Tree {
    let CertificateFiles { cert, key, ocsp } = &certificate.files;
    let ocsp = ocsp.as_ref().map(|path| ("ocsp", text(path.display())));
    let keys = [("cert", text(cert.display())), ("key", text(key.display()))];
    map(keys.into_iter().chain(ocsp))
}
