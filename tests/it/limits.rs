//! Limits on everything a client may send or hold.

use crate::harness::{Backends, Client, End, Pulsegate, Server, Setup, Site};

#[test]
fn a_head_larger_than_the_limit_is_431() {
    let site = Setup::default().listener("limits: { head_bytes: 1KiB }").start();
    let mut client = site.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(1024)));
    assert_eq!(client.refused(), 431);
    site.backends.assert_untouched();
}

#[test]
fn a_head_that_never_ends_is_431() {
    let site = Site::plain();
    let mut client = site.client();
    client.offer(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(128 * 1024)));
    assert_eq!(client.refused(), 431);
    site.backends.assert_untouched();
}

#[test]
fn a_request_line_larger_than_the_limit_is_refused() {
    let site = Setup::default().listener("limits: { head_bytes: 1KiB }").start();
    let mut client = site.client();
    client.send(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(2048)));
    assert!(matches!(client.refused(), 414 | 431));
    site.backends.assert_untouched();
}

#[test]
fn more_fields_than_the_limit_are_431() {
    let site = Setup::default().listener("limits: { headers: 10 }").start();
    let mut client = site.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(10)));
    assert_eq!(client.refused(), 431);
    let (mut client, mut upstream) =
        site.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(9)));
    upstream.serve("ok");
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_head_of_exactly_the_limit_passes() {
    let site = Setup::default().listener("limits: { head_bytes: 1KiB }").start();
    let frame = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
    let fill = "x".repeat(1024 - frame);
    let (mut client, mut upstream) =
        site.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {fill}\r\n\r\n"));
    assert_eq!(upstream.serve("ok").get("x"), Some(fill.as_str()));
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_declared_body_larger_than_the_limit_is_413() {
    let site = Setup::default().route("{ pool: site, limits: { body_bytes: 1KiB } }").start();
    let mut client = site.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n");
    client.offer([b'x'; 1025]);
    assert_eq!(client.refused(), 413);
    site.backends.assert_untouched();
}

#[test]
fn a_chunked_body_that_grows_past_the_limit_is_413() {
    let site = Setup::default().route("{ pool: site, limits: { body_bytes: 1KiB } }").start();
    let mut client = site.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.offer([&b"401\r\n"[..], &[b'x'; 1025], b"\r\n0\r\n\r\n"].concat());
    assert_eq!(client.refused(), 413);
    for _ in 0..site.backends.connections(0) {
        let (seen, _) = site.accept().rest();
        assert!(!seen.ends_with(b"0\r\n\r\n"), "a complete body went out");
    }
}

#[test]
fn a_body_of_exactly_the_limit_passes() {
    let site = Setup::default().route("{ pool: site, limits: { body_bytes: 1KiB } }").start();
    let mut client = site.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1024\r\n\r\n");
    client.send([b'x'; 1024]);
    let mut upstream = site.accept();
    assert_eq!(upstream.request().1.len(), 1024);
    upstream.ok("ok");
    assert_eq!(client.response().status, 200);
}

#[test]
fn connections_beyond_the_limit_are_not_served_and_leave_the_others_alone() {
    let server = Server::named("ok");
    let proxy = Setup::default().listener("limits: { connections: 2 }").over(&[&server]);
    let address = proxy.address("web");
    let (mut first, mut second) = (Client::connect(address), Client::connect(address));
    assert_eq!((first.get("/1").status, second.get("/2").status), (200, 200));
    let mut third = Client::connect(address);
    third.offer("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((first.get("/1").status, second.get("/2").status), (200, 200));
    assert_eq!(server.requests(), 4, "the third must not be served");
    let text = Client::connect(proxy.admin()).admin("/metrics").text();
    let paused = text.lines().find(|line| {
        line.starts_with("pulsegate_accept_pauses_total{") && line.contains("\"connections\"")
    });
    assert!(paused.is_some_and(|line| !line.ends_with(" 0")), "{paused:?}");
    drop(second);
    assert_eq!(third.response().status, 200, "with one gone there is room for it");
    assert_eq!(first.get("/1").status, 200);
}

#[test]
fn too_many_connections_for_the_process_pause_accepting_and_recover() {
    let backends = Backends::start(1);
    let setup = Setup::default().listener("timeouts: { idle: 60s }");
    let config = setup.config(backends.addresses());
    let folder = Pulsegate::folder();
    let proxy = Pulsegate::start_with_files(folder, &config, 64);
    let site = Site { setup, proxy, backends };
    let crowd: Vec<Client> = (0..100).map(|_| site.client()).collect();
    let line = site.proxy.says("open files");
    drop(crowd);
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("recovered");
    assert_eq!(client.response().text(), "recovered");
    assert!(site.proxy.said("open files") < 10, "a line per event, not per try: {line}");
}

#[test]
fn a_slow_client_holds_nobody_else() {
    let site = Site::plain();
    let mut slow: Vec<Client> = (0..50).map(|_| site.client()).collect();
    for client in &mut slow {
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    }
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("quick");
    assert_eq!(client.response().text(), "quick");
    for mut client in slow {
        client.half_close();
        assert!(matches!(client.rest().1, End::Fin | End::Reset));
    }
}
