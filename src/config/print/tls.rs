//! TLS, printed.

use super::health::optional;
use super::yaml::{Tree, list, map, text, word};
use crate::config::{
    BackendTls, Certificate, CertificateFiles, IdentityHeaders, Shown, Source, TlsTermination,
    Trust,
};

/// What clients of a listener agree on.
pub(super) fn termination(terms: &TlsTermination) -> impl Iterator<Item = (&'static str, Tree)> {
    let IdentityHeaders { subject, names, fingerprint } = &terms.identity_headers;
    let told = optional("subject", subject)
        .chain(optional("names", names))
        .chain(optional("fingerprint", fingerprint));
    let told = terms.identity_headers.all().next().map(|_| ("identity_headers", map(told)));
    let only = |key, list: &[&'static str]| {
        (!list.is_empty()).then(|| (key, Tree::List(list.iter().map(word).collect())))
    };
    let keys = [
        ("certificates", list(&terms.shown, shown)),
        ("min_version", text(terms.min_version.name())),
        ("unknown_names", word(if terms.refuse_unknown_names { "refuse" } else { "first" })),
    ];
    let own = told.into_iter().chain(only("cipher_suites", &terms.cipher_suites));
    keys.into_iter()
        .chain(own)
        .chain(only("groups", &terms.groups))
        .chain(optional("hsts", &terms.hsts))
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
    let source: Vec<_> = match &shown.source {
        Source::Pair(one) => files(one).collect(),
        Source::Folder { path, .. } => vec![("folder", text(path.display()))],
    };
    let auth = shown.client_auth.as_ref().map_or_else(
        || word("off"),
        |auth| {
            let mode = if auth.required { "require" } else { "optional" };
            map([("ca", text(auth.ca.display())), ("mode", word(mode))])
        },
    );
    map(source.into_iter().chain([("client_auth", auth)]))
}

fn certificate(certificate: &Certificate) -> Tree {
    map(files(certificate))
}

fn files(certificate: &Certificate) -> impl Iterator<Item = (&'static str, Tree)> {
    let CertificateFiles { cert, key, ocsp } = &certificate.files;
    let ocsp = ocsp.as_ref().map(|path| ("ocsp", text(path.display())));
    let keys = [("cert", text(cert.display())), ("key", text(key.display()))];
    keys.into_iter().chain(ocsp)
}
