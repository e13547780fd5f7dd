//! Responses that two readers could read two ways: 502, or an abort once the head is out.

use crate::harness::{End, Framing, Setup, Site};

/// The response is refused: the client gets 502 and the backend's connection is not used again.
fn refuse(response: &[u8]) {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.offer(response);
    assert_eq!(client.response().status, 502, "{}", response.escape_ascii());
    upstream.ended();
}

/// The body breaks when its beginning is out: the client must not take it for complete.
fn abort(body: &[u8]) {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n");
    assert!(client.head().is_chunked());
    assert_eq!(client.exactly(10), b"5\r\nbegin\r\n");
    upstream.offer(body);
    upstream.ended();
    let (rest, _) = client.rest();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "looks complete: {}", rest.escape_ascii());
}

macro_rules! responses {
    ($($name:ident: $response:expr;)+) => {$(
        #[test]
        fn $name() {
            refuse($response);
        }
    )+};
}

macro_rules! bodies {
    ($($name:ident: $body:expr;)+) => {$(
        #[test]
        fn $name() {
            abort($body);
        }
    )+};
}

responses! {
    content_length_with_transfer_encoding:
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    content_length_twice_the_same:
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok";
    content_length_twice_different:
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok";
    content_length_as_a_list: b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok";
    content_length_with_a_sign: b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok";
    content_length_in_hex: b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok";
    content_length_empty: b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok";
    content_length_past_64_bits:
        b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\nok";
    transfer_coding_gzip: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok";
    transfer_coding_gzip_then_chunked:
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    transfer_coding_chunked_twice:
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n";
    transfer_coding_on_http_1_0: b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    bare_lf_after_the_status_line: b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok";
    bare_lf_after_a_field: b"HTTP/1.1 200 OK\r\nContent-Length: 2\nX: y\r\n\r\nok";
    bare_lf_as_the_empty_line: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok";
    bare_cr_in_a_value: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: a\rb\r\n\r\nok";
    folded: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: a\r\n b\r\n\r\nok";
    space_before_the_colon: b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok";
    field_without_a_colon: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX\r\n\r\nok";
    field_without_a_name: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n: x\r\n\r\nok";
    nul_in_a_value: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: a\0b\r\n\r\nok";
    control_byte_in_a_value: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: a\x01b\r\n\r\nok";
    nul_in_a_name: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX\0: a\r\n\r\nok";
    not_http: b"garbage\r\n\r\n";
    another_protocol: b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nok";
    another_major_version: b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok";
    status_of_two_digits: b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok";
    status_of_four_digits: b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok";
    status_below_100: b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok";
    status_not_a_number: b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok";
    control_byte_in_the_reason: b"HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nok";
    upgrade_that_was_not_asked_for:
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
}

bodies! {
    chunk_size_not_hex: b"zz\r\nok\r\n0\r\n\r\n";
    chunk_size_empty: b"\r\nok\r\n0\r\n\r\n";
    chunk_size_with_a_prefix: b"0x2\r\nok\r\n0\r\n\r\n";
    chunk_size_past_64_bits: b"10000000000000002\r\nok\r\n0\r\n\r\n";
    chunk_size_line_ends_in_bare_lf: b"2\nok\r\n0\r\n\r\n";
    chunk_data_longer_than_its_size: b"2\r\nokk\r\n0\r\n\r\n";
    broken_after_a_good_chunk: b"2\r\nok\r\nzz\r\n0\r\n\r\n";
    trailer_without_a_colon: b"2\r\nok\r\n0\r\nX\r\n\r\n";
    trailer_with_a_control_byte: b"2\r\nok\r\n0\r\nX: \x01\r\n\r\n";
}

#[test]
fn a_body_that_breaks_before_a_byte_of_it_went_out_is_502() {
    refuse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n0\r\n\r\n");
}

#[test]
fn chunk_extension_too_large() {
    let body = [b"2;", &[b'x'; 70_000][..], b"\r\nok\r\n0\r\n\r\n"].concat();
    abort(&body);
}

#[test]
fn head_larger_than_the_limit() {
    refuse(&[b"HTTP/1.1 200 OK\r\nX: ", &[b'x'; 70_000][..], b"\r\n\r\n"].concat());
}

#[test]
fn more_fields_than_the_limit() {
    let fields = b"X: y\r\n".repeat(101);
    refuse(&[&b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"[..], &fields, b"\r\n"].concat());
}

#[test]
fn head_cut_off() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Le");
    drop(upstream);
    assert_eq!(client.response().status, 502);
}

#[test]
fn closed_without_a_response() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    drop(upstream);
    assert_eq!(client.response().status, 502);
}

#[test]
fn length_framed_body_cut_off_never_looks_complete() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    drop(upstream);
    let head = client.head();
    assert_eq!(head.content_length(), Some(10));
    let (body, _) = client.rest();
    assert_eq!(body, b"half");
}

#[test]
fn chunked_body_cut_off_never_looks_complete() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    drop(upstream);
    assert!(client.head().is_chunked());
    let (body, _) = client.rest();
    assert_eq!(body, b"4\r\nhalf\r\n");
}

#[test]
fn close_delimited_body_that_is_reset_ends_in_reset_or_unfinished_chunks() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\n\r\nhalf");
    let head = client.head();
    if head.is_chunked() {
        assert_eq!(client.exactly(9), b"4\r\nhalf\r\n");
        upstream.reset();
        let (rest, _) = client.rest();
        assert_eq!(rest, b"", "the last chunk would make it look complete");
    } else {
        assert_eq!(client.exactly(4), b"half");
        upstream.reset();
        assert_eq!(client.ended(), End::Reset);
    }
}

#[test]
fn close_delimited_body_that_is_reset_ends_in_reset_for_http_1_0() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\n\r\nhalf");
    client.head();
    assert_eq!(client.exactly(4), b"half");
    upstream.reset();
    assert_eq!(client.ended(), End::Reset);
}

#[test]
fn bytes_behind_a_response_are_never_part_of_the_next() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    upstream.offer("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    assert_eq!(client.response().text(), "ok");
    upstream.ended();
    client.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    site.accept().serve("clean");
    assert_eq!(client.response().text(), "clean");
}

#[test]
fn bytes_behind_a_response_to_head_are_not_its_body() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody");
    let response = client.response_to("HEAD");
    assert_eq!(response.framing, Framing::None);
    upstream.ended();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    site.accept().serve("clean");
    assert_eq!(client.response().text(), "clean");
}

#[test]
fn a_bad_response_is_not_repeated_at_an_unsafe_request() {
    let site = Setup::default().backends(2);
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    upstream.request();
    upstream.send("garbage\r\n\r\n");
    assert_eq!(client.response().status, 502);
    assert_eq!(site.backends.connections(1 - upstream.backend), 0);
}
