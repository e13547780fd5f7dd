//! Every wait has an end. Deadlines are short here; how long they took is nobody's business.

use crate::harness::{End, Setup};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_head_that_never_ends_is_408() {
    let site = Setup::default().listener("timeouts: { head: 200ms }").start();
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nHo");
    assert_eq!(client.refused(), 408);
    site.backends.assert_untouched();
}

#[test]
fn dribbling_does_not_extend_the_head_deadline() {
    let site = Setup::default().listener("timeouts: { head: 200ms }").start();
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nX: ");
    // As long as the proxy takes bytes; a deadline per read would never end this.
    while client.offer("x") {
        std::thread::yield_now();
    }
    client.rest();
    site.backends.assert_untouched();
}

#[test]
fn a_connection_that_never_sends_is_closed_without_a_response() {
    let site = Setup::default().listener("timeouts: { idle: 200ms, head: 200ms }").start();
    let mut client = site.client();
    client.ended();
}

#[test]
fn an_idle_kept_connection_is_closed_without_a_response() {
    let site = Setup::default().listener("timeouts: { idle: 200ms }").start();
    let (mut client, mut upstream) = site.send(GET);
    upstream.serve("ok");
    client.response();
    assert_eq!(client.ended(), End::Fin);
}

#[test]
fn a_backend_that_does_not_answer_is_504() {
    let site = Setup::default().route("{ pool: site, timeouts: { first_byte: 200ms } }").start();
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    assert_eq!(client.response().status, 504);
    upstream.ended();
}

#[test]
fn a_backend_that_stalls_inside_its_head_is_504() {
    let site = Setup::default().route("{ pool: site, timeouts: { first_byte: 200ms } }").start();
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nConte");
    assert_eq!(client.response().status, 504);
    upstream.ended();
}

#[test]
fn a_request_that_timed_out_is_not_repeated_when_unsafe() {
    let route = "{ pool: site, timeouts: { first_byte: 200ms } }";
    let site = Setup::default().route(route).backends(2);
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    upstream.request();
    assert_eq!(client.response().status, 504);
    assert_eq!(site.backends.connections(1 - upstream.backend), 0);
}

#[test]
fn a_response_body_that_stalls_is_cut_off() {
    let site = Setup::default().route("{ pool: site, timeouts: { body_idle: 200ms } }").start();
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    assert_eq!(client.head().content_length(), Some(10));
    assert_eq!(client.rest().0, b"half");
    upstream.ended();
}

#[test]
fn a_request_body_that_stalls_is_cut_off() {
    let site = Setup::default().route("{ pool: site, timeouts: { body_idle: 200ms } }").start();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    upstream.head();
    assert_eq!(upstream.exactly(4), b"half");
    assert_eq!(client.refused(), 408);
    upstream.ended();
}

#[test]
fn the_total_deadline_ends_a_request_without_a_response() {
    let site = Setup::default().route("{ pool: site, timeouts: { total: 200ms } }").start();
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    assert_eq!(client.response().status, 504);
    upstream.ended();
}

#[test]
fn the_total_deadline_ends_a_response_that_never_stops() {
    let site = Setup::default().route("{ pool: site, timeouts: { total: 300ms } }").start();
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(client.head().is_chunked());
    let reader = std::thread::spawn(move || client.rest().0);
    while upstream.offer("1\r\nx\r\n") {
        std::thread::yield_now();
    }
    let seen = reader.join().expect("read");
    assert!(!seen.ends_with(b"0\r\n\r\n"));
}
