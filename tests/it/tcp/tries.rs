//! Which backend a connection goes to, and what happens when that one does not answer.

use crate::access_log::line;
use crate::harness::{Backends, BlackHole, End, Setup, Site};

#[test]
fn another_backend_is_tried_when_one_refuses() {
    let setup = Setup::tcp().listener("access_log: { path: access.log }");
    let mut site = setup.backends(2);
    site.backends.refuse(0);
    for n in 0..4 {
        let (mut client, mut upstream) = site.send("x");
        assert_eq!((upstream.backend, upstream.exactly(1)), (1, b"x".to_vec()));
        client.half_close();
        upstream.half_close();
        assert_eq!(client.ended(), End::Fin);
        let line = line(&site, "access.log", n);
        assert_eq!(line["ended"], "done");
        assert!(line["attempts"].as_u64().is_some_and(|n| n <= 2), "{line}");
    }
}

#[test]
fn another_backend_is_tried_when_one_does_not_answer_in_time() {
    let (hole, backends) = (BlackHole::open(), Backends::start(1));
    let (lost, good) = (hole.address, backends.address(0));
    let setup = Setup::tcp().pool("timeouts: { connect: 100ms }").pool(&format!(
        "regions: {{ r: {{ zones: {{ z: {{ backends: [ \"{lost}\", \"{good}\" ] }} }} }} }}"
    ));
    let site = Site::start(setup.listener("access_log: { path: access.log }"), backends);
    // In turn on each worker, so one of two meets the black hole first, or both on two workers.
    for _ in 0..2 {
        let (mut client, mut upstream) = site.send("x");
        assert_eq!(upstream.exactly(1), b"x");
        client.half_close();
        upstream.half_close();
        assert_eq!(client.ended(), End::Fin);
    }
    let attempts = [0, 1].map(|n| line(&site, "access.log", n)["attempts"].as_u64());
    assert!(attempts.contains(&Some(2)), "{attempts:?}");
}

#[test]
fn all_tries_together_have_a_deadline() {
    let holes = [BlackHole::open(), BlackHole::open()];
    let pair = holes.each_ref().map(|hole| format!("\"{}\"", hole.address)).join(", ");
    let setup = Setup::tcp()
        .pool("timeouts: { connect: 1h }")
        .pool(&format!("regions: {{ r: {{ zones: {{ z: {{ backends: [ {pair} ] }} }} }} }}"))
        .listener("timeouts: { connect_total: 100ms }")
        .listener("access_log: { path: access.log }");
    let site = setup.start();
    assert!(site.resets());
    let line = line(&site, "access.log", 0);
    assert_eq!((&line["ended"], &line["attempts"]), (&"connect_failed".into(), &1.into()));
}

#[test]
fn a_client_that_cannot_be_served_is_reset_and_no_backend_is_tried_twice() {
    let setup = Setup::tcp().listener("access_log: { path: access.log }");
    let mut site = setup.listener("retries: { attempts: 5 }").backends(2);
    site.backends.refuse(0);
    site.backends.refuse(1);
    assert!(site.resets());
    let line = line(&site, "access.log", 0);
    assert_eq!((&line["ended"], &line["attempts"]), (&"connect_failed".into(), &2.into()));
}

#[test]
fn tries_are_bounded() {
    let setup = Setup::tcp().listener("access_log: { path: access.log }");
    let mut site = setup.listener("retries: { attempts: 2 }").backends(3);
    (0..3).for_each(|backend| site.backends.refuse(backend));
    assert!(site.resets());
    assert_eq!(line(&site, "access.log", 0)["attempts"], 2);
}

#[test]
fn open_connections_count_for_least_connections() {
    let site = Setup::tcp().pool("algorithm: least-connections").backends(2);
    let (_first, one) = site.send("x");
    let (_second, other) = site.send("x");
    assert_ne!(one.backend, other.backend);
    drop((_first, one));
    let (_third, _fourth) = (site.send("x"), site.send("x"));
}

#[test]
fn a_backend_killed_in_the_middle_is_told_to_the_client_and_the_next_goes_elsewhere() {
    let mut site = Setup::tcp().backends(2);
    let (mut client, mut upstream) = site.send("begin");
    upstream.exactly(5);
    let killed = upstream.backend;
    site.backends.refuse(killed);
    upstream.reset();
    assert_eq!(client.ended(), End::Reset);
    let (_client, upstream) = site.send("again");
    assert_ne!(upstream.backend, killed);
}
