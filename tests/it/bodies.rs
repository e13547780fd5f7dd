//! Bodies in both directions: lengths, chunks, trailers, and messages that have none.

use std::io::Write as _;
use std::time::Duration;

use crate::harness::{Framing, Setup, Site};

/// More than all buffers on the way together.
const LARGE: usize = 24 * 1024 * 1024;

#[test]
fn length_framed_request_and_response() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    let (head, body) = upstream.request();
    assert_eq!(head.start, "POST /form HTTP/1.1");
    assert_eq!((head.content_length(), body.as_slice()), (Some(5), &b"hello"[..]));
    upstream.send("HTTP/1.1 201 Made\r\nContent-Length: 2\r\nX-Id: 7\r\n\r\nok");
    let response = client.response();
    assert_eq!(response.head.start, "HTTP/1.1 201 Made");
    assert_eq!((response.framing, response.text().as_str()), (Framing::Length, "ok"));
    assert_eq!(response.head.get("x-id"), Some("7"));
}

#[test]
fn chunked_request_with_trailers() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 42\r\n\r\n",
    );
    let head = upstream.head();
    assert!(head.is_chunked() && !head.has("content-length"));
    assert_eq!(upstream.body(&head), b"abc0123456789");
    upstream.ok("ok");
    assert_eq!(client.response().status, 200);
}

#[test]
fn chunked_response_with_trailers() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         3\r\nabc\r\n0\r\nX-Sum: 42\r\n\r\n",
    );
    let response = client.response();
    assert_eq!((response.framing, response.text().as_str()), (Framing::Chunked, "abc"));
    assert_eq!(response.trailers, [("X-Sum".to_owned(), "42".to_owned())]);
    client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("again");
    assert_eq!(client.response().text(), "again");
}

#[test]
fn a_chunk_is_passed_on_before_the_next_one_comes() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(client.head().is_chunked());
    for event in ["one", "two", "three"] {
        upstream.send(format!("{:x}\r\n{event}\r\n", event.len()));
        let size = client.line();
        assert_eq!(usize::from_str_radix(&size, 16).ok(), Some(event.len()));
        assert_eq!(client.exactly(event.len() + 2), format!("{event}\r\n").into_bytes());
    }
    upstream.send("0\r\n\r\n");
    assert_eq!(client.exactly(5), b"0\r\n\r\n");
}

#[test]
fn a_request_body_is_streamed_while_it_comes() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf");
    upstream.head();
    assert_eq!(upstream.exactly(4), b"half");
    client.send("more");
    assert_eq!(upstream.exactly(4), b"more");
    upstream.ok("ok");
    assert_eq!(client.response().status, 200);
}

#[test]
fn both_directions_stream_at_once() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.head();
    for _ in 0..3 {
        client.send("4\r\nping\r\n");
        assert_eq!(upstream.until(b"ping\r\n").as_deref(), Some(&b"4\r\nping\r\n"[..]));
        upstream.send("4\r\npong\r\n");
        assert_eq!(client.until(b"pong\r\n").as_deref(), Some(&b"4\r\npong\r\n"[..]));
    }
    client.send("0\r\n\r\n");
    assert!(upstream.until(b"0\r\n\r\n").is_some());
    upstream.send("0\r\n\r\n");
    assert_eq!(client.exactly(5), b"0\r\n\r\n");
}

#[test]
fn a_large_response_arrives_whole() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    let body: Vec<u8> = (0..LARGE).map(|at| (at % 251) as u8).collect();
    let sent = body.clone();
    let sender = std::thread::spawn(move || {
        upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
        upstream.send(sent);
        upstream
    });
    let response = client.response();
    assert!(response.body == body, "the bytes differ");
    sender.join().expect("sent");
}

#[test]
fn a_large_request_arrives_whole() {
    let site = Site::plain();
    let mut client = site.client();
    let body: Vec<u8> = (0..LARGE).map(|at| (at % 251) as u8).collect();
    let sent = body.clone();
    let sender = std::thread::spawn(move || {
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
        client.send(sent);
        client
    });
    let mut upstream = site.accept();
    let (_, received) = upstream.request();
    assert!(received == body, "the bytes differ");
    upstream.ok("ok");
    assert_eq!(sender.join().expect("sent").response().status, 200);
}

/// A client that does not read must not make the proxy read on and on from the backend.
#[test]
fn a_slow_reader_holds_its_backend_back() {
    let site = Site::plain();
    let (client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    let in_vain = Some(Duration::from_millis(500));
    upstream.stream().set_write_timeout(in_vain).expect("a socket");
    let block = vec![b'x'; 256 * 1024];
    let mut sent = 0;
    // All that the kernel's and the proxy's buffers take: a write that waits in vain ends it.
    while let Ok(n) = upstream.stream().write(&block) {
        sent += n;
        assert!(sent < 256 * 1024 * 1024, "the proxy buffers without bound");
    }
    drop(client);
}

#[test]
fn close_delimited_response_ends_with_the_backend() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\n\r\nall of it");
    drop(upstream);
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (200, "all of it"));
}

#[test]
fn head_has_the_length_but_no_body() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(upstream.head().start.starts_with("HEAD "));
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
    assert_eq!(client.response_to("HEAD").head.content_length(), Some(1234));
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("next");
    assert_eq!(client.response().text(), "next");
}

#[test]
fn chunked_head_response_has_no_chunks() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.response_to("HEAD").status, 200);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("next");
    assert_eq!(client.response().text(), "next");
}

#[test]
fn no_content_and_not_modified_have_no_body() {
    let site = Site::plain();
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut upstream = site.accept();
    for (start, status) in [
        ("204 No Content\r\n", 204),
        ("304 Not Modified\r\nContent-Length: 99\r\nETag: \"x\"\r\n", 304),
        ("304 Not Modified\r\n", 304),
    ] {
        upstream.head();
        upstream.send(format!("HTTP/1.1 {start}\r\n"));
        let response = client.response();
        assert_eq!((response.status, response.framing), (status, Framing::None));
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    upstream.serve("end");
    assert_eq!(client.response().text(), "end");
}

#[test]
fn an_empty_body_is_complete_at_once() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(upstream.head().content_length(), Some(0));
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.response().body, b"");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(upstream.request().1, b"");
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(client.response().body, b"");
}

#[test]
fn a_get_with_a_body_keeps_it() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(upstream.request().1, b"hi");
    upstream.ok("ok");
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_dribbled_request_is_a_request() {
    let site = Site::plain();
    let mut client = site.client();
    for byte in b"POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" {
        client.send([*byte]);
    }
    let mut upstream = site.accept();
    let head = upstream.head();
    for byte in b"3\r\nabc\r\n0\r\n\r\n" {
        client.send([*byte]);
    }
    assert_eq!(upstream.body(&head), b"abc");
    upstream.ok("ok");
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_dribbled_response_is_a_response() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    for byte in
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n"
    {
        upstream.send([*byte]);
    }
    let response = client.response();
    assert_eq!((response.text().as_str(), response.trailers.len()), ("abc", 1));
}

#[test]
fn trailers_cannot_bring_in_framing_or_identity() {
    let site = Setup::default().start();
    let (mut client, mut upstream) = site.send(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n0\r\nContent-Length: 7\r\nX-Forwarded-For: 1.2.3.4\r\nHost: b\r\n\r\n",
    );
    let head = upstream.head();
    upstream.exactly(b"3\r\nabc\r\n".len());
    // Refusing them is as good as dropping them.
    if let Some(rest) = upstream.until(b"\r\n\r\n") {
        let text = String::from_utf8_lossy(&rest).to_ascii_lowercase();
        assert_eq!(text, "0\r\n\r\n", "after {head:?}");
        upstream.ok("ok");
        assert_eq!(client.response().status, 200);
    } else {
        assert_eq!(client.refused(), 400);
    }
}
