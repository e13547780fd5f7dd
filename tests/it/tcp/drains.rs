//! Draining connections whose bytes mean nothing to us, and what becomes of them when a backend dies.

use std::thread;

use crate::drains::{backend, drain, drains, say};
use crate::harness::{End, Setup, until};
use crate::rescue::{GET, Stage};

use super::{line, pair};

fn logged(setup: Setup) -> Setup {
    setup.listener("access_log: { path: access.log }")
}

#[test]
fn the_ledger_tells_who_holds_a_drained_backend_open() {
    let site = Setup::tcp().pool("drain: { deadline: 1h }").start();
    let (mut client, mut upstream) = pair(&site);
    drain(&site, &backend(&site, 0));
    client.send("234");
    assert_eq!(upstream.exactly(3), b"234");
    until("what has moved to be listed", || {
        let listed = drains(&site);
        let held = listed.first()?["connections"].as_array()?.first()?.clone();
        let told = (held["protocol"].clone(), held["bytes_in"].clone(), held["bytes_out"].clone());
        (told == ("tcp".into(), 4.into(), 1.into())).then_some(())
    });
    client.half_close();
    upstream.half_close();
    client.ended();
    until("the drain to be empty", || (drains(&site)[0]["open"] == 0).then_some(()));
}

#[test]
fn what_does_not_end_by_itself_is_ended_at_the_deadline() {
    let site = logged(Setup::tcp()).pool("drain: { deadline: 100ms }").start();
    let (mut client, mut upstream) = pair(&site);
    drain(&site, &backend(&site, 0));
    client.ended();
    upstream.ended();
    assert_eq!(line(&site, "access.log", 0)["ended"], "drained");
}

#[test]
fn what_is_cut_off_in_the_middle_does_not_look_whole() {
    let site = Setup::tcp().pool("drain: { deadline: 500ms }").start();
    let (mut client, mut upstream) = pair(&site);
    drain(&site, &backend(&site, 0));
    let sending = thread::spawn(move || while upstream.offer("more and more") {});
    assert_eq!(client.rest().1, End::Reset);
    sending.join().expect("it only sends");
}

#[test]
fn an_undrained_backend_keeps_its_connections() {
    let site = Setup::tcp().pool("drain: { deadline: 1h }").start();
    let (mut client, mut upstream) = pair(&site);
    drain(&site, &backend(&site, 0));
    until("it to be listed", || (drains(&site)[0]["open"] == 1).then_some(()));
    assert_eq!(say(&site, &format!("undrain {}", backend(&site, 0))).code, Some(0));
    assert!(drains(&site).is_empty());
    client.send("on");
    assert_eq!(upstream.exactly(2), b"on");
}

#[test]
fn a_drained_listener_is_listed_with_what_is_open_there() {
    let site = Setup::tcp().start();
    let (mut client, mut upstream) = pair(&site);
    drain(&site, "listener web");
    until("it to be listed", || {
        let listed = drains(&site);
        let first = listed.first()?;
        (first["of"] == "listener" && first["open"] == 1).then_some(())
    });
    client.half_close();
    upstream.half_close();
    client.ended();
    until("the drain to be over", || drains(&site).is_empty().then_some(()));
}

#[test]
fn connections_to_a_backend_that_is_down_go_on_or_are_reset_as_the_pool_says() {
    let stage = Stage::start(Setup::tcp().pool("on_down: close"), 1);
    let (mut client, mut asked) = stage.send(GET);
    stage.down(0);
    assert_eq!(client.ended(), End::Reset);
    asked.upstream.ended();
    assert_eq!(stage.line()["ended"], "backend_down");

    let stage = Stage::start(Setup::tcp(), 1);
    let (mut client, mut asked) = stage.send(GET);
    stage.down(0);
    asked.upstream.send("still here");
    assert_eq!(client.exactly(10), b"still here");
}
