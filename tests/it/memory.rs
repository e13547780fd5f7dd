//! A ceiling on the memory for buffers: back-pressure first, then refusals, and back again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::harness::{Client, PATIENCE, Pulsegate, Setup, until};

/// Answers `/endless` with a body that never ends, and everything else with `ok`.
fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
    let address = listener.local_addr().expect("a bound socket");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(&stream));
        }
    });
    address
}

fn answer(mut stream: &TcpStream) -> Option<()> {
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut start, mut line) = (String::new(), String::new());
        reader.read_line(&mut start).ok().filter(|n| *n > 0)?;
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        }
        if start.starts_with("GET /endless ") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n").ok()?;
            let piece = vec![b'x'; 64 * 1024];
            loop {
                stream.write_all(&piece).ok()?;
            }
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").ok()?;
    }
}

fn metric(proxy: &Pulsegate, sample: &str) -> f64 {
    let text = Client::connect(proxy.admin()).admin("/metrics").text();
    let value = text.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{sample} in {text}"))
}

#[test]
fn when_buffers_are_used_up_newcomers_wait_requests_get_503_and_all_ends_well() {
    let setup = Setup::default().top("limits: { buffers: 1MiB }");
    let proxy = setup.over_addresses(&[backend()]);
    let web = proxy.address("web");
    let mut clients: Vec<Client> = (0..60).map(|_| Client::connect(web)).collect();
    assert!(clients.iter_mut().all(|client| client.get("/").status == 200));
    let mut taking_nothing = Vec::new();
    let refused = until("a refusal", || {
        let mut client = clients.pop().expect("one of sixty is refused");
        client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = client.head();
        if head.start.starts_with("HTTP/1.1 503 ") {
            return Some(head);
        }
        taking_nothing.push(client);
        None
    });
    assert!(refused.has("retry-after"), "{refused:?}");
    assert!(metric(&proxy, "pulsegate_exchanges_total{ended=\"no_memory\"}") >= 1.0);
    assert_eq!(metric(&proxy, "pulsegate_buffer_bytes_max"), 1024.0 * 1024.0);
    until("the use to be told", || {
        let used = metric(&proxy, "pulsegate_buffer_bytes ");
        (0.9 * 1024.0 * 1024.0..1.1 * 1024.0 * 1024.0).contains(&used).then_some(())
    });
    let mut late = Client::connect(web);
    late.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let paused =
        "pulsegate_accept_pauses_total{listener=\"web\",address=\"127.0.0.1:0\",reason=\"memory\"}";
    until("the pause", || (metric(&proxy, paused) >= 1.0).then_some(()));
    drop(taking_nothing);
    assert_eq!(late.response().status, 200);
    let mut known = clients.pop().expect("not all were needed");
    assert_eq!(known.get("/").status, 200);
}
