//! Requests that two readers could read two ways: refused, and never seen by a backend.

use crate::harness::{Client, End, Site};

/// A request that must not be answered: it hides behind the refused one.
const HIDDEN: &[u8] = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

/// The head is refused with this status, the connection closes, no backend is asked.
fn refuse_head(status: u16, head: &[u8]) {
    let site = Site::plain();
    let mut client = site.client();
    client.send([head, HIDDEN].concat());
    assert_eq!(client.refused(), status, "{}", head.escape_ascii());
    site.backends.assert_untouched();
}

/// The body breaks off as malformed: 400, and no backend ever sees it complete.
fn refuse_body(head: &str, body: &[u8]) {
    let site = Site::plain();
    let mut client = site.client();
    client.send([head.as_bytes(), body, HIDDEN].concat());
    assert_eq!(client.refused(), 400, "{}", body.escape_ascii());
    for _ in 0..site.backends.connections(0) {
        let (seen, _) = site.accept().rest();
        let text = String::from_utf8_lossy(&seen);
        assert!(!text.ends_with("\r\n0\r\n\r\n"), "a complete body went out: {text}");
        assert!(!text.contains("/hidden"), "smuggled: {text}");
    }
}

fn refuse_chunks(body: &[u8]) {
    refuse_body("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", body);
}

macro_rules! heads {
    ($($name:ident: $status:literal, $head:expr;)+) => {$(
        #[test]
        fn $name() {
            refuse_head($status, $head);
        }
    )+};
}

macro_rules! chunks {
    ($($name:ident: $body:expr;)+) => {$(
        #[test]
        fn $name() {
            refuse_chunks($body);
        }
    )+};
}

heads! {
    content_length_with_transfer_encoding: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    transfer_encoding_with_content_length: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n";
    content_length_twice_the_same: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc";
    content_length_twice_different: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc";
    content_length_as_a_list: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc";
    content_length_with_plus: 400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc";
    content_length_with_minus: 400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc";
    content_length_in_hex: 400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc";
    content_length_with_an_inner_space: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\nabc";
    content_length_empty: 400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc";
    content_length_with_junk: 400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3a\r\n\r\nabc";
    content_length_past_64_bits: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551619\r\n\r\nabc";
    transfer_coding_gzip: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n";
    transfer_coding_gzip_then_chunked: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    transfer_coding_chunked_then_gzip: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n";
    transfer_coding_chunked_twice: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n";
    transfer_encoding_in_two_fields: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    transfer_coding_identity: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n";
    transfer_coding_that_only_looks_like_chunked: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n";
    transfer_coding_with_a_parameter: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n";
    transfer_coding_after_a_vertical_tab: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n";
    transfer_encoding_on_http_1_0: 400,
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    bare_lf_after_the_request_line: 400, b"GET / HTTP/1.1\nHost: a\r\n\r\n";
    bare_lf_after_a_field: 400, b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n";
    bare_lf_as_the_empty_line: 400, b"GET / HTTP/1.1\r\nHost: a\r\n\n";
    bare_cr_in_a_value: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n";
    bare_cr_in_the_request_line: 400, b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n";
    bare_cr_in_a_name: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX\rY: b\r\n\r\n";
    folded_by_space: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n";
    folded_by_tab: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n";
    folded_before_the_first_field: 400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n";
    space_before_the_colon: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n";
    tab_before_the_colon: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n";
    space_before_the_colon_of_content_length: 400,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc";
    field_without_a_colon: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n";
    field_without_a_name: 400, b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n";
    control_byte_in_a_name: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX\x01: b\r\n\r\n";
    nul_in_a_name: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX\0Y: b\r\n\r\n";
    high_byte_in_a_name: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX\xff: b\r\n\r\n";
    separator_in_a_name: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX(Y): b\r\n\r\n";
    nul_in_a_value: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n";
    control_byte_in_a_value: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\x1bc\r\n\r\n";
    delete_byte_in_a_value: 400, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\x7fc\r\n\r\n";
    nul_in_the_target: 400, b"GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n";
    control_byte_in_the_target: 400, b"GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n";
    high_byte_in_the_target: 400, b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n";
    space_in_the_target: 400, b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n";
    two_spaces_in_the_request_line: 400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n";
    tab_in_the_request_line: 400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n";
    target_without_a_leading_slash: 400, b"GET path HTTP/1.1\r\nHost: a\r\n\r\n";
    target_with_a_fragment: 400, b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n";
    asterisk_for_get: 400, b"GET * HTTP/1.1\r\nHost: a\r\n\r\n";
    absolute_form_with_user_information: 400,
        b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n";
    absolute_form_without_a_host: 400, b"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n";
    absolute_form_of_another_scheme: 400, b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n";
    separator_in_the_method: 400, b"GE(T / HTTP/1.1\r\nHost: a\r\n\r\n";
    no_method: 400, b" / HTTP/1.1\r\nHost: a\r\n\r\n";
    host_missing: 400, b"GET / HTTP/1.1\r\nX: b\r\n\r\n";
    host_twice_the_same: 400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n";
    host_twice_different: 400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    host_empty: 400, b"GET / HTTP/1.1\r\nHost:\r\n\r\n";
    host_with_a_path: 400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n";
    host_with_user_information: 400, b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n";
    host_as_a_list: 400, b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n";
    host_with_a_junk_port: 400, b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n";
    host_with_a_port_too_large: 400, b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n";
    host_with_an_open_bracket: 400, b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n";
    connect_method: 405, b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
    version_2: 505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n";
    version_3: 505, b"GET / HTTP/3.0\r\nHost: a\r\n\r\n";
    unknown_expectation: 417,
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 3\r\n\r\nabc";
}

chunks! {
    chunk_size_not_hex: b"zz\r\nabc\r\n0\r\n\r\n";
    chunk_size_empty: b"\r\nabc\r\n0\r\n\r\n";
    chunk_size_with_a_prefix: b"0x3\r\nabc\r\n0\r\n\r\n";
    chunk_size_with_plus: b"+3\r\nabc\r\n0\r\n\r\n";
    chunk_size_negative: b"-3\r\nabc\r\n0\r\n\r\n";
    chunk_size_after_a_space: b" 3\r\nabc\r\n0\r\n\r\n";
    chunk_size_past_64_bits: b"10000000000000003\r\nabc\r\n0\r\n\r\n";
    chunk_size_of_endless_zeros: &[b'0'; 70_000];
    chunk_size_line_ends_in_bare_lf: b"3\nabc\r\n0\r\n\r\n";
    chunk_size_line_holds_bare_cr: b"3\rx\r\nabc\r\n0\r\n\r\n";
    chunk_data_longer_than_its_size: b"3\r\nabcd\r\n0\r\n\r\n";
    chunk_data_ends_in_bare_lf: b"3\r\nabc\n0\r\n\r\n";
    chunk_extension_with_bare_lf: b"3;a=b\nabc\r\n0\r\n\r\n";
    chunk_extension_with_a_control_byte: b"3;a=\x01\r\nabc\r\n0\r\n\r\n";
    last_chunk_ends_in_bare_lf: b"3\r\nabc\r\n0\n\r\n";
    trailer_without_a_colon: b"3\r\nabc\r\n0\r\nX\r\n\r\n";
    trailer_with_space_before_the_colon: b"3\r\nabc\r\n0\r\nX : b\r\n\r\n";
    trailer_folded: b"3\r\nabc\r\n0\r\nX: b\r\n c\r\n\r\n";
    trailer_with_a_control_byte: b"3\r\nabc\r\n0\r\nX: b\x01\r\n\r\n";
    trailer_ends_in_bare_lf: b"3\r\nabc\r\n0\r\nX: b\n\r\n";
}

#[test]
fn chunk_extension_too_large() {
    refuse_chunks(&[b"3;", &[b'x'; 70_000][..], b"\r\nabc\r\n0\r\n\r\n"].concat());
}

#[test]
fn chunk_extensions_too_many_in_all() {
    let chunk: &[u8] = &[b"1;", &[b'x'; 1_000][..], b"\r\na\r\n"].concat();
    refuse_chunks(&[chunk.repeat(1_000), b"0\r\n\r\n".to_vec()].concat());
}

#[test]
fn trailers_too_large() {
    let trailer: &[u8] = &[b"X: ", &[b'x'; 70_000][..], b"\r\n"].concat();
    refuse_chunks(&[b"3\r\nabc\r\n0\r\n", trailer, b"\r\n"].concat());
}

#[test]
fn trailers_too_many() {
    refuse_chunks(&[&b"3\r\nabc\r\n0\r\n"[..], &b"X: y\r\n".repeat(1_000), b"\r\n"].concat());
}

#[test]
fn a_request_without_a_version_is_no_request() {
    refuse_head(400, b"GET /\r\n\r\n");
}

#[test]
fn a_version_in_lower_case_is_refused() {
    let site = Site::plain();
    let mut client = site.client();
    client.send(b"GET / http/1.1\r\nHost: a\r\n\r\n");
    assert!(matches!(client.refused(), 400 | 505));
    site.backends.assert_untouched();
}

#[test]
fn bytes_of_tls_are_refused() {
    let site = Site::plain();
    let mut client = site.client();
    client.send([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(), &[7; 64]].concat());
    client.half_close();
    let (_, end) = client.rest();
    assert_eq!(end, End::Fin);
    site.backends.assert_untouched();
}

#[test]
fn an_empty_line_before_the_request_is_ignored() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(upstream.serve("ok").start.starts_with("GET /a "));
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_lower_case_method_is_a_method_of_its_own() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("get /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(upstream.serve("ok").start.starts_with("get /a "));
    assert_eq!(client.response().status, 200);
}

#[test]
fn high_bytes_in_a_value_pass_unchanged() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Name: J\xc3\xb6rg \xff\r\n\r\n");
    let head = upstream.serve("ok");
    let sent = b"J\xc3\xb6rg \xff\r\n";
    assert!(head.raw.windows(sent.len()).any(|window| window == sent), "{head:?}");
    assert_eq!(client.response().status, 200);
}

#[test]
fn spaces_around_a_value_are_not_part_of_it() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: \t a \t\r\nContent-Length: \t3 \r\n\r\nabc");
    let (head, body) = upstream.request();
    assert_eq!((head.get("host"), body.as_slice()), (Some("a"), &b"abc"[..]));
    upstream.ok("ok");
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_refused_request_does_not_disturb_others() {
    let site = Site::plain();
    let (mut good, mut upstream) = site.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("first");
    assert_eq!(good.response().text(), "first");
    let mut bad: Client = site.client();
    bad.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert_eq!(bad.refused(), 400);
    good.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("second");
    assert_eq!(good.response().text(), "second");
}

#[test]
fn requests_before_a_malformed_one_are_answered_first() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
    upstream.serve("first");
    assert_eq!(client.response().text(), "first");
    assert_eq!(client.refused(), 400);
}
