//! Listeners that forward bytes: what goes in at one end comes out at the other, ends included.

mod bulk;
mod drains;
mod hello;
mod introduction;
mod passthrough;
mod places;
mod servers;
mod shed;
mod tries;

use rustix::process::Signal;
use serde_json::Value;

use crate::access_log::line;
use crate::harness::{Client, End, Setup, Site, Upstream, until};
use crate::reload::reload;

/// A client and the connection to a backend that it led to, after one byte each way.
fn pair(site: &Site) -> (Client, Upstream) {
    let (mut client, mut upstream) = site.send("a");
    assert_eq!(upstream.exactly(1), b"a");
    upstream.send("b");
    assert_eq!(client.exactly(1), b"b");
    (client, upstream)
}

#[test]
fn a_backend_may_speak_first() {
    let site = Setup::tcp().start();
    let mut client = site.client();
    let mut upstream = site.accept();
    upstream.send("220 ready\r\n");
    assert_eq!(client.line(), "220 ready");
    client.send("QUIT\r\n");
    assert_eq!(upstream.line(), "QUIT");
}

#[test]
fn a_backend_may_speak_first_also_where_http_was_spoken_before() {
    let site = Setup::default().start();
    reload(&site, &Setup::tcp());
    // Once this was forwarded, the worker has the new table.
    pair(&site);
    let (mut silent, mut talking) = (site.client(), site.client());
    talking.send("hello");
    // The kernel hands out what came first, unless it was told to wait for the client's word.
    site.accept().send("220 ready\r\n");
    assert_eq!(silent.line(), "220 ready");
}

#[test]
fn a_clients_end_is_passed_on_and_the_answer_still_comes() {
    let site = Setup::tcp().start();
    let (mut client, mut upstream) = pair(&site);
    client.send("question");
    client.half_close();
    assert_eq!(upstream.rest(), (b"question".to_vec(), End::Fin));
    upstream.send("answer");
    upstream.half_close();
    assert_eq!(client.rest(), (b"answer".to_vec(), End::Fin));
}

#[test]
fn a_backends_end_is_passed_on_and_the_client_may_go_on() {
    let site = Setup::tcp().start();
    let (mut client, mut upstream) = pair(&site);
    upstream.send("that was all");
    upstream.half_close();
    assert_eq!(client.rest(), (b"that was all".to_vec(), End::Fin));
    client.send("not from here");
    client.half_close();
    assert_eq!(upstream.rest(), (b"not from here".to_vec(), End::Fin));
}

#[test]
fn a_clients_reset_is_passed_on_as_a_reset() {
    let site = Setup::tcp().start();
    let (client, mut upstream) = pair(&site);
    client.reset();
    assert_eq!(upstream.ended(), End::Reset);
}

#[test]
fn a_backends_reset_is_passed_on_as_a_reset_after_what_it_sent() {
    let site = Setup::tcp().start();
    let (mut client, mut upstream) = pair(&site);
    upstream.send("part");
    assert_eq!(client.exactly(4), b"part");
    upstream.reset();
    assert_eq!(client.ended(), End::Reset);
}

#[test]
fn what_came_right_before_an_end_or_a_reset_arrives() {
    let site = Setup::tcp().start();
    for _ in 0..20 {
        let (mut client, mut upstream) = pair(&site);
        upstream.send("part");
        upstream.reset();
        assert_eq!(client.rest(), (b"part".to_vec(), End::Reset));
        let (mut client, mut upstream) = pair(&site);
        upstream.send("all");
        upstream.half_close();
        assert_eq!(client.rest(), (b"all".to_vec(), End::Fin));
        client.send("this as well");
        client.half_close();
        assert_eq!(upstream.rest(), (b"this as well".to_vec(), End::Fin));
    }
}

#[test]
fn a_reset_after_a_half_close_is_still_a_reset() {
    let site = Setup::tcp().start();
    let (mut client, mut upstream) = pair(&site);
    client.half_close();
    assert_eq!(upstream.ended(), End::Fin);
    upstream.reset();
    assert_eq!(client.ended(), End::Reset);
}

#[test]
fn silence_and_age_end_a_connection_in_order() {
    for (timeouts, why) in [
        ("timeouts: { idle: 100ms }", "idle"),
        ("timeouts: { idle: 10s, lifetime: 100ms }", "lifetime"),
    ] {
        let setup = Setup::tcp().listener(timeouts).listener("access_log: { path: access.log }");
        let site = setup.start();
        let (mut client, mut upstream) = pair(&site);
        assert_eq!(client.ended(), End::Fin, "{why}");
        assert_eq!(upstream.ended(), End::Fin, "{why}");
        assert_eq!(line(&site, "access.log", 0)["ended"], why);
    }
}

#[test]
fn a_line_tells_what_became_of_a_connection() {
    let site = Setup::tcp().listener("access_log: { path: access.log }").start();
    let (mut client, mut upstream) = pair(&site);
    client.send("1234");
    client.half_close();
    upstream.rest();
    upstream.send("123456789");
    upstream.half_close();
    client.rest();
    let line = line(&site, "access.log", 0);
    for (key, expected) in [
        ("listener", Value::from("web")),
        ("client", Value::from("127.0.0.1")),
        ("client_port", Value::from(client.local().port())),
        ("protocol", Value::from("tcp")),
        ("pool", Value::from("site")),
        ("backend", Value::from(site.backends.address(0).to_string())),
        ("attempts", Value::from(1)),
        ("bytes_in", Value::from(5)),
        ("bytes_out", Value::from(10)),
        ("ended", Value::from("done")),
    ] {
        assert_eq!(line[key], expected, "{key} in {line}");
    }
}

#[test]
fn connections_and_bytes_are_counted() {
    let site = Setup::tcp().start();
    let (mut client, mut upstream) = pair(&site);
    let metric = |name: &str| {
        let text = Client::connect(site.proxy.admin()).admin("/metrics").text();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
    };
    assert!(metric("pulsegate_backend_sent_bytes_total").ends_with(" 1"), "while it is open");
    assert!(metric("pulsegate_backend_in_flight").ends_with(" 1"));
    client.half_close();
    upstream.half_close();
    client.rest();
    let done = r#"pulsegate_forwarded_connections_total{ended="done"}"#;
    until("the end", || metric(done).ends_with(" 1").then_some(()));
    assert!(metric("pulsegate_backend_in_flight").ends_with(" 0"));
}

#[test]
fn a_shutdown_waits_for_open_connections() {
    let site = Setup::tcp().start();
    let (mut client, mut upstream) = pair(&site);
    site.proxy.signal(Signal::TERM);
    site.proxy.says("draining");
    client.send("still here");
    assert_eq!(upstream.exactly(10), b"still here");
    client.half_close();
    upstream.rest();
    upstream.half_close();
    assert_eq!(client.ended(), End::Fin);
    assert_eq!(site.proxy.finish().code, Some(0));
}
