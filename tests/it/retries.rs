//! What happens when a backend cannot be reached or goes away: who may be tried again, and where.

use crate::harness::{
    Backends, BlackHole, Client, Faulty, Mood, Pulsegate, Setup, Site, Upstream, pulsegate, until,
};

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

/// A pooled connection to the site's one backend, used once.
fn warmed(site: &Site) -> (Client, Upstream) {
    let (mut client, mut upstream) = site.send(GET);
    upstream.serve("warm");
    assert_eq!(client.response().text(), "warm");
    (client, upstream)
}

#[test]
fn a_kept_connection_the_backend_closed_is_replaced() {
    let site = Site::plain();
    let (mut client, upstream) = warmed(&site);
    drop(upstream);
    client.send(GET);
    site.accept().serve("fresh");
    assert_eq!(client.response().text(), "fresh");
}

#[test]
fn a_get_that_meets_a_closing_kept_connection_is_sent_again_silently() {
    let site = Site::plain();
    let (mut client, mut upstream) = warmed(&site);
    client.send(GET);
    upstream.head();
    drop(upstream);
    site.accept().serve("again");
    assert_eq!(client.response().text(), "again");
}

#[test]
fn a_get_that_meets_a_reset_of_a_kept_connection_is_sent_again_silently() {
    let site = Site::plain();
    let (mut client, mut upstream) = warmed(&site);
    client.send(GET);
    upstream.head();
    upstream.reset();
    site.accept().serve("again");
    assert_eq!(client.response().text(), "again");
}

#[test]
fn a_post_takes_a_fresh_connection_when_kept_ones_are_too_old() {
    let site = Setup::default().pool("unsafe_reuse_age: 1ms").start();
    let (mut client, _kept) = warmed(&site);
    // An age can only be reached by waiting; waiting longer changes nothing.
    std::thread::sleep(std::time::Duration::from_millis(5));
    client.send(POST);
    let mut fresh = site.accept();
    assert_eq!(fresh.request().1, b"hi");
    fresh.ok("made");
    assert_eq!(client.response().text(), "made");
    assert_eq!(site.backends.connections(0), 2);
}

#[test]
fn a_post_takes_a_just_used_connection() {
    let site = Setup::default().pool("unsafe_reuse_age: 60s").start();
    let (mut client, mut upstream) = warmed(&site);
    client.send(POST);
    assert_eq!(upstream.request().1, b"hi");
    upstream.ok("made");
    assert_eq!(client.response().text(), "made");
}

#[test]
fn a_backends_keep_alive_timeout_is_honoured_for_a_post() {
    let site = Setup::default().pool("unsafe_reuse_age: 60s").start();
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok");
    let response = client.response();
    assert!(!response.head.has("keep-alive"), "hop-by-hop: {:?}", response.head);
    client.send(POST);
    let mut fresh = site.accept();
    assert_eq!(fresh.request().1, b"hi");
    fresh.ok("made");
    assert_eq!(client.response().text(), "made");
}

#[test]
fn an_unsafe_request_is_never_sent_twice() {
    let site = Setup::default().backends(2);
    let (mut client, mut upstream) = site.send(POST);
    assert_eq!(upstream.request().1, b"hi");
    let taken = upstream.backend;
    drop(upstream);
    assert_eq!(client.response().status, 502);
    assert_eq!(site.backends.connections(1 - taken), 0);
    assert_eq!(site.backends.connections(taken), 1);
}

#[test]
fn an_unsafe_request_on_a_kept_connection_is_never_sent_twice() {
    let site = Setup::default().pool("unsafe_reuse_age: 60s").start();
    let (mut client, mut upstream) = warmed(&site);
    client.send(POST);
    upstream.request();
    drop(upstream);
    assert_eq!(client.response().status, 502);
    assert_eq!(site.backends.connections(0), 1);
}

#[test]
fn an_idempotent_route_lets_a_post_be_repeated() {
    let site = Setup::default().route("{ pool: site, retries: { idempotent: true } }").backends(2);
    let (mut client, mut upstream) = site.send(POST);
    upstream.request();
    let taken = upstream.backend;
    drop(upstream);
    let mut other = site.accept();
    assert_eq!(other.backend, 1 - taken);
    assert_eq!(other.request().1, b"hi");
    other.ok("second");
    assert_eq!(client.response().text(), "second");
}

#[test]
fn a_get_reset_before_its_response_goes_to_another_backend() {
    let site = Setup::default().backends(2);
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    let taken = upstream.backend;
    upstream.reset();
    let mut other = site.accept();
    assert_eq!(other.backend, 1 - taken);
    other.serve("second");
    assert_eq!(client.response().text(), "second");
}

#[test]
fn a_get_is_not_repeated_once_a_byte_of_its_response_came() {
    let site = Setup::default().backends(2);
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    let taken = upstream.backend;
    assert_eq!(client.head().content_length(), Some(10));
    upstream.reset();
    let (body, _) = client.rest();
    assert!(body.len() < 10, "{}", body.escape_ascii());
    assert_eq!(site.backends.connections(1 - taken), 0);
}

#[test]
fn attempts_end_at_the_routes_limit() {
    let site = Setup::default().route("{ pool: site, retries: { attempts: 2 } }").backends(3);
    let mut client = site.client();
    client.send(GET);
    for _ in 0..2 {
        let mut upstream = site.accept();
        upstream.head();
        upstream.reset();
    }
    assert_eq!(client.response().status, 502);
    let connections: usize = (0..3).map(|index| site.backends.connections(index)).sum();
    assert_eq!(connections, 2);
}

#[test]
fn a_refused_connect_goes_to_another_backend_for_any_method() {
    let mut backends = Backends::start(2);
    backends.refuse(0);
    let site = Site::start(Setup::default(), backends);
    // With `close` each side starts anew, so that both backends are tried first in turn.
    for _ in 0..2 {
        let (mut client, mut upstream) = site.send(POST);
        assert_eq!((upstream.backend, upstream.request().1.as_slice()), (1, &b"hi"[..]));
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(client.response().status, 200);
    }
    for _ in 0..2 {
        let (mut client, mut upstream) = site.send(GET);
        assert_eq!(upstream.backend, 1);
        upstream.head();
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn no_backend_to_connect_to_is_502() {
    let mut backends = Backends::start(1);
    backends.refuse(0);
    let site = Site::start(Setup::default(), backends);
    let mut client = site.client();
    client.send(GET);
    assert_eq!(client.response().status, 502);
    client.send(POST);
    assert_eq!(client.response().status, 502);
}

#[test]
fn a_backend_that_came_back_is_used_again() {
    let mut backends = Backends::start(1);
    backends.refuse(0);
    let mut site = Site::start(Setup::default(), backends);
    let mut client = site.client();
    client.send(GET);
    assert_eq!(client.response().status, 502);
    site.backends.listen(0);
    client.send(GET);
    site.accept().serve("back");
    assert_eq!(client.response().text(), "back");
}

#[test]
fn a_connect_that_hangs_goes_to_another_backend() {
    let hole = BlackHole::open();
    let backends = Backends::start(1);
    let setup = Setup::default().pool("timeouts: { connect: 200ms }");
    let config = setup.config(&[hole.address, backends.address(0)]);
    let proxy = Pulsegate::start(Pulsegate::folder(), &config);
    let site = Site { setup, proxy, backends };
    let (mut client, mut upstream) = site.send(POST);
    assert_eq!(upstream.request().1, b"hi");
    upstream.ok("made");
    assert_eq!(client.response().text(), "made");
    // One of the two requests had the hanging backend first.
    client.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    upstream.serve("got");
    assert_eq!(client.response().text(), "got");
}

#[test]
fn a_connect_that_hangs_everywhere_is_a_gateway_error() {
    let hole = BlackHole::open();
    let setup = Setup::default().pool("timeouts: { connect: 100ms }");
    let config = setup.config(&[hole.address]);
    let proxy = Pulsegate::start(Pulsegate::folder(), &config);
    let mut client = Client::connect(proxy.address("web"));
    client.send(GET);
    assert_eq!(client.response().status, 504);
}

#[test]
fn bytes_on_an_idle_kept_connection_close_it() {
    let site = Site::plain();
    let (mut client, mut upstream) = warmed(&site);
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    upstream.ended();
    client.send(GET);
    site.accept().serve("clean");
    assert_eq!(client.response().text(), "clean");
}

#[test]
fn an_idle_kept_connection_is_closed_at_its_timeout() {
    let site = Setup::default().pool("timeouts: { pool_idle: 200ms }").start();
    let (_client, mut upstream) = warmed(&site);
    upstream.ended();
}

#[test]
fn a_pool_without_eligible_backends_is_503_with_retry_after() {
    let mut backends = Backends::start(1);
    backends.refuse(0);
    let health = "{ network: { interval: 50ms, timeout: 50ms, fall: 1, rise: 1 } }";
    let site = Site::start(Setup::default().health(health), backends);
    let mut client = site.client();
    // Until its first passing check a backend gets nothing.
    client.send(GET);
    let response = client.response();
    assert_eq!((response.status, response.head.get("retry-after")), (503, Some("1")));
}

const PUT: &str = "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";
const FAILED: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";

/// A route whose requests are sent again at once.
fn eager(retries: &str) -> Setup {
    Setup::default().route(&format!("{{ pool: site, retries: {{ backoff: off, {retries} }} }}"))
}

#[test]
fn a_chosen_status_is_not_passed_on_while_another_backend_can_be_asked() {
    // By its address, this client's first backend is always the same.
    let site = eager("on: [ 503 ]").pool("algorithm: ip-hash").backends(2);
    let (mut client, mut first) = site.send(GET);
    first.head();
    first.send(FAILED);
    let mut second = site.accept();
    assert_eq!(second.backend, 1 - first.backend);
    second.serve("second");
    assert_eq!(client.response().text(), "second");

    // The connection whose answer was whole is as good as before.
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    first.head();
    first.send(FAILED);
    second.head();
    second.send(FAILED);
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (503, "busy"), "the last one's answer");
}

#[test]
fn a_status_that_was_not_chosen_is_passed_on_and_so_is_that_of_an_unsafe_request() {
    let site = eager("on: [ 503 ]").backends(2);
    let (mut client, mut first) = site.send(GET);
    first.head();
    first.send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.response().status, 502);
    let (mut client, mut first) = site.send(POST);
    first.request();
    first.send(FAILED);
    assert_eq!(client.response().status, 503);
}

#[test]
fn a_try_that_takes_too_long_is_followed_by_another() {
    let site = eager("on: [ timeout ], per_try: 100ms").backends(2);
    let (mut client, mut first) = site.send(GET);
    first.head();
    let mut second = site.accept();
    assert_eq!(second.backend, 1 - first.backend);
    second.head();
    // Once a response has begun, the try may take as long as it does.
    second.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsec");
    client.head();
    first.ended();
    second.send("ond");
    assert_eq!(client.exactly(6), b"second");
}

#[test]
fn a_try_that_takes_too_long_ends_the_request_unless_it_is_to_be_tried_again() {
    let site = eager("per_try: 50ms").backends(2);
    let (mut client, mut first) = site.send(GET);
    first.head();
    assert_eq!(client.response().status, 504);
    assert_eq!(site.backends.connections(1 - first.backend), 0);
}

#[test]
fn a_body_that_came_after_its_head_is_held_to_be_sent_again() {
    for (coding, parts) in [
        ("Content-Length: 10", ["01234", "56789"]),
        ("Transfer-Encoding: chunked", ["5\r\n01234\r\n", "5\r\n56789\r\n0\r\n\r\n"]),
    ] {
        let site = eager("body_bytes: 10").backends(2);
        let head = format!("PUT /x HTTP/1.1\r\nHost: a\r\n{coding}\r\n\r\n");
        let (mut client, mut first) = site.send(head);
        let sent = first.head();
        client.send(parts[0]);
        // Once it has a part of it, the backend goes away.
        let part = if sent.is_chunked() { "5\r\n01234\r\n" } else { "01234" };
        assert_eq!(first.exactly(part.len()), part.as_bytes());
        first.reset();
        let mut second = site.accept();
        client.send(parts[1]);
        assert_eq!(second.request().1, b"0123456789", "{coding}");
        second.ok("made");
        assert_eq!(client.response().text(), "made");
    }
}

#[test]
fn a_body_that_is_too_long_to_be_held_is_sent_once() {
    let site = eager("body_bytes: 9").backends(2);
    let (mut client, mut first) = site.send(PUT);
    first.head();
    client.send("01234");
    assert_eq!(first.exactly(5), b"01234");
    let taken = first.backend;
    first.reset();
    assert_eq!(client.response().status, 502);
    assert_eq!(site.backends.connections(1 - taken), 0);
}

#[test]
fn a_client_that_leaves_in_the_pause_is_not_tried_for_again() {
    let pause = "on: [ 503 ], backoff: { first: 1h, max: 1h }";
    let site =
        Setup::default().route(&format!("{{ pool: site, retries: {{ {pause} }} }}")).backends(2);
    let (client, mut first) = site.send(GET);
    first.head();
    first.send(FAILED);
    let taken = first.backend;
    client.reset();
    until("the client to be missed", || {
        let text = Client::connect(site.proxy.admin()).admin("/metrics").text();
        text.contains("exchanges_total{ended=\"client_left\"} 1").then_some(())
    });
    assert_eq!(site.backends.connections(1 - taken), 0);
}

#[test]
fn a_pause_beyond_the_requests_deadline_is_not_waited_for() {
    let retries = "on: [ reset ], backoff: { first: 24h, max: 24h }";
    let site = Setup::default()
        .route(&format!("{{ pool: site, timeouts: {{ total: 1s }}, retries: {{ {retries} }} }}"))
        .backends(2);
    let (mut client, mut first) = site.send(GET);
    first.head();
    first.reset();
    assert_eq!(client.response().status, 502);
}

#[test]
fn in_a_brown_out_what_is_sent_again_stays_within_the_budget() {
    const REQUESTS: usize = 600;
    let (ill, well) = (Faulty::named("ill"), Faulty::named("well"));
    ill.turn(Mood::Status("503 Service Unavailable"));
    let setup = eager("on: [ 503 ]").pool("retries: { budget: 20%, min_per_second: 1 }");
    let proxy = Pulsegate::start(Pulsegate::folder(), &setup.config(&[ill.address, well.address]));
    let mut client = Client::connect(proxy.address("web"));
    let failed = (0..REQUESTS).filter(|_| client.get("/").status == 503).count();
    let tries = ill.requests() + well.requests();
    assert!(tries <= REQUESTS * 12 / 10 + 10, "{tries} tries of {REQUESTS} requests");
    assert!(tries > REQUESTS * 11 / 10, "{tries} tries of {REQUESTS} requests");
    assert_eq!(failed, REQUESTS - well.requests());
    let told = pulsegate([
        "status".to_owned(),
        "--socket".to_owned(),
        proxy.socket().display().to_string(),
    ]);
    assert!(told.stdout.contains("its retry budget was spent"), "{told:?}");
    let text = Client::connect(proxy.admin()).admin("/metrics").text();
    let refused = format!("pulsegate_pool_retries_refused_total{{pool=\"site\"}} {failed}\n");
    assert!(text.contains(&refused), "{refused} in {text}");
}
