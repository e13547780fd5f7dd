//! Clients that prove who they are, and clients that do not.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::harness::{Client, Head, Pulsegate, Server, Setup, certificate, folder, until};
use crate::tls::{ask, believing, client_config, connect};

/// An authority that vouches for clients; its certificate is in a file.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(dir: &Path, called: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, called);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
        let issuer = issuer.expect("a certificate");
        fs::write(dir.join(format!("{called}.pem")), issuer.pem()).expect("a writable folder");
        Self(issuer)
    }

    /// A client that it vouches for until this year.
    fn client(&self, until: i32) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::new(vec!["billing.test".to_owned()]).expect("a name");
        let uri = "spiffe://shop/billing".try_into().expect("a URI");
        params.subject_alt_names.push(SanType::URI(uri));
        params.distinguished_name.push(DnType::CommonName, "billing ä");
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.0).expect("a certificate");
        (signed.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }
}

const GOOD: i32 = 4000;
const EXPIRED: i32 = 2021;

/// A client that believes these, and shows this.
fn showing(
    roots: &[CertificateDer<'static>],
    (cert, key): (CertificateDer<'static>, PrivateKeyDer<'static>),
) -> Arc<ClientConfig> {
    let config = believing(roots).with_client_auth_cert(vec![cert], key);
    Arc::new(config.expect("they belong together"))
}

/// A server that tells what it was told about the client.
fn telling() -> Server {
    Server::answering(Arc::new(|head: &Head| {
        let told = |name: &str| head.get(name).unwrap_or("-").to_owned();
        let twins = head.get("x_client_subject").unwrap_or("-");
        let body = format!(
            "[{}][{}][{}][{twins}]",
            told("x-client-subject"),
            told("x-client-names"),
            told("x-client-hash").len()
        );
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }))
}

const HEADERS: &str = "identity_headers: { subject: X-Client-Subject, names: x-client-names, \
                       fingerprint: x-client-hash }";

/// A request that says what only a handshake may.
const FORGED: &str = "GET / HTTP/1.1\r\nHost: a.test\r\nX-Client-Subject: CN=root\r\n\
                      X_Client_Subject: CN=root\r\nx-client-names: DNS:root\r\n\r\n";

fn pair(dir: &Path, called: &str, more: &str) -> String {
    let file = |ending: &str| dir.join(format!("{called}.{ending}")).display().to_string();
    format!("{{ cert: {}, key: {}{more} }}", file("pem"), file("key"))
}

fn asking(dir: &Path, mode: &str) -> String {
    format!("client_auth: {{ ca: {}, mode: {mode} }}", dir.join("ca.pem").display())
}

fn answered(
    proxy: &Pulsegate,
    config: &Arc<ClientConfig>,
    name: &str,
    request: &str,
) -> Option<String> {
    let mut stream = connect(proxy, config, name).ok()?;
    let answer = ask(&mut stream, request, "]").ok()?;
    Some(answer.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned())
}

fn counted(proxy: &Pulsegate, result: &str) -> bool {
    let metrics = Client::connect(proxy.admin()).admin("/metrics").text();
    metrics.contains(&format!("pulsegate_tls_handshakes_total{{result=\"{result}\"}} 1\n"))
}

#[test]
fn backends_are_told_who_the_client_has_proved_to_be_and_nobody_else_is_served() {
    let (_dir, dir) = folder();
    let roots = [certificate(&dir, "a", &["a.test"])];
    let (ours, other) = (Authority::new(&dir, "ca"), Authority::new(&dir, "other"));
    let tls = format!(
        "tls: {{ certificates: [ {} ], {}, {HEADERS} }}",
        pair(&dir, "a", ""),
        asking(&dir, "require")
    );
    let server = telling();
    let proxy = Setup::default().listener(&tls).over(&[&server]);
    let told = answered(&proxy, &showing(&roots, ours.client(GOOD)), "a.test", FORGED);
    assert_eq!(
        told.as_deref(),
        Some("[CN=billing %C3%A4][DNS:billing.test,URI:spiffe://shop/billing][64][-]")
    );
    for (config, result) in [
        (showing(&roots, other.client(GOOD)), "bad_certificate"),
        (client_config(&roots), "no_certificate"),
    ] {
        assert_eq!(answered(&proxy, &config, "a.test", FORGED), None, "{result}");
        until("its count", || counted(&proxy, result).then_some(()));
    }
    assert_eq!(answered(&proxy, &showing(&roots, ours.client(EXPIRED)), "a.test", FORGED), None);
    assert_eq!(server.requests(), 1);
}

#[test]
fn what_only_a_handshake_may_say_is_taken_from_nobody() {
    let (_dir, dir) = folder();
    let roots = [certificate(&dir, "a", &["a.test"])];
    let ours = Authority::new(&dir, "ca");
    let tls = format!(
        "tls: {{ certificates: [ {} ], {}, {HEADERS} }}",
        pair(&dir, "a", ""),
        asking(&dir, "optional")
    );
    let clear = "listeners:\n  clear: { bind: 127.0.0.1:0, access_log: off, pool: site }";
    let server = telling();
    let config = Setup::default().listener(&tls).config(&[server.address]);
    let proxy = Pulsegate::start(Pulsegate::folder(), &config.replace("listeners:", clear));
    let nothing = Some("[-][-][1][-]".to_owned());
    assert_eq!(answered(&proxy, &client_config(&roots), "a.test", FORGED), nothing);
    let mut client = Client::connect(proxy.address("clear"));
    client.send(FORGED);
    assert_eq!(Some(client.response().text()), nothing);
    let shown = answered(&proxy, &showing(&roots, ours.client(GOOD)), "a.test", FORGED);
    assert!(shown.is_some_and(|told| told.starts_with("[CN=billing")));
}

#[test]
fn one_name_may_ask_for_more_than_another_and_is_not_reached_by_it() {
    let (_dir, dir) = folder();
    let roots = [certificate(&dir, "a", &["a.test"]), certificate(&dir, "b", &["b.test"])];
    let ours = Authority::new(&dir, "ca");
    let tls = format!(
        "tls: {{ certificates: [ {}, {} ] }}",
        pair(&dir, "a", ""),
        pair(&dir, "b", &format!(", {}", asking(&dir, "require")))
    );
    let server = Server::named("served]");
    let proxy = Setup::default().listener(&tls).over(&[&server]);
    let (nobody, known) = (client_config(&roots), showing(&roots, ours.client(GOOD)));
    let get = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: ]\r\n\r\n");
    let served = Some("served]".to_owned());
    assert_eq!(answered(&proxy, &nobody, "a.test", &get("a.test")), served);
    assert_eq!(answered(&proxy, &nobody, "b.test", &get("b.test")), None);
    assert_eq!(answered(&proxy, &known, "b.test", &get("b.test")), served);
    // By the open name, and by none.
    let mut stream = connect(&proxy, &nobody, "a.test").expect("a connection");
    let answer = ask(&mut stream, &get("b.test"), "another host").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    let mut silent = ClientConfig::clone(&nobody);
    silent.enable_sni = false;
    let silent = Arc::new(silent);
    let mut stream = connect(&proxy, &silent, "a.test").expect("a connection");
    let answer = ask(&mut stream, &get("b.test"), "another host").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    assert_eq!(server.requests(), 2);
}

#[test]
fn only_configured_suites_and_groups_are_agreed_on() {
    let (_dir, dir) = folder();
    let roots = [certificate(&dir, "a", &["a.test"])];
    let tls = format!(
        "tls: {{ certificates: [ {} ], groups: [ secp384r1, X25519 ], \
         cipher_suites: [ TLS13_CHACHA20_POLY1305_SHA256 ] }}",
        pair(&dir, "a", "")
    );
    let server = Server::named("served]");
    let proxy = Setup::default().listener(&tls).over(&[&server]);
    let config = client_config(&roots);
    let mut stream = connect(&proxy, &config, "a.test").expect("a connection");
    ask(&mut stream, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "]").expect("an answer");
    let suite = stream.conn.negotiated_cipher_suite().expect("a suite").suite();
    assert_eq!(suite, rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    let group = stream.conn.negotiated_key_exchange_group().expect("a group").name();
    assert!([rustls::NamedGroup::X25519, rustls::NamedGroup::secp384r1].contains(&group));
}

#[test]
fn a_rate_limit_counts_by_whom_certificates_are_for_also_a_renewed_one() {
    let (_dir, dir) = folder();
    let roots = [certificate(&dir, "a", &["a.test"])];
    let authority = Authority::new(&dir, "ca");
    let (shown, asking) = (pair(&dir, "a", ""), asking(&dir, "optional"));
    let tls = format!("tls: {{ certificates: [ {shown} ], {asking} }}");
    let server = telling();
    let proxy = Setup::default()
        .listener(&tls)
        .listener("rate_limit: { rate: 1/h, burst: 1, by: certificate }")
        .over(&[&server]);
    let status = |config: &Arc<ClientConfig>| {
        let mut stream = connect(&proxy, config, "a.test").expect("a connection");
        let answer = ask(&mut stream, &crate::tls::get("a.test"), "\r\n\r\n").expect("an answer");
        answer[9..12].to_owned()
    };
    let (before, renewed) = (authority.client(GOOD), authority.client(GOOD - 1));
    assert_eq!(status(&showing(&roots, before)), "200");
    assert_eq!(status(&showing(&roots, renewed)), "429", "it is the same client");
    let nameless = client_config(&roots);
    assert_eq!(status(&nameless), "200", "without one, it is its address");
    assert_eq!(status(&nameless), "429");
}
