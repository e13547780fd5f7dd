//! Certificates that cannot be used.

use super::problems;

#[test]
fn a_certificate_that_cannot_be_shown_is_told_with_its_cure() {
    assert_told(&[
        (
            "certificates: []",
            "the list is empty (expected at least one `{ cert, key }` or `{ folder }`)",
        ),
        ("min_version: '1.3'", "`certificates` is missing"),
        ("certificates: [ { cert: one.pem } ]", "`key` is missing"),
        (
            "certificates: [ { cert: one.pem, key: other.key } ]",
            "the key does not belong to the certificate in",
        ),
        ("certificates: [ { cert: empty, key: other.key } ]", "the file holds no certificate"),
        ("certificates: [ { cert: one.pem, key: one.pem } ]", "the file holds no private key"),
        ("certificates: [ { folder: empty } ]", "the folder cannot be read"),
        (
            "certificates: [ { cert: one.pem, key: other.key, ocsp: one.pem } ]",
            "the key does not belong",
        ),
        ("certificates: [ { cert: none.pem, key: other.key } ]", "the file cannot be read"),
        ("certificates: [ { cert: one.pem, key: other.key } ], min_version: 1.1", "`1.2` or `1.3`"),
    ]);
}

#[test]
fn what_clients_cannot_be_asked_is_told_with_its_cure() {
    assert_told(&[
        (
            "certificates: [ { cert: one.pem, key: other.key, client_auth: on } ]",
            "client_auth: \"on\" does not fit (expected `off`",
        ),
        (
            "certificates: [ { cert: one.pem, key: other.key } ], client_auth: { ca: other.key }",
            "client_auth.ca: the file holds no certificate",
        ),
        (
            "certificates: [ { cert: one.pem, key: other.key } ], client_auth: { mode: optional }",
            "`ca` is missing",
        ),
        (
            "certificates: [ { cert: one.pem, key: other.key } ], \
             identity_headers: { subject: X-Forwarded-For }",
            "`X-Forwarded-For` already says something else",
        ),
        (
            "certificates: [ { cert: one.pem, key: other.key } ], \
             identity_headers: { subject: x-client, names: X-Client }",
            "one header would say two things",
        ),
        (
            "certificates: [ { cert: one.pem, key: other.key } ], groups: [ P-256 ]",
            "X25519MLKEM768",
        ),
        (
            "certificates: [ { cert: one.pem, key: other.key } ], min_version: '1.3', \
             cipher_suites: [ TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 ]",
            "none of them is of TLS 1.3",
        ),
    ]);
}

/// Each of these as `tls` of a listener is refused, and this is said of it. `one.pem` is a certificate,
/// `other.key` the key of another, `empty` a file with nothing in it, and there is no `none.pem`.
fn assert_told(cases: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let made = || rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let (one, other) = (made(), made());
    std::fs::write(path("one.pem"), one.cert.pem()).unwrap();
    std::fs::write(path("other.key"), other.signing_key.serialize_pem()).unwrap();
    std::fs::write(path("empty"), "").unwrap();
    for (tls, told) in cases {
        let tls = ["one.pem", "other.key", "empty", "none.pem"]
            .iter()
            .fold((*tls).to_owned(), |text, name| {
                text.replace(&format!(": {name}"), &format!(": {}", path(name)))
            });
        let text = format!(
            "version: 1\nlisteners: {{ web: {{ bind: 127.0.0.1:80, tls: {{ {tls} }}, pool: site }} }}\n\
             pools: {{ site: {{ backends: [ 127.0.0.1:1 ] }} }}\n"
        );
        let problems = problems(&text);
        assert!(problems.contains(told), "{tls}: {problems}");
    }
}
