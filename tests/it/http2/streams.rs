//! Streams that go well: each a request of its own on an HTTP/1.1 backend.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::access_log::line;
use crate::harness::{Frames, Setup, Site, kind, until};

fn connect(site: &Site) -> Frames {
    Frames::connect(site.proxy.address("web"))
}

#[test]
fn a_request_reaches_a_backend_as_http1() {
    let site = Site::plain();
    let mut client = connect(&site);
    let fields =
        [("x-env", "dev"), ("cookie", "a=1"), ("te", "trailers"), ("cookie", "b=2"), ("via", "x")];
    client.request(1, "GET", &fields, true);
    let mut upstream = site.accept();
    let head = upstream.serve("hello");
    assert_eq!(head.start, "GET / HTTP/1.1");
    for (name, value) in [
        ("host", "a.test"),
        ("x-env", "dev"),
        ("cookie", "a=1; b=2"),
        ("x-forwarded-proto", "http"),
    ] {
        assert_eq!(head.get(name), Some(value), "{head:?}");
    }
    for gone in ["te", "transfer-encoding", "content-length", "connection"] {
        assert!(!head.has(gone), "{gone} in {head:?}");
    }
    assert!(head.lists("via", "2 pulsegate"), "{head:?}");
    assert_eq!(client.answer(1), (200, "hello".to_owned()));
}

#[test]
fn streams_run_side_by_side_and_end_in_any_order() {
    let site = Site::plain();
    let mut client = connect(&site);
    for stream in [1, 3, 5] {
        client.get(stream);
    }
    let mut upstreams = [site.accept(), site.accept(), site.accept()];
    for (index, upstream) in upstreams.iter_mut().enumerate().rev() {
        upstream.serve(&format!("answer {index}"));
        let head = client.next();
        assert_eq!(head.status(), 200);
        assert_eq!(client.next().payload, format!("answer {index}").into_bytes());
    }
}

#[test]
fn a_log_line_tells_the_protocol() {
    let site = Setup::default().listener("access_log: { path: access.log }").start();
    let mut client = connect(&site);
    client.request(1, "GET", &[("user-agent", "tester/2")], true);
    site.accept().serve("hello");
    client.answer(1);
    let line = line(&site, "access.log", 0);
    for (key, expected) in [
        ("protocol", Value::from("HTTP/2")),
        ("host", Value::from("a.test")),
        ("path", Value::from("/")),
        ("status", Value::from(200)),
        ("bytes_out", Value::from(5)),
        ("user_agent", Value::from("tester/2")),
        ("ended", Value::from("done")),
    ] {
        assert_eq!(line[key], expected, "{key} in {line}");
    }
}

#[test]
fn a_body_of_unknown_length_is_streamed_with_its_trailers() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.request(1, "POST", &[], false);
    let mut upstream = site.accept();
    let head = upstream.head();
    assert!(head.is_chunked() && !head.has("content-length"), "{head:?}");
    for piece in ["one", "three"] {
        client.data(1, piece.as_bytes(), false);
        let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
        assert_eq!(upstream.exactly(chunk.len()), chunk.into_bytes());
    }
    client.head(1, &[("x-sum", "42"), ("content-length", "7"), ("host", "b")], true);
    assert_eq!(upstream.until(b"\r\n\r\n").as_deref(), Some(&b"0\r\nx-sum: 42\r\n\r\n"[..]));
    upstream.ok("ok");
    assert_eq!(client.answer(1), (200, "ok".to_owned()));
}

#[test]
fn a_body_of_known_length_stays_so() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.request(1, "PUT", &[("content-length", "8")], false);
    let mut upstream = site.accept();
    let head = upstream.head();
    assert!(!head.is_chunked(), "{head:?}");
    client.data(1, b"half", false);
    assert_eq!(upstream.exactly(4), b"half");
    client.data(1, b"more", true);
    assert_eq!(upstream.exactly(4), b"more");
    upstream.ok("ok");
    assert_eq!(client.answer(1), (200, "ok".to_owned()));
}

#[test]
fn an_answer_in_chunks_comes_as_it_is_sent_and_keeps_its_trailers() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.get(1);
    let mut upstream = site.accept();
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.next().status(), 200);
    for event in ["one", "three"] {
        upstream.send(format!("{:x}\r\n{event}\r\n", event.len()));
        let frame = client.next();
        assert_eq!((&*frame.payload, frame.ends()), (event.as_bytes(), false));
    }
    upstream.send("0\r\nX-Sum: 42\r\n\r\n");
    let trailers = client.next();
    assert_eq!((trailers.kind, trailers.ends()), (kind::HEADERS, true));
}

#[test]
fn an_answer_without_a_body_is_one_frame() {
    let site = Site::plain();
    let mut client = connect(&site);
    for (stream, method, answer) in [
        (1, "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        (3, "GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        (5, "GET", "HTTP/1.1 304 Not Modified\r\n\r\n"),
        (7, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        client.request(stream, method, &[], true);
        let mut upstream = site.accept();
        upstream.head();
        // Each on a connection of its own, so that every stream is accepted anew.
        upstream.send(answer.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
        let frame = client.next();
        assert_eq!((frame.kind, frame.stream, frame.ends()), (kind::HEADERS, stream, true));
    }
}

#[test]
fn interim_answers_pass() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.request(1, "POST", &[("expect", "100-continue"), ("content-length", "2")], false);
    let mut upstream = site.accept();
    assert_eq!(upstream.head().get("expect"), Some("100-continue"));
    upstream.send("HTTP/1.1 100 Continue\r\n\r\n");
    let frame = client.next();
    assert_eq!((frame.status(), frame.ends()), (100, false));
    client.data(1, b"go", true);
    assert_eq!(upstream.exactly(2), b"go");
    upstream.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
    assert_eq!(client.next().status(), 103);
    upstream.ok("done");
    assert_eq!(client.answer(1), (200, "done".to_owned()));
}

#[test]
fn a_kept_connection_that_was_closed_costs_no_stream_its_answer() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.get(1);
    let mut upstream = site.accept();
    upstream.serve("kept");
    client.answer(1);
    drop(upstream);
    client.get(3);
    site.accept().serve("anew");
    assert_eq!(client.answer(3), (200, "anew".to_owned()));
}

#[test]
fn the_answers_of_our_own_are_streams_as_well() {
    let route = "{ match: { path: /go }, redirect: { to: \"https://b.test{path}\", status: 308 } }";
    let site = Setup::default().route(route).start();
    let mut client = connect(&site);
    client.get(1);
    let (status, text) = client.answer(1);
    assert_eq!(status, 404);
    assert!(text.contains("no route"), "{text}");
    let fields =
        [(":method", "HEAD"), (":scheme", "http"), (":path", "/go"), (":authority", "a.test")];
    client.head(3, &fields, true);
    let head = client.next();
    assert_eq!((head.status(), head.ends()), (308, true));
}

#[test]
fn too_large_a_body_is_413() {
    let site = Setup::default().listener("limits: { body_bytes: 4 }").start();
    let mut client = connect(&site);
    client.request(1, "POST", &[], false);
    let mut upstream = site.accept();
    upstream.head();
    client.data(1, b"five!", true);
    assert_eq!(client.answer(1).0, 413);
    assert_eq!(upstream.until(b"five!"), None, "it does not go on");
}

/// A reader that takes nothing stops its backend: what is on the way is bounded.
#[test]
fn a_window_that_is_not_opened_holds_the_backend_back() {
    const PIECE: usize = 64 * 1024;
    let site = Site::plain();
    let mut client = connect(&site);
    client.get(1);
    let mut upstream = site.accept();
    upstream.head();
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let sender = thread::spawn(move || {
        upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", PIECE << 10));
        for _ in 0..1 << 10 {
            upstream.send([b'x'; PIECE]);
            count.fetch_add(PIECE, Ordering::Relaxed);
        }
        upstream
    });
    assert_eq!(client.next().status(), 200);
    let mut got = 0;
    while got < 65_535 {
        got += client.next().payload.len();
    }
    assert_eq!(got, 65_535, "no more than the window");
    // The backend stands still once the kernel's buffers are full; until then it may go on.
    let mut before = usize::MAX;
    until("the backend to stand still", || {
        client.frame(kind::PING, 0, 0, &[7; 8]);
        while client.any().kind != kind::PING {}
        let now = sent.load(Ordering::Relaxed);
        (std::mem::replace(&mut before, now) == now).then_some(())
    });
    assert!(before < PIECE << 9, "{before} bytes were taken of an answer that nobody reads");
    while got < PIECE << 10 {
        client.open_window(0, 1 << 20);
        client.open_window(1, 1 << 20);
        let goal = (got + (1 << 20)).min(PIECE << 10);
        while got < goal {
            got += client.next().payload.len();
        }
    }
    sender.join().expect("all was sent");
}
