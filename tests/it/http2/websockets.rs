//! WebSockets over HTTP/2 (RFC 8441): a stream of the client, a connection of the backend.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::drains::{backend, drain};
use crate::harness::{Frames, Setup, Site, Upstream, kind, until};

const ASKED: [(&str, &str); 2] = [(":protocol", "websocket"), ("sec-websocket-version", "13")];

fn connect(site: &Site) -> Frames {
    Frames::connect(site.proxy.address("web"))
}

/// The answer to a handshake's key, as RFC 6455 §4.2.2 has it.
fn accept(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

fn switch(accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    )
}

/// An open WebSocket.
fn tunnel(site: &Site) -> (Frames, Upstream) {
    let mut client = connect(site);
    client.request(1, "CONNECT", &ASKED, false);
    let mut upstream = site.accept();
    let head = upstream.head();
    let key = head.get("sec-websocket-key").expect("a key").to_owned();
    upstream.send(switch(&accept(&key)));
    let answer = client.next();
    assert_eq!((answer.status(), answer.ends()), (200, false));
    (client, upstream)
}

#[test]
fn the_backend_is_asked_for_an_upgrade_and_bytes_pass_both_ways() {
    let site = Site::plain();
    let mut client = connect(&site);
    let own_key = [("sec-websocket-key", "mine"), ("origin", "http://a.test")];
    client.request(1, "CONNECT", &[&ASKED[..], &own_key].concat(), false);
    let mut upstream = site.accept();
    let head = upstream.head();
    assert_eq!(head.start, "GET / HTTP/1.1");
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("origin", "http://a.test"),
    ] {
        assert_eq!(head.get(name), Some(value), "{head:?}");
    }
    assert!(!head.has("transfer-encoding") && !head.has("content-length"), "{head:?}");
    let key = head.get("sec-websocket-key").expect("a key").to_owned();
    assert_eq!(STANDARD.decode(&key).map(|key| key.len()), Ok(16), "{key}");
    upstream.send(switch(&accept(&key)));
    let answer = client.next();
    assert_eq!((answer.status(), answer.ends()), (200, false));
    client.data(1, b"\x81\x84\x01\x02\x03\x04ping", false);
    assert_eq!(upstream.exactly(10), b"\x81\x84\x01\x02\x03\x04ping");
    upstream.send(b"\x81\x04pong");
    assert_eq!(client.next().payload, b"\x81\x04pong");
    client.data(1, b"", true);
    upstream.ended();
    drop(upstream);
    assert!(client.next().ends());
}

#[test]
fn a_client_that_gives_up_the_stream_releases_the_backend() {
    let site = Site::plain();
    let (mut client, mut upstream) = tunnel(&site);
    client.reset_stream(1);
    upstream.ended();
    // The connection goes on.
    client.get(3);
    site.accept().serve("next");
    assert_eq!(client.answer(3), (200, "next".to_owned()));
}

#[test]
fn a_drain_says_goodbye() {
    let site = Setup::default().pool("drain: { deadline: 1s }").start();
    let (mut client, mut upstream) = tunnel(&site);
    drain(&site, &backend(&site, 0));
    let goodbye = client.next();
    assert_eq!((&goodbye.payload[..], goodbye.ends()), (&b"\x88\x02\x03\xe9"[..], true));
    assert_eq!(upstream.rest().0, b"\x88\x82\0\0\0\0\x03\xe9");
}

#[test]
fn a_refusal_is_passed_on() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.request(1, "CONNECT", &ASKED, false);
    let mut upstream = site.accept();
    upstream.head();
    upstream.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(client.answer(1), (403, "no".to_owned()));
}

#[test]
fn what_is_no_switch_is_not_shown_as_one() {
    let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned();
    for answer in [fine, switch(&accept("another key")), switch("")] {
        let site = Site::plain();
        let mut client = connect(&site);
        client.request(1, "CONNECT", &ASKED, false);
        let mut upstream = site.accept();
        upstream.head();
        upstream.send(answer.clone());
        assert_eq!(client.answer(1).0, 502, "{answer}");
    }
}

#[test]
fn a_protocol_that_no_backend_could_be_asked_for_is_refused() {
    let site = Setup::default().route("{ pool: site, upgrades: [] }").start();
    for (site, protocol) in [(&Site::plain(), "connect-udp"), (&site, "websocket")] {
        let mut client = connect(site);
        client.request(1, "CONNECT", &[(":protocol", protocol)], false);
        assert_eq!(client.answer(1).0, 501, "{protocol}");
    }
}

#[test]
fn a_handshake_has_no_body_and_a_plain_connect_is_refused() {
    let site = Site::plain();
    let with_length = [&ASKED[..], &[("content-length", "3")]].concat();
    for (fields, ends, status) in [(&with_length[..], false, 400), (&ASKED[..], true, 405)] {
        let mut client = connect(&site);
        client.request(1, "CONNECT", fields, ends);
        assert_eq!(client.answer(1).0, status, "{fields:?}");
    }
    let mut client = connect(&site);
    client.head(1, &[(":method", "CONNECT"), (":authority", "a.test:443")], false);
    assert_eq!(client.answer(1).0, 405);
}

#[test]
fn clients_are_told_that_it_is_possible() {
    let site = Site::plain();
    let mut client = connect(&site);
    until("the settings", || {
        let frame = client.any();
        // SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 §3).
        let enabled = |setting: &[u8]| setting == [0, 8, 0, 0, 0, 1];
        (frame.kind == kind::SETTINGS && frame.payload.chunks(6).any(enabled)).then_some(())
    });
}
