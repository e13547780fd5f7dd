//! Connections that change their protocol, and those that must not.

use crate::harness::{Client, Setup, Site, Upstream};

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";

fn tunnel(site: &Site) -> (Client, Upstream) {
    let (mut client, mut upstream) = site.send(HANDSHAKE);
    let head = upstream.head();
    assert!(head.lists("connection", "upgrade"), "{head:?}");
    assert_eq!(head.get("upgrade"), Some("websocket"));
    assert_eq!(head.get("sec-websocket-key"), Some("dGhlIHNhbXBsZQ=="));
    upstream.send(SWITCH);
    let response = client.response();
    assert_eq!(response.status, 101);
    assert!(response.head.lists("connection", "upgrade"), "{:?}", response.head);
    assert_eq!(response.head.get("upgrade"), Some("websocket"));
    assert_eq!(response.head.get("sec-websocket-accept"), Some("x"));
    (client, upstream)
}

#[test]
fn a_websocket_passes_bytes_both_ways() {
    let site = Site::plain();
    let (mut client, mut upstream) = tunnel(&site);
    for _ in 0..3 {
        client.send(b"\x81\x84\0\0\0\0ping");
        assert_eq!(upstream.exactly(10), b"\x81\x84\0\0\0\0ping");
        upstream.send(b"\x81\x04pong");
        assert_eq!(client.exactly(6), b"\x81\x04pong");
    }
}

#[test]
fn an_open_tunnel_is_no_load_that_keeps_requests_out() {
    let setup = Setup::default().pool("shed: { concurrent: 1 }").pool("idle_connections: 0");
    let site = setup.start();
    let (mut busy, mut serving) = site.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    serving.head();
    assert_eq!(site.client().get("/b").status, 503);
    serving.ok("a");
    assert_eq!(busy.response().text(), "a");
    let (_client, _upstream) = tunnel(&site);
    let (mut client, mut upstream) = site.send("GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("c");
    assert_eq!(client.response().text(), "c");
}

#[test]
fn a_tunnel_passes_a_half_close_either_way() {
    let site = Site::plain();
    let (mut client, mut upstream) = tunnel(&site);
    client.send("last words");
    client.half_close();
    assert_eq!(upstream.rest().0, b"last words");
    upstream.send("still here");
    assert_eq!(client.exactly(10), b"still here");
    drop(upstream);
    client.ended();

    let (mut client, mut upstream) = tunnel(&site);
    upstream.send("server done");
    upstream.half_close();
    assert_eq!(client.rest().0, b"server done");
    client.send("client not");
    assert_eq!(upstream.exactly(10), b"client not");
    drop(client);
    upstream.ended();
}

#[test]
fn a_reset_ends_both_halves_of_a_tunnel() {
    let site = Site::plain();
    let (client, mut upstream) = tunnel(&site);
    client.reset();
    upstream.ended();
    let (mut client, upstream) = tunnel(&site);
    upstream.reset();
    client.ended();
}

#[test]
fn bytes_sent_along_with_the_switch_are_not_lost() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send(HANDSHAKE);
    upstream.head();
    upstream.send([SWITCH, "early"].concat());
    assert_eq!(client.response().status, 101);
    assert_eq!(client.exactly(5), b"early");
}

#[test]
fn bytes_sent_along_with_the_handshake_reach_the_backend_after_the_switch_only() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send([HANDSHAKE, "eager"].concat());
    upstream.head();
    upstream.send(SWITCH);
    assert_eq!(client.response().status, 101);
    assert_eq!(upstream.exactly(5), b"eager");
}

#[test]
fn a_declined_upgrade_is_an_ordinary_exchange() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send(HANDSHAKE);
    upstream.serve("no");
    assert_eq!(client.response().text(), "no");
    client.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("b");
    assert_eq!(client.response().text(), "b");
}

#[test]
fn http2_over_cleartext_is_not_asked_for() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    );
    let head = upstream.serve("ok");
    for name in ["upgrade", "http2-settings", "connection"] {
        assert!(!head.has(name), "`{name}` in {head:?}");
    }
    assert_eq!(client.response().status, 200);
}

#[test]
fn other_protocols_are_not_asked_for() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: spdy/3.1\r\n\r\n");
    assert!(!upstream.serve("ok").has("upgrade"));
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_route_may_let_another_protocol_pass() {
    let site = Setup::default().route("{ pool: site, upgrades: [ mqtt ] }").start();
    let (mut client, mut upstream) =
        site.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: MQTT\r\n\r\n");
    assert!(upstream.head().get("upgrade").is_some_and(|v| v.eq_ignore_ascii_case("mqtt")));
    upstream.send("HTTP/1.1 101 Ok\r\nConnection: Upgrade\r\nUpgrade: mqtt\r\n\r\nhello");
    assert_eq!(client.response().status, 101);
    assert_eq!(client.exactly(5), b"hello");
}

#[test]
fn an_upgrade_header_that_connection_does_not_name_is_dropped() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n");
    assert!(!upstream.serve("ok").has("upgrade"));
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_switch_to_another_protocol_than_asked_for_is_refused() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send(HANDSHAKE);
    upstream.head();
    upstream.send("HTTP/1.1 101 Ok\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    assert_eq!(client.response().status, 502);
    upstream.ended();
}
