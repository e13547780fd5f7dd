//! Calls of gRPC: what their clients are told in their own terms, and what is learnt from how they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{client, metric, setup, site, trunk};
use crate::harness::{Answer, Answered, BlackHole, Http2Server, Setup, ask, until};

/// A call with a message of nothing, and this `grpc-timeout` if there is one.
fn call(address: SocketAddr, path: &str, timeout: Option<&str>) -> Answered {
    let request = hyper::Request::post(format!("http://a.test{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let request = timeout.into_iter().fold(request, |it, time| it.header("grpc-timeout", time));
    ask(address, request, &[0; 5])
}

/// An answer that ends with this code, at once or behind a message.
fn ends(code: u8, at_once: bool) -> Answer {
    let status = ("grpc-status", code.to_string());
    let mut answer = Answer {
        fields: vec![("content-type", "application/grpc".to_owned())],
        ..Answer::default()
    };
    if at_once {
        answer.fields.push(status);
    } else {
        answer.body = vec![0; 5];
        answer.trailers.push(status);
    }
    answer
}

fn code(answered: &Answered) -> Option<&str> {
    let field = answered.fields.get("grpc-status").or_else(|| answered.trailers.get("grpc-status"));
    field.and_then(|code| code.to_str().ok())
}

#[test]
fn an_outcome_passes_behind_a_message_and_without_one() {
    let server = Http2Server::new(|request| ends(5, request.head.uri.path() == "/at/once"));
    let proxy = setup("").over_addresses(&[server.address]);
    let answered = call(proxy.address("web"), "/a/message", None);
    assert_eq!((answered.status, answered.body.len()), (200, 5));
    assert_eq!(answered.trailers["grpc-status"], "5");
    let answered = call(proxy.address("web"), "/at/once", None);
    assert_eq!((answered.status, answered.body.len()), (200, 0));
    assert_eq!(answered.fields["grpc-status"], "5");
    assert!(answered.trailers.is_empty());
}

#[test]
fn our_own_refusals_are_said_as_codes() {
    let server = Http2Server::new(|_| ends(0, true));
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = gone.local_addr().expect("a bound socket");
    drop(gone);
    let proxy = setup("")
        .route("{ pool: site, match: { path: { prefix: /gone } } }")
        .route("{ pool: other, match: { path: { prefix: /limited } }, rate_limit: { rate: 1/m, burst: 1 } }")
        .route("{ respond: { status: 503, body: closed }, match: { path: /closed } }")
        .another_pool("other", server.address)
        .over_addresses(&[address]);
    let web = proxy.address("web");
    call(web, "/limited", None);
    for (path, expected, message) in [
        ("/gone", "14", "no connection to a backend could be opened"),
        ("/nowhere", "12", "no route matches this request"),
        ("/limited", "14", "too many requests: come back later"),
        ("/closed", "14", "closed"),
    ] {
        let answered = call(web, path, None);
        assert_eq!((answered.status, code(&answered)), (200, Some(expected)), "{path}");
        assert_eq!(answered.fields["grpc-message"], message);
        assert_eq!(answered.fields["content-type"], "application/grpc");
        assert!(answered.body.is_empty() && answered.trailers.is_empty(), "{answered:?}");
    }
    // Who asks for something else gets what he understands.
    let request = hyper::Request::post("http://a.test/nowhere");
    let answered = ask(web, request.header("content-type", "application/grpc-web"), b"x");
    assert_eq!((answered.status, code(&answered)), (404, None));
}

#[test]
fn a_client_is_waited_for_no_longer_than_it_says_and_its_server_is_told() {
    let server = Http2Server::new(|request| {
        let told = request.head.headers.get("grpc-timeout");
        let told = told.map(|told| told.to_str().unwrap_or_default().to_owned());
        let mut answer = ends(0, false);
        answer.fields.push(("x-told", told.unwrap_or_default()));
        answer
    });
    let proxy = setup("").over_addresses(&[server.address]);
    let told = |timeout| {
        let answered = call(proxy.address("web"), "/a/b", timeout);
        answered.fields["x-told"].to_str().expect("text").to_owned()
    };
    let left = told(Some("5S"));
    let ms: u32 = left.strip_suffix('m').and_then(|ms| ms.parse().ok()).unwrap_or(0);
    assert!((1..=5000).contains(&ms), "{left}");
    assert_eq!(told(None), "");
    assert_eq!(told(Some("soon")), "", "what nobody understands is not passed on");
    let hole = BlackHole::open();
    let proxy = setup("").pool("timeouts: { connect: 1h }").over_addresses(&[hole.address]);
    let answered = call(proxy.address("web"), "/a/b", Some("100m"));
    assert_eq!((answered.status, code(&answered)), (200, Some("4")));
}

/// Backends of which the first answers each call with this code, at once.
fn twice(setup: &Setup, ended: u8) -> (Option<String>, usize) {
    let tries = Arc::new(AtomicUsize::new(0));
    let server = || {
        let tries = Arc::clone(&tries);
        Http2Server::new(move |_| {
            let first = tries.fetch_add(1, Ordering::SeqCst) == 0;
            ends(if first { ended } else { 0 }, true)
        })
    };
    let proxy = setup.over_addresses(&[server().address, server().address]);
    let answered = call(proxy.address("web"), "/a/b", None);
    (code(&answered).map(str::to_owned), tries.load(Ordering::SeqCst))
}

#[test]
fn a_call_that_ended_at_once_is_tried_elsewhere_if_the_route_says_so() {
    let route = |keys: &str| setup("").route(&format!("{{ pool: site, retries: {{ {keys} }} }}"));
    let on = route("on: [ unavailable ], idempotent: true, backoff: off");
    assert_eq!(twice(&on, 14), (Some("0".to_owned()), 2));
    assert_eq!(twice(&on, 8), (Some("8".to_owned()), 1), "another code");
    let unsafely = route("on: [ unavailable ], backoff: off");
    assert_eq!(twice(&unsafely, 14).1, 1, "a call may not be repeated unless its route says so");
    assert_eq!(twice(&route("on: [ 503 ], idempotent: true"), 14).1, 1);
}

/// A status of 200 says nothing of a call. What a client brings about is not the backend's fault.
#[test]
fn how_calls_end_is_what_a_backend_is_judged_by() {
    let server = Http2Server::new(|request| match request.head.uri.path() {
        "/at/once" => ends(14, true),
        "/a/message" => ends(13, false),
        "/untold" => Answer { body: vec![0; 5], ..Answer::default() },
        "/unknown/method" => ends(12, true),
        _ => ends(0, false),
    });
    let proxy = setup("").over_addresses(&[server.address]);
    for path in ["/at/once", "/a/message", "/untold", "/unknown/method", "/well", "/well"] {
        call(proxy.address("web"), path, None);
    }
    let count = |class: &str| {
        let metrics = crate::harness::Client::connect(proxy.admin()).admin("/metrics").text();
        let lines = metrics.lines().filter(|line| {
            line.starts_with("pulsegate_backend_responses_total") && line.contains(class)
        });
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum::<u64>()
    };
    until("the counts", || ([count("2xx"), count("4xx"), count("5xx")] == [2, 1, 3]).then_some(()));
}

/// Each call of a connection is a choice of its own.
#[test]
fn calls_are_balanced_and_not_connections() {
    let counts: Vec<_> = (0..2).map(|_| Arc::new(AtomicUsize::new(0))).collect();
    let servers = counts.iter().map(|count| {
        let count = Arc::clone(count);
        Http2Server::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            ends(0, false)
        })
    });
    let addresses: Vec<_> = servers.map(|server| server.address).collect();
    let proxy = setup("").over_addresses(&addresses);
    let mut client = crate::harness::Frames::connect(proxy.address("web"));
    for stream in (1..20).step_by(2) {
        client.request(stream, "POST", &[("content-type", "application/grpc")], true);
        assert_eq!(client.answer(stream).0, 200);
    }
    assert_eq!(counts.iter().map(|it| it.load(Ordering::SeqCst)).collect::<Vec<_>>(), [5, 5]);
}

/// Both sides may speak while neither has ended.
#[test]
fn messages_pass_each_way_as_they_come() {
    let site = site("");
    let mut client = client(&site);
    client.request(1, "POST", &[("content-type", "application/grpc")], false);
    let mut backend = trunk(&site);
    assert_eq!(backend.asked(), 1);
    backend.head(1, &[(":status", "200"), ("content-type", "application/grpc")], false);
    assert_eq!(client.next().status(), 200);
    for n in 0..3_u8 {
        client.data(1, &[n], false);
        assert_eq!(backend.next().payload, [n]);
        backend.data(1, &[n, n], false);
        assert_eq!(client.next().payload, [n, n]);
    }
    backend.head(1, &[("grpc-status", "0")], true);
    assert!(client.next().ends());
    assert_eq!(metric(&site.proxy, "pulsegate_backend_in_flight"), 0);
}

/// gRPC's implementations measure the way by a PING for each piece that comes, on either end.
#[test]
fn a_ping_for_each_message_is_no_flood() {
    const PINGS: usize = 3000;
    let site = site("");
    let mut client = client(&site);
    client.request(1, "POST", &[("content-type", "application/grpc")], false);
    let mut backend = trunk(&site);
    assert_eq!(backend.asked(), 1);
    backend.head(1, &[(":status", "200"), ("content-type", "application/grpc")], false);
    assert_eq!(client.next().status(), 200);
    for _ in 0..PINGS {
        client.data(1, b"x", false);
        assert_eq!(backend.next().payload, b"x");
        backend.ping();
        backend.data(1, b"y", false);
        assert_eq!(client.next().payload, b"y");
        client.ping();
    }
}
