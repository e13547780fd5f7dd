//! The rules of RFC 9113, frame by frame: who breaks one is told so, and no backend hears of it.
//!
//! Where the RFC has a narrower code, the frame layer may say `PROTOCOL_ERROR`, and where it would end a
//! stream, the frame layer may end the connection; either is allowed (§5.4, §7) and as safe.

use crate::harness::{Frames, Setup, Site, kind};

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const FRAME_SIZE_ERROR: u32 = 6;

const METHOD: (&str, &str) = (":method", "GET");
const SCHEME: (&str, &str) = (":scheme", "http");
const PATH: (&str, &str) = (":path", "/");
const HOST: (&str, &str) = (":authority", "a.test");

fn connect(site: &Site) -> Frames {
    Frames::connect(site.proxy.address("web"))
}

/// Cases that end the connection, by the error they end it with.
macro_rules! ends_the_connection {
    ($($name:ident: $code:expr, $play:expr;)+) => {$(
        #[test]
        fn $name() {
            let site = Site::plain();
            let mut client = connect(&site);
            let play: fn(&mut Frames) = $play;
            play(&mut client);
            assert_eq!(client.connection_error(), $code);
            client.rest();
            site.backends.assert_untouched();
        }
    )+};
}

ends_the_connection! {
    data_of_no_stream: PROTOCOL_ERROR, |c| c.frame(kind::DATA, 1, 0, b"x");
    data_of_an_idle_stream: PROTOCOL_ERROR, |c| c.data(1, b"x", true);
    a_head_of_no_stream: PROTOCOL_ERROR, |c| c.get(0);
    a_head_of_an_even_stream: PROTOCOL_ERROR, |c| c.get(2);
    a_reset_of_no_stream: PROTOCOL_ERROR, |c| c.reset_stream(0);
    a_reset_of_an_idle_stream: PROTOCOL_ERROR, |c| c.reset_stream(1);
    a_reset_of_the_wrong_size: PROTOCOL_ERROR, |c| c.frame(kind::RST_STREAM, 0, 1, b"abc");
    settings_of_a_stream: PROTOCOL_ERROR, |c| c.frame(kind::SETTINGS, 0, 1, &[]);
    settings_of_the_wrong_size: PROTOCOL_ERROR, |c| c.frame(kind::SETTINGS, 0, 0, b"abcde");
    an_acknowledgement_that_says_more: PROTOCOL_ERROR,
        |c| c.frame(kind::SETTINGS, 1, 0, &[0, 3, 0, 0, 0, 1]);
    a_push_setting_beyond_one: PROTOCOL_ERROR,
        |c| c.frame(kind::SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2]);
    a_window_setting_beyond_its_maximum: PROTOCOL_ERROR,
        |c| c.frame(kind::SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0]);
    a_frame_size_setting_below_its_minimum: PROTOCOL_ERROR,
        |c| c.frame(kind::SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1]);
    a_ping_of_a_stream: PROTOCOL_ERROR, |c| c.frame(kind::PING, 0, 1, &[0; 8]);
    a_ping_of_the_wrong_size: PROTOCOL_ERROR, |c| c.frame(kind::PING, 0, 0, &[0; 7]);
    a_goaway_of_a_stream: PROTOCOL_ERROR, |c| c.frame(kind::GOAWAY, 0, 1, &[0; 8]);
    a_promise_of_a_client: PROTOCOL_ERROR, |c| c.frame(kind::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2]);
    a_window_that_grows_by_nothing: PROTOCOL_ERROR, |c| c.open_window(0, 0);
    a_window_beyond_its_maximum: FLOW_CONTROL_ERROR, |c| c.open_window(0, 0x7fff_ffff);
    a_window_of_the_wrong_size: PROTOCOL_ERROR, |c| c.frame(kind::WINDOW_UPDATE, 0, 0, b"abc");
    a_continuation_of_nothing: PROTOCOL_ERROR, |c| c.frame(kind::CONTINUATION, 4, 1, &[]);
    a_head_that_another_frame_interrupts: PROTOCOL_ERROR, |c| {
        c.frame(kind::HEADERS, 1, 1, &[]);
        c.frame(kind::PING, 0, 0, &[0; 8]);
    };
    a_head_that_another_stream_interrupts: PROTOCOL_ERROR, |c| {
        c.frame(kind::HEADERS, 1, 1, &[]);
        c.get(3);
    };
    padding_beyond_the_frame: PROTOCOL_ERROR, |c| c.frame(kind::HEADERS, 1 | 4 | 8, 1, &[9, 0x82]);
    a_frame_beyond_the_maximum: FRAME_SIZE_ERROR,
        |c| c.frame(kind::DATA, 0, 1, &[0; 16 * 1024 + 1]);
    a_block_that_is_no_compression: PROTOCOL_ERROR,
        |c| c.frame(kind::HEADERS, 1 | 4, 1, &[0xff, 0xff, 0xff, 0xff, 0xff]);
    a_block_that_breaks_off: PROTOCOL_ERROR,
        |c| c.frame(kind::HEADERS, 1 | 4, 1, &[0, 5, b'a']);
    an_entry_that_no_table_has: PROTOCOL_ERROR, |c| c.frame(kind::HEADERS, 1 | 4, 1, &[0xfe]);
    an_unknown_pseudo_header: PROTOCOL_ERROR, |c| c.request(1, "GET", &[(":x", "y")], true);
    capitals_in_a_name: PROTOCOL_ERROR, |c| c.request(1, "GET", &[("X-A", "b")], true);
    a_space_in_a_name: PROTOCOL_ERROR, |c| c.request(1, "GET", &[("x a", "b")], true);
    a_colon_in_a_name: PROTOCOL_ERROR, |c| c.request(1, "GET", &[("x:a", "b")], true);
    a_newline_in_a_name: PROTOCOL_ERROR, |c| c.request(1, "GET", &[("x-a: b\r\nx-b", "c")], true);
    a_newline_in_a_value: PROTOCOL_ERROR,
        |c| c.request(1, "GET", &[("x-a", "b\r\ntransfer-encoding: chunked")], true);
    a_bare_newline_in_a_value: PROTOCOL_ERROR, |c| c.request(1, "GET", &[("x-a", "b\nc")], true);
    a_zero_in_a_value: PROTOCOL_ERROR, |c| c.request(1, "GET", &[("x-a", "b\0c")], true);
    a_newline_in_the_method: PROTOCOL_ERROR, |c| {
        c.head(1, &[(":method", "GET / HTTP/1.1\r\nx: "), SCHEME, PATH, HOST], true);
    };
}

#[test]
fn a_stream_that_was_passed_over_cannot_be_opened() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.get(5);
    site.accept().serve("five");
    assert_eq!(client.answer(5), (200, "five".to_owned()));
    client.get(3);
    assert_eq!(client.connection_error(), PROTOCOL_ERROR);
}

#[test]
fn a_stream_that_has_ended_takes_no_data() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.get(1);
    client.data(1, b"more", true);
    assert_eq!(client.connection_error(), PROTOCOL_ERROR);
}

/// Cases that end a stream, by the error they end it with, but not the connection.
macro_rules! ends_the_stream {
    ($($name:ident: $code:expr, $play:expr;)+) => {$(
        #[test]
        fn $name() {
            let site = Site::plain();
            let mut client = connect(&site);
            let play: fn(&mut Frames) = $play;
            play(&mut client);
            assert_eq!(client.stream_error(1), $code);
            client.get(3);
            site.accept().serve("well");
            assert_eq!(client.answer(3), (200, "well".to_owned()));
            assert_eq!(site.backends.connections(0), 1);
        }
    )+};
}

ends_the_stream! {
    no_method: PROTOCOL_ERROR, |c| c.head(1, &[SCHEME, PATH, HOST], true);
    no_scheme: PROTOCOL_ERROR, |c| c.head(1, &[METHOD, PATH, HOST], true);
    an_empty_path: PROTOCOL_ERROR, |c| c.head(1, &[METHOD, SCHEME, (":path", ""), HOST], true);
    a_path_that_is_none: PROTOCOL_ERROR, |c| c.head(1, &[METHOD, SCHEME, (":path", "a"), HOST], true);
    two_paths: PROTOCOL_ERROR, |c| c.head(1, &[METHOD, SCHEME, PATH, PATH, HOST], true);
    two_methods: PROTOCOL_ERROR, |c| c.head(1, &[METHOD, METHOD, SCHEME, PATH, HOST], true);
    two_authorities: PROTOCOL_ERROR, |c| c.head(1, &[METHOD, SCHEME, PATH, HOST, HOST], true);
    a_status_in_a_request: PROTOCOL_ERROR, |c| c.request(1, "GET", &[(":status", "200")], true);
    a_pseudo_header_after_a_field: PROTOCOL_ERROR,
        |c| c.head(1, &[METHOD, SCHEME, PATH, ("x-a", "b"), HOST], true);
    a_protocol_without_connect: PROTOCOL_ERROR,
        |c| c.request(1, "GET", &[(":protocol", "websocket")], false);
    a_newline_in_the_path: PROTOCOL_ERROR, |c| {
        c.head(1, &[METHOD, SCHEME, (":path", "/ HTTP/1.1\r\nhost: b\r\n\r\n"), HOST], true);
    };
    a_space_in_the_path: PROTOCOL_ERROR,
        |c| c.head(1, &[METHOD, SCHEME, (":path", "/a HTTP/1.1"), HOST], true);
    a_newline_in_the_authority: PROTOCOL_ERROR,
        |c| c.head(1, &[METHOD, SCHEME, PATH, (":authority", "a\r\nx: y")], true);
    a_connection_header: PROTOCOL_ERROR, |c| c.request(1, "GET", &[("connection", "close")], true);
    a_keep_alive_header: PROTOCOL_ERROR, |c| c.request(1, "GET", &[("keep-alive", "5")], true);
    a_proxy_connection_header: PROTOCOL_ERROR,
        |c| c.request(1, "GET", &[("proxy-connection", "close")], true);
    a_transfer_encoding: PROTOCOL_ERROR,
        |c| c.request(1, "POST", &[("transfer-encoding", "chunked")], false);
    an_upgrade: PROTOCOL_ERROR, |c| c.request(1, "GET", &[("upgrade", "h2c")], true);
    a_te_beyond_trailers: PROTOCOL_ERROR, |c| c.request(1, "GET", &[("te", "gzip")], true);
}

/// Heads that are well-formed for HTTP/2 and still say what HTTP/1.1 could not, by the status they are
/// answered with.
macro_rules! is_answered {
    ($($name:ident: $status:expr, $method:expr, $path:expr, $host:expr, $more:expr;)+) => {$(
        #[test]
        fn $name() {
            let site = Site::plain();
            let mut client = connect(&site);
            let usual = [(":method", $method), SCHEME, (":path", $path), (":authority", $host)];
            let more: &[(&str, &str)] = &$more;
            client.head(1, &[&usual, more].concat(), true);
            assert_eq!(client.answer(1).0, $status);
            site.backends.assert_untouched();
        }
    )+};
}

is_answered! {
    a_host_that_is_not_the_authority: 400, "GET", "/", "a", [("host", "b")];
    two_hosts: 400, "GET", "/", "a", [("host", "a"), ("host", "a")];
    an_authority_with_a_user: 400, "GET", "/", "user@a", [];
    a_path_that_climbs_out: 400, "GET", "/../a", "a", [];
    an_asterisk_of_get: 400, "GET", "*", "a", [];
    a_value_that_begins_blank: 400, "GET", "/", "a", [("x-a", " b")];
    a_value_that_ends_blank: 400, "GET", "/", "a", [("x-a", "b\t")];
    two_lengths: 400, "POST", "/", "a", [("content-length", "0"), ("content-length", "0")];
    an_expectation_of_more: 417, "POST", "/", "a", [("expect", "x")];
}

#[test]
fn connect_is_405() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.head(1, &[(":method", "CONNECT"), HOST], true);
    assert_eq!(client.answer(1).0, 405);
    site.backends.assert_untouched();
}

#[test]
fn no_authority_at_all_is_400() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.head(1, &[METHOD, SCHEME, PATH], true);
    assert_eq!(client.answer(1).0, 400);
}

#[test]
fn too_many_fields_are_431() {
    let site = Setup::default().listener("limits: { headers: 10 }").start();
    let mut client = connect(&site);
    client.request(1, "GET", &[("x-a", "b"); 11], true);
    assert_eq!(client.answer(1).0, 431);
    site.backends.assert_untouched();
}

#[test]
fn too_large_a_head_is_431() {
    let site = Setup::default().listener("limits: { head_bytes: 1KiB }").start();
    let mut client = connect(&site);
    client.request(1, "GET", &[("x-a", &"b".repeat(2000))], true);
    let head = client.next();
    assert_eq!((head.kind, head.status()), (kind::HEADERS, 431));
    site.backends.assert_untouched();
}

/// More or less of a body than its head said never reaches a backend as a whole request.
#[test]
fn a_body_of_another_length_is_none() {
    for (said, sent) in [("3", "four"), ("5", "four")] {
        let site = Site::plain();
        let mut client = connect(&site);
        client.request(1, "POST", &[("content-length", said)], false);
        client.data(1, sent.as_bytes(), true);
        assert_eq!(client.stream_error(1), PROTOCOL_ERROR, "{said}");
        client.get(3);
        loop {
            let mut upstream = site.accept();
            // The first may have been begun; what came of it was not all.
            if upstream.until(b"\r\n\r\n").is_some_and(|head| head.starts_with(b"GET")) {
                upstream.ok("well");
                break;
            }
            upstream.rest();
        }
        assert_eq!(client.answer(3), (200, "well".to_owned()));
    }
}

#[test]
fn what_is_unknown_is_ignored() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.frame(99, 0xff, 0, b"what is this?");
    client.frame(kind::SETTINGS, 0, 0, &[0xff, 0xff, 0, 0, 0, 1]);
    client.frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 0, 16]);
    client.get(1);
    site.accept().serve("well");
    assert_eq!(client.answer(1), (200, "well".to_owned()));
}

#[test]
fn a_ping_is_answered() {
    let site = Site::plain();
    let mut client = connect(&site);
    client.frame(kind::PING, 0, 0, b"marshals");
    loop {
        let frame = client.any();
        if frame.kind == kind::PING {
            assert_eq!((frame.flags, &*frame.payload), (1, &b"marshals"[..]));
            return;
        }
    }
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    const REFUSED_STREAM: u32 = 7;
    let site = Setup::default().listener("http2: { max_streams: 2 }").start();
    let mut client = connect(&site);
    client.get(1);
    client.get(3);
    let mut held = [site.accept(), site.accept()];
    held.iter_mut().for_each(|upstream| drop(upstream.head()));
    client.get(5);
    assert_eq!(client.stream_error(5), REFUSED_STREAM);
    held[0].ok("done");
    let _ = client.next();
}
