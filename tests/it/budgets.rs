//! How long a client waits: said in a header, and told to backends with what is left.

use crate::harness::{Setup, Upstream};

fn budgeted(timeouts: &str, retries: &str) -> Setup {
    Setup::default().route(&format!(
        "{{ pool: site, timeouts: {{ budget_header: X-Budget{timeouts} }}, retries: {{ {retries} }} }}"
    ))
}

fn get(budget: &str) -> String {
    format!("GET /x HTTP/1.1\r\nHost: a\r\nX-Budget: {budget}\r\n\r\n")
}

/// What a backend is told.
fn told(upstream: &mut Upstream) -> Option<u64> {
    let head = upstream.head();
    head.get("x-budget").map(|left| left.trim().parse().expect("a number"))
}

#[test]
fn a_backend_is_told_what_is_left_and_the_next_one_less() {
    let site = budgeted("", "on: [ 503 ], backoff: off").backends(2);
    let (mut client, mut first) = site.send(get("60000"));
    let left = told(&mut first).expect("a budget");
    assert!((1..=60_000).contains(&left), "{left}");
    first.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    let mut second = site.accept();
    assert!(told(&mut second).expect("a budget") <= left);
    second.ok("in time");
    assert_eq!(client.response().text(), "in time");
}

#[test]
fn who_waits_less_than_the_route_allows_is_answered_then() {
    let site = budgeted(", total: 1h", "attempts: 1").start();
    let (mut client, mut upstream) = site.send(get("80"));
    assert!(told(&mut upstream) <= Some(80));
    assert_eq!(client.response().status, 504);
}

#[test]
fn nobody_waits_longer_than_the_route_allows() {
    let site = budgeted(", total: 10s", "attempts: 1").start();
    for budget in ["3600000", "forever"] {
        let (mut client, mut upstream) = site.send(get(budget));
        let left = told(&mut upstream).expect("what the route allows");
        assert!((1..=10_000).contains(&left), "{left}");
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn where_nothing_is_said_and_nothing_limits_nothing_is_told() {
    let site = budgeted("", "attempts: 1").start();
    let (mut client, mut upstream) = site.send(get("soon"));
    assert_eq!(
        told(&mut upstream),
        None,
        "what cannot be understood is not passed on as a promise"
    );
    upstream.ok("ok");
    assert_eq!(client.response().status, 200);
}
