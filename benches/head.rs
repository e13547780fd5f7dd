//! What reading a head costs: finding its end, parsing it, and understanding it.
//!
//! `small` is what a program sends, `browser` what a browser sends, `dribbled` a browser's head that
//! arrives one byte at a time (it must cost its length, not its length squared).

use std::hint::black_box;
use std::mem::MaybeUninit;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pulsegate::config::{EscapedSlash, PathOptions};
use pulsegate::l7::client::parse_response;
use pulsegate::l7::http1::{HeadScan, facts, parse_request};
use pulsegate::table::{normalise_host, normalise_path};

const SMALL: &str =
    "GET /api/v1/items?id=42 HTTP/1.1\r\nHost: api.example.com\r\nAccept: */*\r\n\r\n";

const BROWSER: &str = "GET /shop/catalogue/shoes?colour=red&size=42&page=3 HTTP/1.1\r\n\
    Host: www.example.com\r\nConnection: keep-alive\r\nCache-Control: max-age=0\r\n\
    Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 \
    (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,\
    application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nSec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n\
    Referer: https://www.example.com/shop/catalogue\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nCookie: session=0123456789abcdef0123456789abcdef; \
    theme=dark; consent=yes\r\nIf-None-Match: \"5f3c-61a2b\"\r\n\r\n";

const RESPONSE: &str = "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 03:00:00 GMT\r\nServer: app\r\n\
    Content-Type: application/json\r\nContent-Length: 128\r\nCache-Control: no-store\r\n\r\n";

const PATHS: PathOptions =
    PathOptions { escaped_slash: EscapedSlash::Keep, merge_slashes: true, reject_backslash: true };

/// Finds, parses and understands a request head.
fn read(head: &[u8]) -> bool {
    let mut scan = HeadScan::default();
    let Ok(Some(end)) = scan.find_end(head) else { return false };
    let mut room = [const { MaybeUninit::uninit() }; 100];
    parse_request(&head[..end], &mut room).is_ok_and(|request| facts(&request).is_ok())
}

fn dribble(head: &[u8]) -> usize {
    let mut scan = HeadScan::default();
    (0..=head.len()).filter(|end| matches!(scan.find_end(&head[..*end]), Ok(Some(_)))).count()
}

fn heads(c: &mut Criterion) {
    let mut group = c.benchmark_group("head");
    for (name, head) in [("small", SMALL), ("browser", BROWSER)] {
        assert!(read(head.as_bytes()));
        group.throughput(Throughput::Bytes(head.len() as u64));
        group.bench_function(name, |b| b.iter(|| read(black_box(head.as_bytes()))));
    }
    assert_eq!(dribble(BROWSER.as_bytes()), 1);
    group.bench_function("dribbled", |b| b.iter(|| dribble(black_box(BROWSER.as_bytes()))));
    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    group.bench_function("response", |b| {
        b.iter(|| {
            let mut room = [const { MaybeUninit::uninit() }; 100];
            parse_response(black_box(RESPONSE.as_bytes()), &mut room).is_ok()
        });
    });
    group.finish();
}

fn names(c: &mut Criterion) {
    let mut out = String::new();
    c.bench_function("normalise/host", |b| {
        b.iter(|| normalise_host(black_box(b"WWW.Example.com:8080"), &mut out).is_ok());
    });
    for (name, path) in [("plain", "/shop/catalogue/shoes"), ("dots", "/shop/./x/../%63atalogue")] {
        c.bench_function(&format!("normalise/path/{name}"), |b| {
            b.iter(|| normalise_path(black_box(path), PATHS, &mut out).is_ok());
        });
    }
}

criterion_group!(benches, heads, names);
criterion_main!(benches);
