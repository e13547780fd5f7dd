//! Clients that leave, early answers, and how connections are closed so that nothing is lost.

use crate::harness::{End, Setup, Site};

#[test]
fn fin_inside_the_head_is_leaving() {
    let site = Site::plain();
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nHos");
    client.half_close();
    client.rest();
    site.backends.assert_untouched();
}

#[test]
fn a_connection_without_a_request_closes_silently() {
    let site = Site::plain();
    let mut client = site.client();
    client.half_close();
    assert_eq!(client.ended(), End::Fin);
    site.backends.assert_untouched();
}

#[test]
fn fin_inside_the_body_is_leaving() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    upstream.head();
    assert_eq!(upstream.exactly(4), b"half");
    client.half_close();
    upstream.ended();
    let (answer, _) = client.rest();
    assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", answer.escape_ascii());
}

#[test]
fn fin_inside_a_chunked_body_never_completes_it() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    upstream.head();
    assert!(upstream.until(b"half\r\n").is_some());
    client.half_close();
    assert_eq!(upstream.rest().0, b"", "the last chunk would make it look complete");
}

#[test]
fn a_half_close_after_the_request_is_answered() {
    let site = Site::plain();
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut upstream = site.accept();
    upstream.head();
    client.half_close();
    upstream.ok("still wanted");
    assert_eq!(client.response().text(), "still wanted");
    assert_eq!(client.ended(), End::Fin);
}

#[test]
fn with_abort_on_close_a_half_close_is_leaving() {
    let site = Setup::default().pool("abort_on_close: true").start();
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut upstream = site.accept();
    upstream.head();
    client.half_close();
    upstream.ended();
    client.rest();
}

#[test]
fn a_reset_cancels_the_request() {
    let site = Site::plain();
    let (client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    client.reset();
    upstream.ended();
}

#[test]
fn a_reset_during_the_upload_cancels_the_request() {
    let site = Site::plain();
    let (client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    upstream.head();
    upstream.exactly(4);
    client.reset();
    upstream.ended();
}

#[test]
fn a_reset_during_the_response_cancels_it() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart");
    client.head();
    client.exactly(4);
    client.reset();
    // The proxy learns of it at the latest by writing.
    while upstream.offer([b'x'; 100]) {
        std::thread::yield_now();
    }
}

#[test]
fn pipelined_bytes_do_not_hide_a_reset() {
    let site = Site::plain();
    let (client, mut upstream) =
        site.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    client.reset();
    upstream.ended();
}

#[test]
fn a_response_may_come_while_the_upload_goes_on() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf");
    upstream.head();
    upstream.exactly(4);
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n");
    client.head();
    assert!(client.until(b"early\r\n").is_some());
    client.send("more");
    assert_eq!(upstream.exactly(4), b"more");
    upstream.send("0\r\n\r\n");
    assert_eq!(client.exactly(5), b"0\r\n\r\n");
}

#[test]
fn a_final_response_during_the_upload_reaches_a_client_that_only_writes() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nstart");
    upstream.head();
    upstream.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    drop(upstream);
    // Writing on after the answer must not make a RST erase it.
    for _ in 0..10 {
        if !client.offer([b'x'; 1000]) {
            break;
        }
    }
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (413, "big"));
    assert!(response.says_close());
    client.rest();
}

#[test]
fn an_error_response_is_not_erased_by_unread_bytes() {
    let site = Site::plain();
    let mut client = site.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n");
    client.offer([b'x'; 64 * 1024]);
    assert_eq!(client.response().status, 400);
    assert_eq!(client.ended(), End::Fin);
}

#[test]
fn an_error_is_sent_to_a_client_that_has_half_closed() {
    let site = Site::plain();
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\n\r\n");
    client.half_close();
    assert_eq!(client.refused(), 400);
}
