//! Only so many at once: who waits, who is refused, and who goes next.

use serde_json::Value;

use crate::harness::{Client, Setup, Site, pulsegate, until};

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

fn setup() -> Setup {
    Setup::default().listener("access_log: { path: access.log }")
}

/// Requests and connections that wait for a place in the pool.
fn waiting(site: &Site) -> usize {
    let text = Client::connect(site.proxy.admin()).admin("/status").text();
    let status: Value = serde_json::from_str(&text).expect("JSON");
    let waiting = status["pools"][0]["protections"]["queue"]["waiting"].as_u64();
    waiting.expect("a number") as usize
}

/// The log's line number `index`, once it is there.
fn line(site: &Site, index: usize) -> Value {
    let path = site.proxy.path().join("access.log");
    let line = until("the line", || {
        let text = std::fs::read_to_string(&path).ok()?;
        let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.nth(index).map(str::to_owned)
    });
    serde_json::from_str(&line).expect("a JSON line")
}

/// Three requests where there is one place: the others wait, in the order in which they came.
fn they_wait_in_order(site: &Site, stand: impl Fn(&Site, usize)) {
    let (mut first, mut upstream) = site.send(GET);
    upstream.head();
    let later: Vec<Client> = (1..=2)
        .map(|waiting| {
            let mut client = site.client();
            client.send(format!("GET /{waiting} HTTP/1.1\r\nHost: a\r\n\r\n"));
            stand(site, waiting);
            client
        })
        .collect();
    upstream.ok("0");
    assert_eq!(first.response().text(), "0");
    for (index, mut client) in later.into_iter().enumerate() {
        let target = format!("/{}", index + 1);
        assert!(upstream.serve(&target).start.contains(&target));
        assert_eq!(client.response().text(), target);
    }
    assert!(line(site, 0)["queued_us"].is_null(), "who found a place did not wait");
    assert!(line(site, 1)["queued_us"].as_u64() > Some(0));
}

fn until_waiting(site: &Site, count: usize) {
    until("it to wait", || (waiting(site) == count).then_some(()));
}

#[test]
fn a_backend_has_only_so_many_requests_at_once_and_others_wait_in_order() {
    let site = setup().pool("max_requests: 1").pool("queue: { timeout: 1h }").start();
    they_wait_in_order(&site, until_waiting);
}

#[test]
fn a_pool_has_only_so_many_requests_at_once_and_others_wait_in_order() {
    let site = setup().pool("limits: { concurrent: 1 }").pool("queue: { timeout: 1h }").start();
    they_wait_in_order(&site, until_waiting);
}

#[test]
fn a_route_has_only_so_many_requests_at_once_and_others_wait_in_order() {
    let limits = "limits: { concurrent: { requests: 1, queue: { timeout: 1h } } }";
    let site = setup().route(&format!("{{ name: r, pool: site, {limits} }}")).start();
    they_wait_in_order(&site, |site, count| {
        until("it to wait", || {
            let socket = site.proxy.socket();
            let ask = ["explain".as_ref(), "GET".as_ref(), "http://a/x".as_ref()];
            let told = pulsegate(ask.into_iter().chain(["--socket".as_ref(), socket.as_os_str()]));
            let told = told.stdout;
            told.contains(&format!("the route at once: 1 now, {count} wait")).then_some(())
        });
    });
}

#[test]
fn a_full_backend_is_passed_over() {
    let site = setup().pool("max_requests: 1").backends(2);
    let (_one, mut upstream) = site.send(GET);
    upstream.head();
    let (mut two, mut other) = site.send(GET);
    assert_eq!(other.backend, 1 - upstream.backend);
    other.serve("second");
    assert_eq!(two.response().text(), "second");
}

#[test]
fn who_finds_the_queue_full_or_waits_too_long_is_refused_with_retry_after() {
    for (queue, ended) in [("length: 0", "queue_full"), ("timeout: 50ms", "queue_timeout")] {
        let site = setup().pool("max_requests: 1").pool(&format!("queue: {{ {queue} }}")).start();
        let (_first, mut upstream) = site.send(GET);
        upstream.head();
        let mut client = site.client();
        let response = client.get("/x");
        assert_eq!(
            (response.status, response.head.get("retry-after")),
            (503, Some("1")),
            "{queue}"
        );
        assert_eq!(line(&site, 0)["ended"], ended);
        upstream.ok("done");
        // The connection is as good as before, and so is the place.
        client.send(GET);
        upstream.serve("next");
        assert_eq!(client.response().text(), "next");
    }
}

#[test]
fn a_client_that_leaves_gives_up_its_place_and_its_stand() {
    let site = setup().pool("max_requests: 1").pool("queue: { timeout: 1h }").start();
    let (first, mut upstream) = site.send(GET);
    upstream.head();
    let mut second = site.client();
    second.send(GET);
    until_waiting(&site, 1);
    let mut third = site.client();
    third.send(GET);
    until_waiting(&site, 2);
    second.reset();
    until_waiting(&site, 1);
    // Who is being served leaves, too: its place goes to the one who still waits.
    first.reset();
    upstream.ended();
    site.accept().serve("third");
    assert_eq!(third.response().text(), "third");
}

#[test]
fn the_limit_holds_over_all_workers() {
    const LIMIT: usize = 3;
    let site = Setup::default()
        .top("workers: 4")
        .pool(&format!("max_requests: {LIMIT}"))
        .pool("queue: { timeout: 1h }")
        .start();
    let mut clients: Vec<Client> = (0..12)
        .map(|_| {
            let mut client = site.client();
            client.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            client
        })
        .collect();
    until_waiting(&site, clients.len() - LIMIT);
    let mut busy: Vec<_> = (0..LIMIT).map(|_| site.accept()).collect();
    for served in 0..clients.len() {
        let mut upstream = busy.remove(0);
        upstream.head();
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        if served < clients.len() - LIMIT {
            busy.push(site.accept());
        }
    }
    for client in &mut clients {
        assert_eq!(client.response().text(), "ok");
    }
}
