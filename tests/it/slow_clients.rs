//! Clients that send or take a body so slowly that they would hold what others need.
//!
//! The rate asked for here is one that nobody reaches who sends or takes byte by byte; how long it took to
//! be sure is nobody's business.

use crate::harness::{Client, End, Frames, Setup, Site, kind};

/// More than any client of these tests moves, within a grace that is soon over.
const RATE: &str =
    "{ pool: site, limits: { min_rate: { request: 1GiB, response: 1GiB, grace: 200ms } } }";

fn demanding() -> Site {
    Setup::default().route(RATE).start()
}

fn slow(site: &Site, with: &str) -> f64 {
    let text = Client::connect(site.proxy.admin()).admin("/metrics").text();
    let sample = format!("pulsegate_client_timeouts_total{{reason=\"{with}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&sample));
    value.and_then(|value| value.parse().ok()).expect("a count")
}

#[test]
fn a_body_that_dribbles_is_408() {
    let site = demanding();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    upstream.head();
    // As long as the proxy takes bytes; an idle deadline would never end this.
    while client.offer("x") {
        std::thread::yield_now();
    }
    upstream.rest();
    assert_eq!(slow(&site, "body_rate"), 1.0);
}

#[test]
fn a_body_of_which_nothing_comes_is_408_when_its_grace_is_over() {
    let site = demanding();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    upstream.head();
    assert_eq!(client.refused(), 408);
    upstream.rest();
    assert_eq!((slow(&site, "body_rate"), slow(&site, "body")), (1.0, 0.0));
}

#[test]
fn a_body_that_stalls_without_a_rate_is_told_from_a_slow_one() {
    let route = "{ pool: site, timeouts: { body_idle: 200ms }, limits: { min_rate: off } }";
    let site = Setup::default().route(route).start();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    upstream.head();
    assert_eq!(client.refused(), 408);
    assert_eq!((slow(&site, "body_rate"), slow(&site, "body")), (0.0, 1.0));
}

#[test]
fn messages_of_grpc_come_when_there_is_something_to_say() {
    let route =
        "{ pool: site, timeouts: { body_idle: 400ms }, limits: { min_rate: { grace: 50ms } } }";
    let site = Setup::default().route(route).start();
    let (mut client, mut upstream) = site.send(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc+proto\r\nContent-Length: 10\r\n\r\nhalf",
    );
    upstream.head();
    assert_eq!(client.refused(), 408);
    assert_eq!(
        (slow(&site, "body_rate"), slow(&site, "body")),
        (0.0, 1.0),
        "only idle for too long"
    );
}

#[test]
fn a_slow_backend_is_no_slow_client() {
    let site = demanding();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    upstream.request();
    let mut other = site.client();
    other.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");
    // By the time this one is too slow, the first has waited for longer than its grace.
    assert_eq!(other.refused(), 408);
    upstream.ok("at last");
    assert_eq!(client.response().text(), "at last");
    assert_eq!(slow(&site, "response_rate"), 0.0);
}

#[test]
fn a_response_that_is_not_taken_is_cut_off() {
    let site = demanding();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    let piece = vec![b'x'; 64 * 1024];
    while upstream.offer(&piece) {}
    assert_eq!(slow(&site, "response_rate"), 1.0);
    assert_eq!(client.rest().1, End::Reset, "it is not the whole");
}

#[test]
fn a_stream_whose_body_dribbles_is_408_and_the_others_go_on() {
    let site = demanding();
    let mut client = Frames::connect(site.proxy.address("web"));
    client.request(1, "POST", &[("content-length", "10")], false);
    client.data(1, b"half", false);
    let mut upstream = site.accept();
    upstream.head();
    let head = client.next();
    assert_eq!((head.kind, head.stream, head.status()), (kind::HEADERS, 1, 408));
    upstream.rest();
    assert_eq!(slow(&site, "body_rate"), 1.0);
    let mut client = Frames::connect(site.proxy.address("web"));
    client.get(1);
    site.accept().serve("well");
    assert_eq!(client.answer(1), (200, "well".to_owned()));
}

#[test]
fn a_stream_whose_window_stays_shut_is_reset() {
    let site = demanding();
    let mut client = Frames::connect(site.proxy.address("web"));
    client.get(1);
    let mut upstream = site.accept();
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    let piece = vec![b'x'; 64 * 1024];
    while upstream.offer(&piece) {}
    let reset = loop {
        let frame = client.next();
        if !matches!(frame.kind, kind::HEADERS | kind::DATA) {
            break frame;
        }
    };
    assert_eq!((reset.kind, reset.stream), (kind::RST_STREAM, 1));
    assert_eq!(slow(&site, "response_rate"), 1.0);
}
