//! What a backend is to speak: by TLS, for upgrades, and with probes.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

use super::{metric, setup, site};
use crate::harness::{Answer, Client, Http2Server, Request, Secure, certificate, folder, until};

fn server_config(dir: &Path, protocols: &[&[u8]]) -> ServerConfig {
    let cert = CertificateDer::from_pem_file(dir.join("app.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(dir.join("app.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    let mut config = builder.with_no_client_auth().with_single_cert(vec![cert], key).expect("fit");
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    config
}

fn scheme(request: &Request) -> Answer {
    let scheme = request.head.uri.scheme_str().unwrap_or_default();
    Answer { body: scheme.as_bytes().to_vec(), ..Answer::default() }
}

#[test]
fn by_tls_it_is_agreed_on() {
    let (_dir, dir) = folder();
    certificate(&dir, "app", &["app.test"]);
    let server = Http2Server::secure(server_config(&dir, &[b"h2"]), scheme);
    let tls = format!("tls: {{ ca: {}/app.pem, server_name: app.test }}", dir.display());
    let proxy = setup("").pool(&tls).over_addresses(&[server.address]);
    let mut client = Client::connect(proxy.address("web"));
    for _ in 0..3 {
        let response = client.get("/");
        assert_eq!((response.status, response.text().as_str()), (200, "https"));
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_backend_that_does_not_agree_on_it_is_refused() {
    let secure = Secure::named("h1");
    let (_dir, dir) = folder();
    std::fs::write(dir.join("ca.pem"), &secure.pem).expect("a writable folder");
    let tls = format!("tls: {{ ca: {}/ca.pem, server_name: app.test }}", dir.display());
    let proxy = setup("").pool(&tls).over_addresses(&[secure.address]);
    let response = Client::connect(proxy.address("web")).get("/");
    assert_eq!(response.status, 502);
    assert!(response.text().contains("secure connection"), "{}", response.text());
    assert_eq!(metric(&proxy, "pulsegate_backend_tls_failures_total"), 1);
}

/// A protocol is changed on a connection of its own, by HTTP/1.1.
#[test]
fn a_websocket_goes_over_http1() {
    let site = site("");
    let mut client = site.client();
    client
        .send("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    let mut backend = site.accept();
    let head = backend.head();
    assert_eq!(head.get("upgrade"), Some("websocket"), "{head:?}");
    backend.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    assert_eq!(client.response().status, 101);
    client.send("ping");
    assert_eq!(backend.exactly(4), b"ping");
}

#[test]
fn probes_speak_what_the_traffic_does() {
    let server = Http2Server::new(|request| {
        let healthy = matches!(request.head.uri.path(), "/" | "/health" | "/login");
        Answer { status: if healthy { 200 } else { 500 }, ..Answer::default() }
    });
    let health = |path: &str| {
        format!(
            "{{ process: {{ interval: 50ms, timeout: 2s, type: http }}, \
               application: {{ interval: 50ms, timeout: 2s, endpoints: [ {path} ] }}, \
               business: {{ interval: 50ms, timeout: 2s, \
                            transaction: [ {{ get: /login, expect: {{ status: 200 }} }} ] }} }}"
        )
    };
    let proxy = setup("").health(&health("/health")).over_addresses(&[server.address]);
    let mut client = Client::connect(proxy.address("web"));
    until("the first verdict", || (client.get("/").status == 200).then_some(()));
    let proxy = setup("").health(&health("/sick")).over_addresses(&[server.address]);
    until("the reason", || {
        let status = Client::connect(proxy.admin()).admin("/status").text();
        status.contains("500").then_some(())
    });
    assert_eq!(Client::connect(proxy.address("web")).get("/").status, 503);
}
