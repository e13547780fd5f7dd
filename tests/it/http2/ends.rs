//! How streams and connections end when something does not go well.

use crate::drains::{backend, drain};
use crate::harness::{End, Frames, Setup, Site, kind};

const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;

fn connect(site: &Site) -> Frames {
    Frames::connect(site.proxy.address("web"))
}

/// What an answer lacks must not be missed: its stream never ends as if it were whole.
#[test]
fn a_truncated_answer_is_a_reset() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let site = Site::plain();
        let mut client = connect(&site);
        client.get(1);
        let mut upstream = site.accept();
        upstream.head();
        upstream.send(answer);
        let head = client.next();
        assert_eq!((head.status(), head.ends()), (200, false));
        drop(upstream);
        let mut frame = client.next();
        while frame.kind == kind::DATA {
            assert!(!frame.ends(), "{answer:?} ended well");
            frame = client.next();
        }
        assert_eq!((frame.kind, frame.code()), (kind::RST_STREAM, INTERNAL_ERROR), "{answer:?}");
        client.get(3);
        site.accept().serve("the connection goes on");
        assert_eq!(client.answer(3).0, 200);
    }
}

#[test]
fn a_client_that_gives_a_stream_up_releases_its_backend() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.get(1);
    let mut upstream = site.accept();
    upstream.head();
    client.reset_stream(1);
    upstream.rest();
    // Also in the middle of an answer, and of a body.
    client.get(3);
    let mut upstream = site.accept();
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    assert_eq!(client.next().status(), 200);
    client.reset_stream(3);
    upstream.rest();
    client.request(5, "POST", &[], false);
    let mut upstream = site.accept();
    upstream.head();
    client.reset_stream(5);
    upstream.rest();
    client.get(7);
    site.accept().serve("the connection goes on");
    while client.next().stream != 7 {}
}

#[test]
fn a_client_that_leaves_releases_all_its_backends() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.get(1);
    client.get(3);
    let mut upstreams = [site.accept(), site.accept()];
    upstreams.iter_mut().for_each(|upstream| drop(upstream.head()));
    drop(client);
    for upstream in &mut upstreams {
        upstream.rest();
    }
}

#[test]
fn an_answer_before_the_body_is_whole_tells_the_client_to_stop() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.request(1, "POST", &[], false);
    let mut upstream = site.accept();
    upstream.head();
    upstream.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(client.answer(1), (403, "no".to_owned()));
    assert_eq!(client.stream_error(1), NO_ERROR);
}

#[test]
fn a_backend_that_is_not_there_is_502() {
    let mut site = Site::plain();
    site.backends.refuse(0);
    let mut client = connect(&site);
    client.get(1);
    assert_eq!(client.answer(1).0, 502);
}

#[test]
fn a_request_is_tried_elsewhere() {
    let mut site = Setup::default().backends(2);
    site.backends.refuse(0);
    let mut client = connect(&site);
    for stream in [1, 3] {
        client.get(stream);
        let mut upstream = site.accept();
        upstream.head();
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(client.answer(stream), (200, "ok".to_owned()));
    }
}

#[test]
fn a_backend_that_does_not_answer_is_504() {
    let site = Setup::default().route("{ pool: site, timeouts: { first_byte: 200ms } }").start();
    let mut client = connect(&site);
    client.get(1);
    let mut upstream = site.accept();
    upstream.head();
    assert_eq!(client.answer(1).0, 504);
    upstream.ended();
}

/// Nor does a client hold a backend by never opening its window.
#[test]
fn a_window_that_stays_closed_is_a_reset() {
    let site = Setup::default().route("{ pool: site, timeouts: { body_idle: 200ms } }").start();
    let mut client = connect(&site);
    client.frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    client.get(1);
    let mut upstream = site.accept();
    upstream.head();
    upstream.ok("never read");
    assert_eq!(client.next().status(), 200);
    assert_eq!(client.stream_error(1), INTERNAL_ERROR);
}

#[test]
fn a_preface_that_stalls_ends_at_the_head_deadline() {
    let site = Setup::default().listener("timeouts: { head: 200ms }").start();
    for begun in ["PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM"] {
        let mut client = Frames::silent(site.proxy.address("web"));
        client.send(begun);
        client.rest();
    }
}

#[test]
fn a_preface_that_goes_wrong_ends_the_connection() {
    let site = Site::plain();
    let mut client = Frames::silent(site.proxy.address("web"));
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\nXX");
    client.rest();
}

#[test]
fn an_idle_connection_is_told_to_leave_and_closed() {
    let site = Setup::default().listener("timeouts: { idle: 200ms }").start();
    let mut client = connect(&site);
    client.get(1);
    site.accept().serve("ok");
    client.answer(1);
    assert_eq!(client.connection_error(), NO_ERROR);
    client.rest();
}

#[test]
fn a_listener_that_drains_lets_streams_finish() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.get(1);
    let mut upstream = site.accept();
    upstream.head();
    drain(&site, "listener web");
    assert_eq!(client.connection_error(), NO_ERROR);
    upstream.ok("whole");
    loop {
        let frame = client.next();
        if frame.kind == kind::DATA {
            assert_eq!(frame.payload, b"whole");
            break;
        }
    }
    let (_, end) = client.rest();
    assert_eq!(end, End::Fin);
}

#[test]
fn a_drained_backend_costs_its_clients_no_connection() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.get(1);
    let mut upstream = site.accept();
    upstream.head();
    drain(&site, &backend(&site, 0));
    upstream.ok("whole");
    assert_eq!(client.answer(1), (200, "whole".to_owned()));
    client.get(3);
    assert_eq!(client.answer(3).0, 503);
}

#[test]
fn where_it_is_off_the_preface_is_505() {
    let site = Setup::default().listener("http2: off").start();
    let mut client = site.client();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(client.refused(), 505);
}

#[test]
fn http1_does_not_become_http2_halfway() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("one");
    client.response();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(client.refused(), 505);
}
