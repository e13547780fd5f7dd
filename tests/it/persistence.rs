//! Connections that carry many requests, on both sides, and versions that do not.

use crate::harness::{End, Framing, Setup, Site};

#[test]
fn one_client_connection_carries_many_requests_over_one_upstream_connection() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET /0 HTTP/1.1\r\nHost: a\r\n\r\n");
    for n in 1..5 {
        upstream.serve(&n.to_string());
        assert_eq!(client.response().text(), n.to_string());
        client.send(format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    upstream.serve("end");
    assert_eq!(client.response().text(), "end");
    assert_eq!(site.backends.connections(0), 1);
}

#[test]
fn another_client_reuses_the_upstream_connection() {
    let site = Site::plain();
    let (mut first, mut upstream) = site.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("a");
    first.response();
    let mut second = site.client();
    second.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(upstream.serve("b").start.starts_with("GET /b "));
    assert_eq!(second.response().text(), "b");
}

#[test]
fn requests_at_once_take_connections_of_their_own() {
    let site = Site::plain();
    let (mut first, mut one) = site.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    one.head();
    let (mut second, mut two) = site.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    two.serve("b");
    assert_eq!(second.response().text(), "b");
    one.ok("a");
    assert_eq!(first.response().text(), "a");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let site = Site::plain();
    let requests: String =
        (0..4).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    let (mut client, mut upstream) = site.send(requests);
    for n in 0..4 {
        assert_eq!(upstream.serve(&n.to_string()).start, format!("GET /{n} HTTP/1.1"));
    }
    for n in 0..4 {
        assert_eq!(client.response().text(), n.to_string());
    }
}

#[test]
fn pipelined_bodies_end_where_they_end() {
    let site = Setup::default().pool("unsafe_reuse_age: 60s").start();
    let (mut client, mut upstream) = site.send(
        "POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
         POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n\
         GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    for (n, expected) in ["abc", "def", ""].into_iter().enumerate() {
        let (head, body) = upstream.request();
        assert!(head.start.contains(&format!(" /{n} ")), "{head:?}");
        assert_eq!(body, expected.as_bytes());
        upstream.ok(expected);
        assert_eq!(client.response().text(), expected);
    }
}

#[test]
fn the_client_may_ask_for_the_end() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let head = upstream.serve("bye");
    assert!(!head.lists("connection", "close"), "hop-by-hop: {head:?}");
    let response = client.response();
    assert!(response.says_close());
    assert_eq!(client.ended(), End::Fin);
}

#[test]
fn nothing_behind_the_last_request_is_served() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /more HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    upstream.serve("bye");
    assert_eq!(client.response().text(), "bye");
    client.ended();
    assert_eq!(site.backends.connections(0), 1);
}

#[test]
fn the_backend_may_ask_for_the_end() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    let response = client.response();
    assert!(!response.says_close(), "hop-by-hop: {:?}", response.head);
    upstream.ended();
    client.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    site.accept().serve("b");
    assert_eq!(client.response().text(), "b");
}

#[test]
fn an_http_1_0_backend_is_asked_once_per_connection() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let response = client.response();
    assert_eq!((response.text().as_str(), response.says_close()), ("ok", false));
    upstream.ended();
    client.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    site.accept().serve("b");
    assert_eq!(client.response().text(), "b");
}

#[test]
fn an_http_1_0_client_gets_no_chunks() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(upstream.head().start, "GET / HTTP/1.1");
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    upstream.send("3\r\ndef\r\n0\r\nX-Trailer: no\r\n\r\n");
    let response = client.response();
    assert_eq!(response.framing, Framing::Close(End::Fin), "{:?}", response.head);
    assert_eq!(response.text(), "abcdef");
}

#[test]
fn an_http_1_0_client_is_closed_after_a_length_too() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    upstream.serve("ok");
    assert_eq!(client.response().text(), "ok");
    assert_eq!(client.ended(), End::Fin);
}

#[test]
fn an_http_1_0_client_may_keep_its_connection() {
    let site = Site::plain();
    let request = "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
    let (mut client, mut upstream) = site.send(request);
    for n in 0..3 {
        upstream.serve(&n.to_string());
        let response = client.response();
        assert!(response.head.lists("connection", "keep-alive"), "{:?}", response.head);
        assert_eq!(response.text(), n.to_string());
        client.send(request);
    }
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nend\r\n0\r\n\r\n");
    let response = client.response();
    assert!(!response.head.lists("connection", "keep-alive"), "its end is the end of the body");
    assert_eq!((response.framing, response.text().as_str()), (Framing::Close(End::Fin), "end"));
}

#[test]
fn an_http_1_0_request_needs_no_host() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.0\r\n\r\n");
    upstream.serve("ok");
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn interim_responses_pass() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
    let hints = client.response();
    assert_eq!((hints.status, hints.head.get("link")), (103, Some("</a.css>; rel=preload")));
    upstream.send("HTTP/1.1 102 Processing\r\n\r\n");
    assert_eq!(client.response().status, 102);
    upstream.ok("ok");
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn interim_responses_do_not_reach_http_1_0_clients() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
    upstream.ok("ok");
    assert_eq!(client.response().status, 200);
}

#[test]
fn the_body_waits_for_the_backends_100_continue() {
    let site = Site::plain();
    let (mut client, mut upstream) = site
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(upstream.head().get("expect"), Some("100-continue"));
    upstream.send("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(client.response().status, 100);
    client.send("body");
    assert_eq!(upstream.exactly(4), b"body");
    upstream.ok("ok");
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn a_final_response_instead_of_100_continue() {
    let site = Site::plain();
    let (mut client, mut upstream) = site
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (403, "no"));
    // Whether a body still follows cannot be known, so neither connection can go on.
    assert!(response.says_close());
    client.ended();
    upstream.ended();
}

#[test]
fn a_client_that_does_not_wait_for_100_continue() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send(
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
    );
    let (_, body) = upstream.request();
    assert_eq!(body, b"body");
    upstream.ok("ok");
    let mut response = client.response();
    if response.status == 100 {
        response = client.response();
    }
    assert_eq!(response.text(), "ok");
}
