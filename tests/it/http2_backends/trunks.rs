//! How many connections there are, and how many requests on each.

use super::{client, setup, site, trunk};
use crate::drains::drain;
use crate::harness::{Frames, kind};

/// SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 section 6.5.2).
const MAX_STREAMS: u16 = 3;

#[test]
fn requests_share_a_connection_and_end_in_any_order() {
    let site = site("");
    let mut client = client(&site);
    [1, 3, 5].into_iter().for_each(|stream| client.get(stream));
    let mut backend = trunk(&site);
    let streams = [backend.asked(), backend.asked(), backend.asked()];
    assert_eq!(streams, [1, 3, 5]);
    for stream in [5, 3, 1] {
        backend.ok(stream, &format!("answer {stream}"));
        let head = client.next();
        assert_eq!((head.status(), head.stream), (200, stream));
        assert_eq!(client.next().payload, format!("answer {stream}").into_bytes());
    }
    // Whoever comes next, on whatever connection, finds it open.
    let mut other = super::client(&site);
    other.get(1);
    assert_eq!(backend.asked(), 7);
    backend.ok(7, "again");
    assert_eq!(other.answer(1), (200, "again".to_owned()));
    assert_eq!(site.backends.connections(0), 1);
}

/// Of five requests two go on each of two connections; the fifth waits until another one ends.
#[test]
fn another_connection_is_opened_when_all_are_full_and_then_requests_wait() {
    let site = setup("max_streams: 2, max_connections: 2").pool("queue: { timeout: 30s }").start();
    let mut client = client(&site);
    [1, 3, 5, 7, 9].into_iter().for_each(|stream| client.get(stream));
    let (mut one, mut two) = (trunk(&site), trunk(&site));
    for backend in [&mut one, &mut two] {
        assert_eq!([backend.asked(), backend.asked()], [1, 3]);
    }
    two.ok(1, "first");
    assert_eq!(two.asked(), 5);
    one.ok(1, "other");
    let mut answered = Vec::new();
    while answered.len() < 2 {
        let frame = client.next();
        if frame.ends() {
            answered.push(frame.payload);
        }
    }
    answered.sort();
    assert_eq!(answered, [b"first".to_vec(), b"other".to_vec()]);
    assert_eq!(site.backends.connections(0), 2);
}

#[test]
fn a_backend_may_allow_less_and_change_its_mind() {
    let site = setup("max_connections: 1").pool("queue: { timeout: 30s }").start();
    let mut client = client(&site);
    [1, 3, 5].into_iter().for_each(|stream| client.get(stream));
    let mut backend = Frames::accept(site.accept(), &[(MAX_STREAMS, 1)]);
    assert_eq!(backend.asked(), 1);
    backend.ok(1, "one");
    assert_eq!(client.answer(1).1, "one");
    assert_eq!(backend.asked(), 3);
    backend.frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 2]);
    assert_eq!(backend.asked(), 5);
}

#[test]
fn who_waits_too_long_for_room_or_finds_too_many_waiting_is_refused() {
    let one = || setup("max_streams: 1, max_connections: 1");
    let site = one().pool("queue: { timeout: 50ms }").start();
    let mut client = client(&site);
    client.get(1);
    let mut backend = trunk(&site);
    backend.asked();
    client.get(3);
    assert_eq!(client.answer(3).0, 503);
    backend.ok(1, "one");
    assert_eq!(client.answer(1).1, "one");
    let site = one().pool("queue: { length: 0 }").start();
    let mut client = super::client(&site);
    client.get(1);
    let mut backend = trunk(&site);
    backend.asked();
    client.get(3);
    assert_eq!(client.answer(3).0, 503);
}

#[test]
fn an_unused_connection_is_closed_in_peace() {
    let site = setup("").pool("timeouts: { pool_idle: 50ms }").start();
    let mut client = client(&site);
    client.get(1);
    let mut backend = trunk(&site);
    backend.asked();
    backend.ok(1, "one");
    assert_eq!(client.answer(1).1, "one");
    assert_eq!(backend.connection_error(), 0);
}

/// One that is drained gets no more, and what it has is finished.
#[test]
fn a_drained_backends_connection_ends_with_its_last_request() {
    let site = setup("").backends(2);
    let mut client = client(&site);
    client.get(1);
    let first = site.accept();
    let drained = first.backend;
    let mut backend = Frames::accept(first, &[]);
    backend.asked();
    drain(&site, &crate::drains::backend(&site, drained));
    backend.ok(1, "whole");
    assert_eq!(client.answer(1), (200, "whole".to_owned()));
    assert_eq!(backend.connection_error(), 0);
    client.get(3);
    let next = site.accept();
    assert_ne!(next.backend, drained);
}

/// A connection on which nothing comes any more would be dead for all who share it.
#[test]
fn a_connection_that_has_fallen_silent_is_given_up() {
    let site = setup("").listener("timeouts: { first_byte: 100ms }").start();
    let mut client = client(&site);
    client.get(1);
    let mut silent = trunk(&site);
    assert_eq!(silent.asked(), 1);
    silent.ok(1, "still well");
    assert_eq!(client.answer(1).1, "still well");
    client.get(3);
    assert_eq!(client.answer(3).0, 504);
    client.get(5);
    let mut backend = trunk(&site);
    assert_eq!(backend.asked(), 1);
    backend.ok(1, "alive");
    assert_eq!(client.answer(5).1, "alive");
}
