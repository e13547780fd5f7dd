//! Draining on real connections: what is told, what may finish, what is cut off, and who is listed.

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Client, End, Finished, Pulsegate, Setup, Site, Upstream, pulsegate, until};

const REQUEST: &str = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\n\r\n";

pub(crate) fn say(site: &Site, words: &str) -> Finished {
    say_to(&site.proxy, words)
}

pub(crate) fn say_to(proxy: &Pulsegate, words: &str) -> Finished {
    let socket = proxy.socket().display().to_string();
    let words = words.split(' ').chain(["--socket", &socket]).map(str::to_owned);
    pulsegate(words.collect::<Vec<_>>())
}

pub(crate) fn drain(site: &Site, what: &str) {
    let done = say(site, &format!("drain {what} --force"));
    assert_eq!(done.code, Some(0), "{done:?}");
}

pub(crate) fn backend(site: &Site, index: usize) -> String {
    format!("backend site/{}", site.backends.address(index))
}

pub(crate) fn drains(site: &Site) -> Vec<Value> {
    let told = say(site, "drains --json");
    let told: Value =
        serde_json::from_str(&told.stdout).unwrap_or_else(|e| panic!("{e}: {told:?}"));
    told["drains"].as_array().expect("a list").clone()
}

fn tunnel(site: &Site) -> (Client, Upstream) {
    let (mut client, mut upstream) = site.send(HANDSHAKE);
    upstream.head();
    upstream.send(SWITCH);
    assert_eq!(client.response().status, 101);
    (client, upstream)
}

#[test]
fn what_is_in_flight_finishes_and_its_client_is_told() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send(REQUEST);
    upstream.head();
    drain(&site, &backend(&site, 0));
    until("the try to be listed", || {
        let listed = drains(&site);
        (listed.first()?["connections"].as_array()?.len() == 1).then_some(())
    });
    upstream.ok("whole");
    let response = client.response();
    assert_eq!(response.text(), "whole");
    assert!(response.says_close(), "{:?}", response.head);
    assert_eq!(client.ended(), End::Fin);
}

#[test]
fn an_idle_connection_to_it_is_closed_at_once() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send(REQUEST);
    upstream.serve("kept");
    client.response();
    drain(&site, &backend(&site, 0));
    assert_eq!(upstream.ended(), End::Fin);
}

#[test]
fn the_ledger_tells_who_holds_it_open() {
    let site = Site::plain();
    let (mut client, mut upstream) = tunnel(&site);
    client.send("12345");
    assert_eq!(upstream.exactly(5), b"12345");
    upstream.send("123");
    assert_eq!(client.exactly(3), b"123");
    assert!(say(&site, "drains").stdout.starts_with("nothing is being drained"));
    drain(&site, &backend(&site, 0));
    let listed = drains(&site);
    assert_eq!(listed.len(), 1, "{listed:?}");
    let name = format!("site/{}", site.backends.address(0));
    assert_eq!((&listed[0]["of"], &listed[0]["name"]), (&"backend".into(), &name.into()));
    assert_eq!(listed[0]["open"], 1, "{listed:?}");
    let held = &listed[0]["connections"][0];
    assert_eq!(
        (&held["protocol"], &held["bytes_in"], &held["bytes_out"]),
        (&"websocket".into(), &5.into(), &3.into()),
        "{held}"
    );
    assert!(held["client"].as_str().is_some_and(|it| it.starts_with("127.0.0.1:")), "{held}");
    drop(client);
    upstream.ended();
    until("the drain to be empty", || (drains(&site)[0]["open"] == 0).then_some(()));
}

#[test]
fn tunnels_are_ended_within_the_deadline() {
    let site = Setup::default().pool("drain: { deadline: 1s }").start();
    let mut tunnels: Vec<_> = (0..5).map(|_| tunnel(&site)).collect();
    drain(&site, &backend(&site, 0));
    for (client, upstream) in &mut tunnels {
        assert_eq!(client.rest().0, b"\x88\x02\x03\xe9");
        assert_eq!(upstream.rest().0, b"\x88\x82\0\0\0\0\x03\xe9");
    }
    until("the drain to be empty", || (drains(&site)[0]["open"] == 0).then_some(()));
}

#[test]
fn a_websocket_is_told_between_two_frames_that_it_ends() {
    let site = Setup::default().pool("drain: { deadline: 1s }").start();
    let (mut client, mut upstream) = tunnel(&site);
    upstream.send(b"\x81\x04po");
    assert_eq!(client.exactly(4), b"\x81\x04po");
    client.send(b"\x81\x84\x01\x02\x03\x04ping");
    assert_eq!(upstream.exactly(10), b"\x81\x84\x01\x02\x03\x04ping");
    drain(&site, &backend(&site, 0));
    upstream.send(b"ng");
    assert_eq!(client.exactly(2), b"ng");
    // 1001, going away; towards the backend as its client would say it.
    assert_eq!(client.rest().0, b"\x88\x02\x03\xe9");
    assert_eq!(upstream.rest().0, b"\x88\x82\0\0\0\0\x03\xe9");
}

#[test]
fn a_websocket_is_told_that_the_process_stops() {
    let site = Site::plain();
    let (mut client, mut upstream) = tunnel(&site);
    let (mut slow, mut working) = site.send(REQUEST);
    working.head();
    site.proxy.signal(Signal::TERM);
    assert_eq!(client.rest().0, b"\x88\x02\x03\xe9");
    assert_eq!(upstream.rest().0, b"\x88\x82\0\0\0\0\x03\xe9");
    until("the request to be listed as what is waited for", || {
        let listed = drains(&site);
        let web = listed.iter().find(|it| it["of"] == "listener" && it["name"] == "web")?;
        (web["open"] == 1 && web["connections"].as_array()?.len() == 1).then_some(())
    });
    working.ok("whole");
    assert_eq!(slow.response().text(), "whole");
    assert_eq!(site.proxy.finish().code, Some(0));
}

#[test]
fn a_websocket_in_the_middle_of_a_frame_is_not_waited_for_for_ever() {
    let site = Setup::default().pool("drain: { deadline: 1s }").start();
    let (mut client, mut upstream) = tunnel(&site);
    upstream.send(b"\x81\x04po");
    assert_eq!(client.exactly(4), b"\x81\x04po");
    drain(&site, &backend(&site, 0));
    assert_eq!(client.rest().0, b"", "what would be taken for the message is not said");
    assert_eq!(upstream.rest().0, b"\x88\x82\0\0\0\0\x03\xe9");
}

#[test]
fn a_stream_of_events_is_ended_within_the_deadline() {
    let site = Setup::default().pool("drain: { deadline: 1s }").start();
    let (mut client, mut upstream) = site.send(REQUEST);
    upstream.head();
    upstream.send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nevent\r\n",
    );
    client.head();
    assert!(client.until(b"event\r\n").is_some());
    drain(&site, &backend(&site, 0));
    client.ended();
    upstream.ended();
}

#[test]
fn at_the_deadline_what_can_go_elsewhere_does_and_the_rest_is_cut_off() {
    let site = Setup::default().pool("drain: { deadline: 100ms }").backends(2);
    let (mut client, mut upstream) = site.send(REQUEST);
    upstream.head();
    let at = usize::from(upstream.local() == site.backends.address(1));
    drain(&site, &backend(&site, at));
    // The request may be repeated, so nobody notices.
    site.accept().serve("elsewhere");
    assert_eq!(client.response().text(), "elsewhere");
    upstream.ended();

    say(&site, &format!("undrain {}", backend(&site, at)));
    let (mut client, mut upstream) =
        site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    upstream.head();
    let at = usize::from(upstream.local() == site.backends.address(1));
    drain(&site, &backend(&site, at));
    assert_eq!(client.response().status, 503);
    upstream.ended();
}

#[test]
fn a_drained_listeners_clients_are_told_and_cut_off_at_the_end() {
    let site = Site::plain();
    let (mut idle, mut upstream) = site.send(REQUEST);
    upstream.serve("idle");
    idle.response();
    let mut busy = site.client();
    busy.send(REQUEST);
    upstream.head();
    drain(&site, "listener web");
    assert_eq!(idle.ended(), End::Fin);
    let listed = drains(&site);
    assert_eq!((&listed[0]["of"], &listed[0]["name"]), (&"listener".into(), &"web".into()));
    upstream.ok("last");
    let response = busy.response();
    assert!(response.says_close(), "{:?}", response.head);
    assert_eq!(response.text(), "last");
    busy.ended();
    until("the drain to be over", || drains(&site).is_empty().then_some(()));
}

#[test]
fn an_emergency_stop_cuts_off_at_once() {
    let site = Setup::default().pool("drain: { deadline: 1h }").start();
    let (mut client, mut upstream) = tunnel(&site);
    let stopped = say(&site, "emergency stop --region default --confirm default --force");
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert_eq!(client.rest().0, b"\x88\x02\x03\xe9");
    upstream.rest();
}

#[test]
fn what_is_undrained_goes_on_undisturbed() {
    let site = Setup::default().pool("drain: { deadline: 1h }").start();
    let (mut client, mut upstream) = site.send(REQUEST);
    upstream.head();
    drain(&site, &backend(&site, 0));
    assert_eq!(drains(&site).len(), 1);
    assert_eq!(say(&site, &format!("undrain {}", backend(&site, 0))).code, Some(0));
    assert!(drains(&site).is_empty());
    upstream.ok("whole");
    assert_eq!(client.response().text(), "whole");
}
