//! A request in steady state allocates nothing.
//!
//! The whole balancer runs in this process under a counting allocator; client and backend are
//! plain threads with fixed buffers. Control's ticks allocate a little now and then, so the
//! assertion is on allocations *per request*: any allocation on the path would count at least one.

#![expect(clippy::unwrap_used, reason = "a harness that cannot go on fails its test")]

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pulsegate::app::Instance;
use pulsegate::config::{Config, Loaded};
use pulsegate::control::Fresh;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const REQUESTS: usize = 20_000;
const REQUEST: &[u8] = b"GET /some/path?query HTTP/1.1\r\nHost: example.com\r\n\
    User-Agent: test\r\nAccept: */*\r\nCookie: a=b\r\n\r\n";
const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n\r\n\
    0123456789abcdef";

/// Answers each head with [`RESPONSE`], on as many connections as come.
fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || answer(stream.unwrap()));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    let mut filled = 0;
    while let Ok(n @ 1..) = stream.read(&mut buffer[filled..]) {
        filled += n;
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            filled = 0;
            if stream.write_all(RESPONSE).is_err() {
                return;
            }
        }
    }
}

fn start(backend: SocketAddr, access_log: &str, pool: &str) -> Instance {
    let text = format!(
        "version: 1\nworkers: 1\nadmin: {{ socket: off }}\n\
         listeners: {{ web: {{ bind: 127.0.0.1:0, protocol: http, access_log: {access_log}, pool: site }} }}\n\
         pools: {{ site: {{ backends: [ {backend} ], health: off, {pool} }} }}\n"
    );
    let Loaded { config, .. } = Config::parse(&text, None).unwrap();
    let again = config.clone();
    let load = move || Ok(Fresh { config: again.clone(), warnings: Vec::new() });
    Instance::start(config, Arc::new(load)).unwrap()
}

/// Sends one request and reads its response.
fn exchange(client: &mut TcpStream, buffer: &mut [u8]) {
    client.write_all(REQUEST).unwrap();
    let mut filled = 0;
    while !buffer[..filled].ends_with(b"0123456789abcdef") {
        let n = client.read(&mut buffer[filled..]).unwrap();
        assert!(n > 0, "closed after {:?}", buffer[..filled].escape_ascii().to_string());
        filled += n;
    }
    assert!(buffer.starts_with(b"HTTP/1.1 200 "));
}

fn allocations_per_request(access_log: &str, pool: &str) -> f64 {
    let instance = start(backend(), access_log, pool);
    let (_, address) = instance.listeners()[0];
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut buffer = [0; 4096];
    for _ in 0..1_000 {
        exchange(&mut client, &mut buffer);
    }
    let region = Region::new(ALLOCATOR);
    for _ in 0..REQUESTS {
        exchange(&mut client, &mut buffer);
    }
    let change = region.change();
    instance.stop(std::future::ready(()));
    (change.allocations + change.reallocations) as f64 / REQUESTS as f64
}

#[test]
fn a_request_in_steady_state_allocates_nothing() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let logged = format!("{{ path: {} }}", log.path().display());
    let protected =
        "breaker: on, limits: { concurrent: 100 }, shed: { concurrent: 90, adaptive: on }";
    for (access_log, pool) in [("off", ""), (&logged, ""), ("off", protected)] {
        let count = allocations_per_request(access_log, pool);
        assert!(count < 0.1, "{count} allocations per request with {access_log} and {pool}");
    }
}
