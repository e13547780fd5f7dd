//! Routes by what a TLS client asks for; the bytes go on untouched, whoever they are for.

use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::access_log::line;
use crate::harness::{Backends, End, Setup, Site, Upstream};

/// What a real client sends first for this name (an address = no name) and these protocols.
pub(super) fn hello(name: &str, alpn: &[&str]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("the defaults fit").with_root_certificates(RootCertStore::empty());
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = name.to_owned().try_into().expect("a name");
    let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("a hello");
    bytes
}

/// A site of four pools of one backend each: 0 by default, 1 exact, 2 wildcard, 3 nameless.
fn site(more: &[&str]) -> (Site, Backends) {
    let others = Backends::start(4);
    let setup = Setup::tcp()
        .route("{ match: { sni: exact.example }, pool: exact }")
        .route("{ match: { sni: \"*.wild.example\", alpn: [ h2, grpc ] }, pool: wild }")
        .route("{ match: { sni: none }, pool: nameless }")
        .listener("access_log: { path: access.log }")
        .another_pool("exact", others.address(1))
        .another_pool("wild", others.address(2))
        .another_pool("nameless", others.address(3));
    let setup = more.iter().fold(setup, |setup, line| setup.listener(line));
    (setup.start(), others)
}

pub(super) fn arrives(upstream: &mut Upstream, bytes: &[u8]) {
    assert_eq!(upstream.exactly(bytes.len()), bytes, "untouched");
}

#[test]
fn names_and_protocols_choose_the_route() {
    let (site, others) = site(&["pool: site"]);
    for (name, alpn, backend) in [
        ("exact.example", &[][..], Some(1)),
        ("EXACT.example", &["h2"], Some(1)),
        ("a.wild.example", &["http/1.1", "h2"], Some(2)),
        ("b.a.wild.example", &["grpc"], Some(2)),
        ("127.0.0.1", &[], Some(3)),
        ("a.wild.example", &["http/1.1"], None),
        ("wild.example", &["h2"], None),
        ("other.example", &[], None),
    ] {
        let mut client = site.client();
        let bytes = hello(name, alpn);
        client.send(&bytes);
        let mut upstream = match backend {
            Some(_) => others.accept(),
            None => site.accept(),
        };
        assert_eq!(upstream.backend, backend.unwrap_or(0), "{name} {alpn:?}");
        arrives(&mut upstream, &bytes);
    }
}

#[test]
fn a_hello_may_come_byte_by_byte_and_the_log_names_the_server() {
    let (site, others) = site(&[]);
    let mut client = site.client();
    let bytes = hello("exact.example", &[]);
    bytes.iter().for_each(|byte| client.send([*byte]));
    let mut upstream = others.accept();
    arrives(&mut upstream, &bytes);
    upstream.send("answer");
    assert_eq!(client.exactly(6), b"answer");
    client.half_close();
    upstream.half_close();
    assert_eq!(client.ended(), End::Fin);
    assert_eq!(line(&site, "access.log", 0)["server_name"], "exact.example");
}

#[test]
fn what_no_route_takes_is_closed() {
    let (site, others) = site(&[]);
    let mut client = site.client();
    client.send(hello("other.example", &[]));
    assert_eq!(client.ended(), End::Reset);
    assert_eq!(line(&site, "access.log", 0)["ended"], "no_route");
    others.assert_untouched();
}

#[test]
fn what_is_no_hello_is_closed_or_served_by_default_as_configured() {
    let (closing, others) = site(&["pool: site"]);
    let mut client = closing.client();
    client.send("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(client.ended(), End::Reset);
    assert_eq!(line(&closing, "access.log", 0)["ended"], "not_tls");
    others.assert_untouched();

    let (serving, _others) = site(&["pool: site", "client_hello: { otherwise: default }"]);
    let (_client, mut upstream) = serving.send("GET / HTTP/1.1\r\n\r\n");
    arrives(&mut upstream, b"GET / HTTP/1.1\r\n\r\n");
}

#[test]
fn a_hello_that_does_not_come_is_not_waited_for() {
    let (site, _others) = site(&["client_hello: { timeout: 100ms }"]);
    let mut client = site.client();
    client.send(&hello("exact.example", &[])[..40]);
    assert_eq!(client.ended(), End::Reset);
    assert_eq!(line(&site, "access.log", 0)["ended"], "hello_timeout");
}

#[test]
fn a_hello_that_breaks_off_ends_the_connection_and_nobody_elses() {
    let (site, others) = site(&["client_hello: { timeout: 1h }"]);
    let mut client = site.client();
    let bytes = hello("exact.example", &[]);
    client.send(&bytes[..40]);
    client.half_close();
    assert_eq!(client.ended(), End::Reset);
    assert_eq!(line(&site, "access.log", 0)["ended"], "client_left");
    let mut other = site.client();
    other.send(&bytes);
    arrives(&mut others.accept(), &bytes);
}
