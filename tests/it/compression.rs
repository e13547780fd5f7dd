//! Compression on the wire: what is compressed, what is left alone, and that nothing is held back.

use std::io::{Read as _, Write as _};

use flate2::write::GzDecoder;

use crate::harness::{Client, Frames, Setup, Site};

const HTML: &str = "Content-Type: text/html";

fn compressing(more: &str) -> Site {
    Setup::default().route(&format!("{{ pool: site, compress: on{more} }}")).start()
}

fn page() -> String {
    "a page that repeats itself, again and again\n".repeat(100)
}

fn ask(accepts: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {accepts}\r\n\r\n")
}

fn answer(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn chunked(fields: &str, pieces: &[&str]) -> String {
    let pieces: String =
        pieces.iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect();
    format!("HTTP/1.1 200 OK\r\n{fields}\r\nTransfer-Encoding: chunked\r\n\r\n{pieces}0\r\n\r\n")
}

fn decoded(coding: &str, bytes: &[u8]) -> String {
    let mut text = String::new();
    let read = match coding {
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_string(&mut text),
        "br" => brotli::Decompressor::new(bytes, 4096).read_to_string(&mut text),
        "zstd" => {
            zstd::stream::read::Decoder::new(bytes).expect("begins").read_to_string(&mut text)
        }
        other => panic!("{other}"),
    };
    read.unwrap_or_else(|error| panic!("{coding}: {error}"));
    text
}

#[test]
fn a_page_comes_in_the_coding_that_its_client_prefers() {
    for (accepts, coding) in [("gzip", "gzip"), ("br, gzip;q=0.5", "br"), ("*", "zstd")] {
        let site = compressing("");
        let (mut client, mut upstream) = site.send(ask(accepts));
        upstream.head();
        upstream.send(answer(&format!("{HTML}\r\nETag: \"v1\"\r\nAccept-Ranges: bytes"), &page()));
        let response = client.response();
        assert_eq!(response.head.get("content-encoding"), Some(coding));
        assert_eq!(response.head.get("etag"), Some("W/\"v1\""));
        assert!(response.head.lists("vary", "accept-encoding"), "{:?}", response.head);
        assert!(response.head.is_chunked() && !response.head.has("content-length"));
        assert!(!response.head.has("accept-ranges"), "{:?}", response.head);
        assert_eq!(decoded(coding, &response.body), page());
        assert!(response.body.len() * 4 < page().len());
        // Both connections are good for the next request.
        client.send(ask(accepts));
        upstream.head();
        upstream.send(answer(HTML, "short"));
        assert_eq!(client.response().text(), "short");
    }
}

#[test]
fn what_is_not_to_be_compressed_passes_as_it_is() {
    let site = compressing("");
    let long = page();
    let cases: [(&str, String, bool); 7] = [
        ("gzip", answer(HTML, "short"), true),
        ("identity", answer(HTML, &long), true),
        ("gzip", answer("Content-Type: image/png", &long), false),
        ("gzip", answer(&format!("{HTML}\r\nContent-Encoding: br"), &long), false),
        ("gzip", answer(&format!("{HTML}\r\nCache-Control: no-transform"), &long), false),
        ("gzip", chunked("Content-Type: text/event-stream", &["data: x\n\n"]), false),
        ("gzip", answer("X-None: 1", &long), false),
    ];
    for (accepts, answer, varies) in cases {
        let (mut client, mut upstream) = site.send(ask(accepts));
        upstream.head();
        upstream.send(&answer);
        let response = client.response();
        let head = &response.head;
        assert_eq!(head.lists("vary", "accept-encoding"), varies, "{head:?}");
        assert_ne!(head.get("content-encoding"), Some("gzip"), "{head:?}");
        assert!(answer.contains(&response.text()), "{head:?}");
    }
}

#[test]
fn http_1_0_and_a_head_get_no_coded_body() {
    let site = compressing("");
    let (mut client, mut upstream) =
        site.send("GET / HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    upstream.head();
    upstream.send(answer(HTML, &page()));
    assert_eq!(client.response().text(), page());
    let mut client = site.client();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    upstream.head();
    upstream.send(format!("HTTP/1.1 200 OK\r\n{HTML}\r\nContent-Length: 5000\r\n\r\n"));
    let response = client.response_to("HEAD");
    assert_eq!(response.head.get("content-encoding"), Some("gzip"));
    assert!(!response.head.has("content-length"), "{:?}", response.head);
}

#[test]
fn each_piece_is_sent_before_the_next_is_waited_for() {
    let site = compressing("");
    let (mut client, mut upstream) = site.send(ask("gzip"));
    upstream.head();
    upstream.send(format!("HTTP/1.1 200 OK\r\n{HTML}\r\nTransfer-Encoding: chunked\r\n\r\n"));
    client.head();
    let mut decoder = GzDecoder::new(Vec::new());
    for piece in ["first", "second"] {
        upstream.send(format!("{:x}\r\n{piece}\r\n", piece.len()));
        while !decoder.get_ref().ends_with(piece.as_bytes()) {
            decoder.write_all(&client.chunk().expect("a chunk")).expect("gzip");
            decoder.flush().expect("gzip");
        }
    }
}

#[test]
fn a_body_that_breaks_off_is_not_ended_well() {
    let site = compressing("");
    let (mut client, mut upstream) = site.send(ask("gzip"));
    upstream.head();
    upstream.send(format!("HTTP/1.1 200 OK\r\n{HTML}\r\nContent-Length: 5000\r\n\r\nbegun"));
    client.head();
    drop(upstream);
    let (rest, _) = client.rest();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{rest:?}");
}

#[test]
fn over_http2() {
    let site = compressing("");
    let mut client = Frames::connect(site.proxy.address("web"));
    client.request(1, "GET", &[("accept-encoding", "br")], true);
    let mut upstream = site.accept();
    upstream.head();
    upstream.send(chunked(HTML, &[&page(), &page()]));
    let (status, body) = client.answer_bytes(1);
    assert_eq!((status, decoded("br", &body)), (200, page() + &page()));
}

#[test]
fn metrics_count_by_coding() {
    let site = compressing("");
    let (mut client, mut upstream) = site.send(ask("zstd"));
    upstream.head();
    upstream.send(answer(HTML, &page()));
    client.response();
    let metrics = Client::connect(site.proxy.admin()).admin("/metrics").text();
    let line = "pulsegate_compressed_responses_total{coding=\"zstd\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}
