//! PROXY protocol headers, in and out: who is believed, and what backends are told.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::access_log::line;
use crate::harness::{Client, End, Setup, Site, until};

const LINE: &str = "PROXY TCP4 192.0.2.7 192.0.2.1 40312 443\r\n";

/// The same, in binary, with a server name.
fn binary(name: &str) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    header.extend((12 + 3 + name.len() as u16).to_be_bytes());
    header.extend([192, 0, 2, 7, 192, 0, 2, 1, 0x9d, 0x78, 0x01, 0xbb]);
    header.extend([2, 0, name.len() as u8]);
    header.extend(name.as_bytes());
    header
}

fn expecting(setup: Setup, terms: &str) -> Setup {
    setup
        .listener("access_log: { path: access.log }")
        .listener(&format!("proxy_protocol: {{ {terms} }}"))
}

fn refused(site: &Site, reason: &str, times: u32) -> bool {
    let text = Client::connect(site.proxy.admin()).admin("/metrics").text();
    text.contains(&format!("pulsegate_bad_proxy_headers_total{{reason=\"{reason}\"}} {times}\n"))
}

#[test]
fn the_client_is_who_a_trusted_proxy_says_it_is() {
    for header in [LINE.as_bytes().to_vec(), binary("a.example")] {
        let site = expecting(Setup::tcp(), "from: 127.0.0.1").start();
        let mut client = site.client();
        // In two parts, and the client's own bytes right behind.
        client.send(&header[..9]);
        client.send([&header[9..], b"hello"].concat());
        let mut upstream = site.accept();
        assert_eq!(upstream.exactly(5), b"hello", "the header is not the backend's");
        client.half_close();
        upstream.half_close();
        assert_eq!(client.ended(), End::Fin);
        let line = line(&site, "access.log", 0);
        assert_eq!((&line["client"], &line["client_port"]), (&"192.0.2.7".into(), &40312.into()));
    }
}

#[test]
fn an_http_request_comes_from_who_the_proxy_says() {
    let site = expecting(Setup::default(), "from: 127.0.0.0/8").start();
    let mut client = site.client();
    client.send(format!("{LINE}GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    let head = site.accept().serve("ok");
    assert_eq!(head.get("x-forwarded-for"), Some("192.0.2.7"));
    assert_eq!(client.response().status, 200);
    // The header is the connection's, not the request's.
    assert_eq!(client.ask(format!("{LINE}GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status, 400);
}

#[test]
fn whoever_may_not_send_a_header_and_does_is_closed_counted_and_logged_once() {
    for mode in ["required", "optional"] {
        let site = expecting(Setup::tcp(), &format!("mode: {mode}, from: 10.0.0.0/8")).start();
        let address = site.proxy.address("web");
        for n in 1..=2 {
            // Where a header is required the reset may be faster than the connection.
            let sent = TcpStream::connect(address).and_then(|mut it| {
                it.write_all(LINE.as_bytes())?;
                it.read(&mut [0])
            });
            assert!(sent.is_err(), "{mode}: {sent:?}");
            until("the refusal", || refused(&site, "untrusted", n).then_some(()));
        }
        site.backends.assert_untouched();
        assert_eq!(site.proxy.said("a PROXY protocol header is refused"), 1, "{mode}");
    }
}

#[test]
fn what_is_malformed_missing_or_late_is_closed_and_counted_by_reason() {
    for (bytes, reason) in [
        ("PROXY TCP4 192.0.2.7 192.0.2.1 40312\r\n", "line"),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 40312 65536\r\n", "address"),
        ("PROXY SCTP 192.0.2.7 192.0.2.1 40312 443\r\n", "family"),
        ("\r\n\r\n\0\r\nQUIT\n\x11\x11\0\0", "version"),
        ("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\0", "address"),
        ("GET / HTTP/1.1\r\n\r\n", "missing"),
        ("PROXY TCP4 192.0.2.7", "late"),
        ("", "late"),
    ] {
        let site = expecting(Setup::tcp(), "from: 127.0.0.1, timeout: 100ms").start();
        let mut client = site.client();
        client.offer(bytes);
        assert_eq!(client.ended(), End::Reset, "{bytes:?}");
        assert!(refused(&site, reason, 1), "{bytes:?} is {reason}");
        site.backends.assert_untouched();
    }
}

#[test]
fn an_optional_header_may_be_left_out_also_by_who_waits_for_the_server() {
    let terms = "mode: optional, from: 127.0.0.1, timeout: 100ms";
    let site = expecting(Setup::tcp(), terms).start();
    let (_client, mut upstream) = site.send("hello");
    assert_eq!(upstream.exactly(5), b"hello");
    let mut silent = site.client();
    site.accept().send("220 ready");
    assert_eq!(silent.exactly(9), b"220 ready");
}

#[test]
fn an_optional_header_that_was_begun_is_not_forwarded_in_part() {
    for (from, reason) in [("127.0.0.1", "late"), ("10.0.0.0/8", "untrusted")] {
        let terms = format!("mode: optional, from: {from}, timeout: 100ms");
        let site = expecting(Setup::tcp(), &terms).start();
        let mut client = site.client();
        client.offer("PROXY TCP4 192.0");
        assert_eq!(client.ended(), End::Reset, "{from}");
        assert!(refused(&site, reason, 1), "{from}");
        site.backends.assert_untouched();
    }
}

#[test]
fn a_backend_is_told_who_the_client_is() {
    let site = Setup::tcp().pool("proxy_protocol: v1").start();
    let (client, mut upstream) = site.send("hello");
    let (from, to) = (client.local().port(), site.proxy.address("web").port());
    assert_eq!(upstream.line(), format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {to}"));
    assert_eq!(upstream.exactly(5), b"hello");
}

#[test]
fn what_a_proxy_in_front_said_is_passed_on_whole() {
    let site = expecting(Setup::tcp(), "from: 127.0.0.1").pool("proxy_protocol: v2").start();
    let mut client = site.client();
    client.send(binary("a.example"));
    let mut upstream = site.accept();
    let header = binary("a.example");
    assert_eq!(upstream.exactly(header.len()), header);
}

#[test]
fn a_header_that_waits_counts_against_the_limit_of_connections() {
    let site = expecting(Setup::tcp(), "from: 127.0.0.1, timeout: 1h")
        .listener("limits: { connections: 1 }")
        .start();
    let _waiting = site.client();
    let status = || {
        let text = Client::connect(site.proxy.admin()).admin("/metrics").text();
        let line = text.lines().find(|line| line.starts_with("pulsegate_connections{"));
        line.map(str::to_owned).unwrap_or_default()
    };
    until("the connection", || status().ends_with(" 1").then_some(()));
}

#[test]
fn a_header_that_breaks_off_ends_the_connection_and_nobody_elses() {
    let site = expecting(Setup::tcp(), "from: 127.0.0.1, timeout: 1h").start();
    let mut client = site.client();
    client.send("PROXY TCP4 192.0.2.7");
    client.half_close();
    client.ended();
    site.backends.assert_untouched();
    let (_other, mut upstream) = site.send(format!("{LINE}hello"));
    assert_eq!(upstream.exactly(5), b"hello");
}
