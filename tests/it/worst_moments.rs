//! What happens at the worst moment: a cut, a stop or a failure between two steps that belong
//! together.

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Backends, Client, End, Setup, Site, Upstream, until};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// A request whose client waits to be told to go on.
const EXPECTING: &str =
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";

/// The value of the metric line that begins so.
fn metric(site: &Site, line: &str) -> f64 {
    let text = Client::connect(site.proxy.admin()).admin("/metrics").text();
    let value = text.lines().find_map(|found| found.strip_prefix(line));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("{line} in {text}"))
}

#[test]
fn an_empty_line_cut_in_two_is_ignored_too() {
    let site = Site::plain();
    let (mut other, mut upstream) = site.send(GET);
    let mut client = site.client();
    // By the time a later exchange is over, the piece was looked at.
    for piece in ["\r", "\n"] {
        client.send(piece);
        for _ in 0..2 {
            upstream.serve("other");
            other.response();
            other.send(GET);
        }
    }
    upstream.serve("other");
    other.response();
    client.send("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(upstream.serve("cut").start, "GET /cut HTTP/1.1");
    assert_eq!(client.response().text(), "cut");
}

/// A request of which an interim response and then the whole body came across.
fn continued(site: &Site) -> (Client, Upstream) {
    let (mut client, mut upstream) = site.send(EXPECTING);
    upstream.head();
    upstream.send("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(client.response().status, 100);
    client.send("body");
    upstream.exactly(4);
    (client, upstream)
}

#[test]
fn a_failure_after_an_interim_response_is_still_answered() {
    let site = Site::plain();
    let (mut client, upstream) = continued(&site);
    upstream.reset();
    assert_eq!(client.response().status, 502);
    let (mut client, mut upstream) = continued(&site);
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n");
    assert_eq!(client.response().status, 502);
}

#[test]
fn a_request_is_not_repeated_after_an_interim_response() {
    let site = Setup::default().backends(2);
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    upstream.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    assert_eq!(client.response().status, 103);
    let other = 1 - upstream.backend;
    upstream.reset();
    assert_eq!(client.response().status, 502);
    assert_eq!(site.backends.connections(other), 0);
}

#[test]
fn the_first_byte_deadline_holds_after_an_interim_response() {
    let timeouts = "{ pool: site, timeouts: { first_byte: 100ms, body_idle: 60s } }";
    let site = Setup::default().route(timeouts).start();
    let (mut client, upstream) = continued(&site);
    assert_eq!(client.response().status, 504);
    drop(upstream);
}

#[test]
fn a_response_that_ends_before_its_upload_says_close() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nstart");
    upstream.head();
    upstream.ok("early");
    let response = client.response();
    assert_eq!(response.text(), "early");
    assert!(response.says_close(), "{:?}", response.head);
}

#[test]
fn bytes_behind_the_last_request_do_not_erase_its_response() {
    let site = Site::plain();
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.offer(vec![b'x'; 256 * 1024]);
    site.accept().serve("bye");
    assert_eq!(client.response().text(), "bye");
    assert_eq!(client.ended(), End::Fin);
}

#[test]
fn a_response_that_fills_its_buffer_leaves_a_usable_connection() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 16342\r\n\r\n";
    assert_eq!(head.len() + 16342, 16 * 1024);
    upstream.send([head.as_bytes(), &[b'x'; 16342]].concat());
    assert_eq!(client.response().body.len(), 16342);
    client.send(GET);
    upstream.serve("again");
    assert_eq!(client.response().text(), "again");
    assert_eq!(site.backends.connections(0), 1);
}

#[test]
fn a_connection_the_kernel_has_queued_is_served_by_a_drain() {
    let site = Site::plain();
    site.proxy.signal(Signal::STOP);
    let mut client = site.client();
    client.send(GET);
    site.proxy.signal(Signal::TERM);
    site.proxy.signal(Signal::CONT);
    site.accept().serve("last");
    assert_eq!(client.response().text(), "last");
    assert_eq!(client.ended(), End::Fin);
    assert_eq!(site.proxy.finish().code, Some(0));
}

#[test]
fn a_hard_stop_never_makes_a_close_delimited_response_look_whole() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.0\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.0 200 OK\r\n\r\nbegin");
    client.head();
    assert_eq!(client.exactly(5), b"begin");
    let address = site.proxy.address("web");
    site.proxy.signal(Signal::TERM);
    until("the drain to begin", || std::net::TcpStream::connect(address).is_err().then_some(()));
    site.proxy.signal(Signal::TERM);
    assert_eq!(client.ended(), End::Reset);
}

#[test]
fn a_local_response_without_a_body_has_no_length() {
    let site = Setup::default().route("{ respond: { status: 204 } }").start();
    let response = site.client().ask(GET);
    assert_eq!(response.status, 204);
    for name in ["content-length", "content-type", "transfer-encoding"] {
        assert!(!response.head.has(name), "{name} in {:?}", response.head);
    }
}

/// `site` over two backends of which the second has this weight.
fn weighted(backends: &Backends, weight: u32) -> Setup {
    let (first, second) = (backends.address(0), backends.address(1));
    Setup::default().pool(&format!(
        "regions: {{ r: {{ zones: {{ z: {{ backends: \
         [ \"{first}\", {{ address: \"{second}\", weight: {weight} }} ] }} }} }} }}"
    ))
}

#[test]
fn a_backend_that_gets_no_more_traffic_loses_its_idle_connections() {
    let backends = Backends::start(2);
    let site = Site::start(weighted(&backends, 1), backends);
    let mut clients = [site.client(), site.client()];
    clients.iter_mut().for_each(|client| client.send(GET));
    let mut upstreams = [site.accept(), site.accept()];
    upstreams.sort_by_key(|upstream| upstream.backend);
    upstreams[0].serve("one");
    let [one, two] = &mut upstreams;
    two.head();
    let removed = weighted(&site.backends, 0).config(site.backends.addresses());
    site.proxy.rewrite(&removed);
    assert_eq!(site.proxy.command("reload").code, Some(0));
    // In flight when the table changed: finished, and then not kept.
    two.ok("two");
    two.ended();
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
    for client in &mut clients {
        client.send(GET);
        one.serve("kept");
        assert_eq!(client.response().text(), "kept");
    }
}

#[test]
fn what_breaks_in_the_middle_is_counted_by_its_reason() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    client.head();
    client.until(b"hello\r\n");
    upstream.send("zz\r\n");
    assert_eq!(client.ended(), End::Reset);
    assert_eq!(metric(&site, "pulsegate_bad_responses_total{reason=\"chunk\"} "), 1.0);
    let (mut client, mut upstream) = site.send(GET);
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    client.head();
    drop(upstream);
    client.exactly(5);
    assert_eq!(client.ended(), End::Reset);
    assert_eq!(metric(&site, "pulsegate_bad_responses_total{reason=\"truncated\"} "), 1.0);
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    upstream.head();
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.head();
    client.send("zz\r\n");
    client.ended();
    assert_eq!(metric(&site, "pulsegate_bad_requests_total{reason=\"chunk\"} "), 1.0);
}

#[test]
fn a_connection_closed_for_idling_is_counted() {
    let site = Setup::default().listener("timeouts: { idle: 100ms }").start();
    assert_eq!(site.client().ended(), End::Fin);
    assert_eq!(metric(&site, "pulsegate_client_timeouts_total{reason=\"idle\"} "), 1.0);
}

#[test]
fn an_answer_of_our_own_is_logged_with_its_pool_and_size() {
    let setup = Setup::default().listener("access_log: { path: access.log }");
    let backends = Backends::start(1);
    let address = backends.address(0);
    let setup = setup.pool(&format!(
        "regions: {{ r: {{ zones: {{ z: {{ backends: [ {{ address: \"{address}\", weight: 0 }} ] \
         }} }} }} }}"
    ));
    let site = Site::start(setup, backends);
    let response = site.client().ask(GET);
    assert_eq!(response.status, 503);
    let path = site.proxy.path().join("access.log");
    let line: Value = until("a log line", || {
        let text = std::fs::read_to_string(&path).ok()?;
        serde_json::from_str(text.split_once('\n')?.0).ok()
    });
    assert_eq!(line["pool"], "site", "{line}");
    assert_eq!(line["bytes_out"], response.body.len(), "{line}");
}

#[test]
fn an_absolute_target_does_not_excuse_a_malformed_host() {
    let site = Site::plain();
    let mut client = site.client();
    client.send("GET http://a/ HTTP/1.1\r\nHost: b/c\r\n\r\n");
    assert_eq!(client.refused(), 400);
    site.backends.assert_untouched();
}

#[test]
fn a_route_does_not_believe_what_an_untrusted_client_claims() {
    let claim = "{ match: { headers: { x-forwarded-proto: https } }, respond: { status: 299 } }";
    let ask = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n";
    let site = Setup::default().route(claim).route("{ pool: site }").start();
    let (mut client, mut upstream) = site.send(ask);
    upstream.serve("not believed");
    assert_eq!(client.response().status, 200);
    let trusting = Setup::default().listener("trusted_proxies: [ 127.0.0.1/32 ]");
    let site = trusting.route(claim).route("{ pool: site }").start();
    assert_eq!(site.client().ask(ask).status, 299);
}

#[test]
fn a_twin_cannot_stand_in_for_a_header_that_the_route_edits() {
    let edits = "{ pool: site, request_headers: { set: { x-user: nobody }, remove: [ x-debug ] } }";
    let site = Setup::default().route(edits).start();
    let (_client, mut upstream) =
        site.send("GET / HTTP/1.1\r\nHost: a\r\nX_User: root\r\nX_Debug: 1\r\nX_Other: 1\r\n\r\n");
    let head = upstream.head();
    assert_eq!(head.get("x-user"), Some("nobody"));
    assert!(!head.has("x_user") && !head.has("x_debug"), "{head:?}");
    assert!(head.has("x_other"), "{head:?}");
}
