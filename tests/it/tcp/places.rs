//! Backends that have only so many connections, and the queue for a place.

use crate::access_log::line;
use crate::harness::{End, Setup, Site};

fn limited(setup: Setup, backends: usize) -> Site {
    setup.listener("access_log: { path: access.log }").pool("max_connections: 1").backends(backends)
}

#[test]
fn a_full_backend_is_passed_over() {
    let site = limited(Setup::tcp(), 3);
    let mut held: Vec<_> = (0..3).map(|_| site.send("x")).collect();
    let mut backends: Vec<usize> = held.iter().map(|(_, upstream)| upstream.backend).collect();
    backends.sort_unstable();
    assert_eq!(backends, [0, 1, 2]);
    let (client, mut upstream) = held.remove(1);
    client.reset();
    assert_eq!(upstream.rest().1, End::Reset);
    let (_client, next) = site.send("x");
    assert_eq!(next.backend, upstream.backend, "the only one with a free place");
}

#[test]
fn who_waits_gets_the_place_that_becomes_free_in_order() {
    let site = limited(Setup::tcp().pool("queue: { length: 2, timeout: 10s }"), 1);
    let (first, mut upstream) = site.send("1");
    let mut second = site.client();
    second.send("2");
    let mut third = site.client();
    third.send("3");
    first.reset();
    assert_eq!(upstream.exactly(1), b"1");
    assert_eq!(upstream.ended(), End::Reset);
    let mut seen = Vec::new();
    for client in [&mut second, &mut third] {
        let mut upstream = site.accept();
        seen.extend(upstream.exactly(1));
        upstream.half_close();
        client.half_close();
        assert_eq!(client.ended(), End::Fin);
    }
    assert_eq!(seen, b"23");
}

#[test]
fn a_full_queue_and_a_wait_too_long_are_told_apart() {
    let site = limited(Setup::tcp().pool("queue: { length: 0 }"), 1);
    let (_first, _upstream) = site.send("1");
    assert!(site.resets());
    assert_eq!(line(&site, "access.log", 0)["ended"], "queue_full");

    let site = limited(Setup::tcp().pool("queue: { length: 1, timeout: 100ms }"), 1);
    let (_first, _upstream) = site.send("1");
    assert!(site.resets());
    assert_eq!(line(&site, "access.log", 0)["ended"], "queue_timeout");
}
