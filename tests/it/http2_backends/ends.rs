//! How streams and connections end when something does not go well.

use super::{client, metric, setup, site, trunk};
use crate::harness::{Client, End, kind, until};

const CANCEL: u32 = 8;
const REFUSED_STREAM: u32 = 7;
const INTERNAL_ERROR: u32 = 2;
const NO_ERROR: u32 = 0;

/// Streams above the last one were not processed, so that even what must not be repeated is.
#[test]
fn after_a_goaway_what_was_not_processed_goes_elsewhere_and_the_rest_is_finished() {
    let site = site("");
    let mut client = client(&site);
    client.request(1, "POST", &[("content-length", "0")], true);
    client.request(3, "POST", &[("content-length", "0")], true);
    let mut leaving = trunk(&site);
    assert_eq!([leaving.asked(), leaving.asked()], [1, 3]);
    leaving.goaway(1, NO_ERROR);
    let mut backend = trunk(&site);
    assert_eq!(backend.asked(), 1);
    backend.ok(1, "new");
    assert_eq!(client.answer(3), (200, "new".to_owned()));
    client.get(5);
    assert_eq!(backend.asked(), 3, "the one that leaves gets no more");
    backend.ok(3, "next");
    assert_eq!(client.answer(5), (200, "next".to_owned()));
    leaving.ok(1, "old");
    assert_eq!(client.answer(1), (200, "old".to_owned()));
    assert_eq!(leaving.connection_error(), NO_ERROR, "it ends with its last stream");
}

#[test]
fn a_refused_stream_is_asked_again_whatever_its_method() {
    let site = site("");
    let mut client = client(&site);
    client.request(1, "POST", &[("content-length", "2")], false);
    client.data(1, b"hi", true);
    let mut backend = trunk(&site);
    assert_eq!(backend.asked(), 1);
    backend.refuse_stream(1, REFUSED_STREAM);
    let mut frame = backend.next();
    while frame.stream == 1 {
        frame = backend.next();
    }
    assert_eq!((frame.kind, frame.stream), (kind::HEADERS, 3));
    assert_eq!(backend.next().payload, b"hi");
    backend.ok(3, "done");
    assert_eq!(client.answer(1), (200, "done".to_owned()));
}

/// But not for ever, and not if it was reset for any other reason.
#[test]
fn a_request_that_may_have_been_processed_is_not_repeated() {
    for (method, code, tries) in
        [("POST", REFUSED_STREAM, 2), ("POST", INTERNAL_ERROR, 1), ("GET", INTERNAL_ERROR, 1)]
    {
        let site = site("");
        let mut client = client(&site);
        // Not the first request of its connection, which is kept.
        client.get(1);
        let mut backend = trunk(&site);
        backend.asked();
        backend.ok(1, "well");
        assert_eq!(client.answer(1).0, 200);
        client.request(3, method, &[("content-length", "0")], true);
        for _ in 0..tries {
            let stream = backend.asked();
            backend.refuse_stream(stream, code);
        }
        assert_eq!(client.answer(3).0, 502, "{method} {code}");
    }
}

/// A connection that was dead says nothing about its backend.
#[test]
fn a_connection_that_was_lost_unnoticed_is_replaced_at_once() {
    let site = site("");
    let mut client = client(&site);
    client.get(1);
    let mut backend = trunk(&site);
    assert_eq!(backend.asked(), 1);
    backend.ok(1, "well");
    assert_eq!(client.answer(1).0, 200);
    client.get(3);
    assert_eq!(backend.asked(), 3);
    drop(backend);
    let mut backend = trunk(&site);
    assert_eq!(backend.asked(), 1);
    backend.ok(1, "well again");
    assert_eq!(client.answer(3), (200, "well again".to_owned()));
}

/// What an answer lacks must not be missed, whatever the client speaks.
#[test]
fn a_truncated_answer_never_looks_whole() {
    for resets in [true, false] {
        let site = site("");
        let mut client = client(&site);
        let mut plain = site.client();
        client.get(1);
        let mut backend = trunk(&site);
        assert_eq!(backend.asked(), 1);
        plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(backend.asked(), 3);
        for stream in [1, 3] {
            backend.head(stream, &[(":status", "200")], false);
            backend.data(stream, b"half", false);
        }
        assert_eq!(client.next().status(), 200);
        assert_eq!(client.next().payload, b"half");
        plain.until(b"half\r\n");
        if resets {
            backend.refuse_stream(1, INTERNAL_ERROR);
            backend.refuse_stream(3, INTERNAL_ERROR);
        } else {
            drop(backend);
        }
        assert_eq!(client.stream_error(1), INTERNAL_ERROR);
        let (rest, end) = plain.rest();
        assert_eq!((rest, end), (Vec::new(), End::Reset));
    }
}

/// Too much or too little of a body is as bad as half of one.
#[test]
fn a_body_of_another_length_than_its_head_says_is_refused() {
    for body in ["", "shorter", "much longer"] {
        let site = site("");
        let mut client = client(&site);
        client.get(1);
        let mut backend = trunk(&site);
        backend.asked();
        backend.head(1, &[(":status", "200"), ("content-length", "8")], false);
        backend.data(1, body.as_bytes(), true);
        let mut status = 0;
        loop {
            let frame = client.next();
            if frame.kind == kind::HEADERS {
                status = frame.status();
            }
            assert!(!frame.ends() || status == 502, "{body:?} passed for whole");
            if frame.ends() || frame.kind == kind::RST_STREAM {
                break;
            }
        }
    }
}

#[test]
fn a_client_that_leaves_releases_its_stream_and_no_other() {
    let site = site("");
    let mut client = client(&site);
    client.get(1);
    let mut backend = trunk(&site);
    assert_eq!(backend.asked(), 1);
    client.reset_stream(1);
    assert_eq!(backend.stream_error(1), CANCEL);
    // Also in the middle of an answer, and if it speaks HTTP/1.1.
    let mut plain = site.client();
    plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(backend.asked(), 3);
    backend.head(3, &[(":status", "200")], false);
    backend.data(3, b"half", false);
    plain.until(b"half\r\n");
    plain.reset();
    assert_eq!(backend.stream_error(3), CANCEL);
    client.get(5);
    assert_eq!(backend.asked(), 5);
    backend.ok(5, "still there");
    assert_eq!(client.answer(5), (200, "still there".to_owned()));
    until("nothing in flight", || {
        (metric(&site.proxy, "pulsegate_backend_in_flight") == 0).then_some(())
    });
}

/// What a client does not take is not taken from the backend either: its window stays shut.
#[test]
fn a_client_that_reads_nothing_holds_up_its_own_stream_only() {
    let site = site("");
    let mut slow = client(&site);
    // SETTINGS_INITIAL_WINDOW_SIZE
    slow.frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    slow.get(1);
    let mut backend = trunk(&site);
    assert_eq!(backend.asked(), 1);
    backend.head(1, &[(":status", "200")], false);
    for _ in 0..4 {
        backend.data(1, &[b'x'; 16 * 1024], false);
    }
    assert_eq!(slow.next().status(), 200);
    let mut quick = client(&site);
    quick.get(1);
    let mut frame = backend.any();
    while frame.kind != kind::HEADERS {
        assert!(frame.kind != kind::WINDOW_UPDATE || frame.stream != 1, "{frame:?}");
        frame = backend.any();
    }
    backend.ok(3, "quick");
    assert_eq!(quick.answer(1).1, "quick");
    slow.open_window(1, 64 * 1024);
    slow.open_window(0, 64 * 1024);
    let mut got = 0;
    while got < 64 * 1024 {
        got += slow.next().payload.len();
    }
    loop {
        let frame = backend.any();
        if (frame.kind, frame.stream) == (kind::WINDOW_UPDATE, 1) {
            break;
        }
    }
}

#[test]
fn a_backend_that_floods_loses_its_connection() {
    let site = site("");
    let mut client = client(&site);
    client.get(1);
    let mut backend = trunk(&site);
    backend.asked();
    for _ in 0..10_000 {
        backend.frame(kind::PING, 0, 0, &[0; 8]);
    }
    assert_eq!(client.answer(1).0, 502);
    let frames = "pulsegate_bad_responses_total{reason=\"frames\"}";
    until("the count", || (metric(&site.proxy, frames) == 1).then_some(()));
}

/// Whoever does not speak HTTP/2 gets no request, and that is a connection that failed.
#[test]
fn a_backend_that_speaks_something_else_could_not_be_connected_to() {
    let site = setup("").backends(1);
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    site.accept().send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let response = client.response();
    assert_eq!(response.status, 502);
    assert!(response.text().contains("no connection"), "{}", response.text());
    until("the count", || {
        (metric(&site.proxy, "pulsegate_backend_connect_failures_total") == 1).then_some(())
    });
}

/// It may say nothing for as long as opening a connection may take.
#[test]
fn a_backend_that_does_not_greet_is_waited_for_no_longer_than_for_a_connection() {
    let site = setup("").pool("timeouts: { connect: 100ms }").backends(1);
    let mut client = Client::connect(site.proxy.address("web"));
    assert_eq!(client.get("/").status, 504);
}
