//! Backends that die and come back, by probes and by traffic, without a failed request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::harness::{Client, Head, Server, Setup, until};

/// The timeout is long: a refused connection is told at once, and a busy machine is not a dead one.
const PROBES: &str = "{ network: { interval: 50ms, timeout: 2s, fall: 2, rise: 1 } }";
/// The same, and whoever answered badly may soon show that it does no more.
const FORGIVING: &str = "{ network: { interval: 50ms, timeout: 2s, fall: 2, rise: 1 }, \
                         traffic: { eject: 100ms } }";

#[test]
fn a_backend_gets_traffic_after_its_first_passing_check() {
    let server = Server::named("up");
    let proxy = Setup::default().health(PROBES).over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    until("the first verdict", || (client.get("/").status == 200).then_some(()));
    assert_eq!(client.get("/").text(), "up");
}

#[test]
fn an_application_that_says_it_is_unwell_gets_nothing() {
    let well = Server::named("well");
    let unwell = Server::answering(Arc::new(|head: &Head| {
        let status = if head.start.contains("/health") { "503 Unwell" } else { "200 OK" };
        format!("HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\nunwell").into_bytes()
    }));
    let health = "{ application: { interval: 50ms, timeout: 2s, fall: 1, rise: 1, endpoints: [ /health ] } }";
    let proxy = Setup::default().health(health).over(&[&well, &unwell]);
    let mut client = Client::connect(proxy.address("web"));
    until("the first verdict", || (client.get("/").status == 200).then_some(()));
    for _ in 0..10 {
        assert_eq!(client.get("/").text(), "well");
    }
    assert_eq!(unwell.requests(), 0);
}

/// Ends the load whatever ends the test.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn backends_killed_and_restarted_under_load_fail_no_get() {
    let mut servers = [Server::named("a"), Server::named("b")];
    let proxy = Setup::default().health(FORGIVING).over(&servers.each_ref());
    let address = proxy.address("web");
    let mut probe = Client::connect(address);
    until("the first verdict", || (probe.get("/").status == 200).then_some(()));
    until("both backends", || {
        probe.get("/");
        servers.iter().all(|server| server.requests() > 0).then_some(())
    });
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stopping = Stopping(&stop);
        let clients: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(address);
                    while !stop.load(Ordering::SeqCst) {
                        let response = client.get("/");
                        assert_eq!(response.status, 200, "{}", response.text());
                    }
                })
            })
            .collect();
        for round in 0..4 {
            let (killed, other) = (round % 2, 1 - round % 2);
            servers[killed].kill();
            let before = servers[other].requests();
            until("the other to carry the load", || {
                (servers[other].requests() >= before + 50).then_some(())
            });
            servers[killed].start();
            let before = servers[killed].requests();
            until("the restarted one to take part", || {
                (servers[killed].requests() >= before + 10).then_some(())
            });
            // What died with it may be noticed after its return, and is then to be lived down.
            until("both to be in", || {
                let status = Client::connect(proxy.admin()).admin("/status").text();
                (status.matches("\"effective_weight\":1.0").count() == servers.len()).then_some(())
            });
        }
        stop.store(true, Ordering::SeqCst);
        for client in clients {
            client.join().expect("no request failed");
        }
    });
}

#[test]
fn who_answers_badly_is_better_than_nobody() {
    let well = Arc::new(AtomicBool::new(false));
    let mut steady = Server::named("steady");
    let recovered = Server::answering({
        let well = Arc::clone(&well);
        Arc::new(move |_: &Head| {
            let status = if well.load(Ordering::SeqCst) { "200 OK" } else { "500 Broken" };
            format!("HTTP/1.1 {status}\r\nContent-Length: 9\r\n\r\nrecovered").into_bytes()
        })
    });
    let health = "{ network: { interval: 1h, timeout: 2s, fall: 2, rise: 1 }, \
                  traffic: { min_requests: 5, eject: 1h, eject_max: 1h } }";
    let proxy = Setup::default().health(health).over(&[&steady, &recovered]);
    let mut client = Client::connect(proxy.address("web"));
    until("the ejection", || {
        client.get("/");
        Client::connect(proxy.admin())
            .admin("/status")
            .text()
            .contains("tries failed")
            .then_some(())
    });
    well.store(true, Ordering::SeqCst);
    for _ in 0..10 {
        assert_eq!(client.get("/").text(), "steady");
    }
    steady.kill();
    // Whether or not anybody has noticed yet.
    for _ in 0..10 {
        let response = client.get("/");
        assert_eq!((response.status, response.text().as_str()), (200, "recovered"));
    }
}

#[test]
fn backup_backends_serve_only_when_nobody_else_can() {
    let (mut main, spare) = (Server::named("main"), Server::named("spare"));
    let (first, second) = (main.address, spare.address);
    let config =
        Setup::default().health(PROBES).pool("algorithm: round-robin").config(&[]).replace(
            "backends: [  ]",
            &format!("backends: [ \"{first}\", {{ address: \"{second}\", backup: true }} ]"),
        );
    let proxy = crate::harness::Pulsegate::start(crate::harness::Pulsegate::folder(), &config);
    let mut client = Client::connect(proxy.address("web"));
    until("the main backend", || (client.get("/").text() == "main").then_some(()));
    for _ in 0..10 {
        assert_eq!(client.get("/").text(), "main");
    }
    main.kill();
    until("the spare one", || (client.get("/").text() == "spare").then_some(()));
    main.start();
    until("the main backend again", || (client.get("/").text() == "main").then_some(()));
}

#[test]
fn when_all_is_down_the_pools_own_answer_is_given() {
    let mut server = Server::named("up");
    let proxy = Setup::default()
        .health(PROBES)
        .pool("failover: { when_all_down: { status: 503, body: back soon } }")
        .over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    until("the first verdict", || (client.get("/").status == 200).then_some(()));
    server.kill();
    until("the pool's answer", || (client.get("/").text() == "back soon").then_some(()));
    assert_eq!(client.get("/").status, 503);
    server.start();
    until("the backend again", || (client.get("/").text() == "up").then_some(()));
}

#[test]
fn when_all_is_down_everybody_may_be_tried() {
    let server = Server::answering(Arc::new(|head: &Head| {
        let status = if head.start.contains("/health") { "503 Unwell" } else { "200 OK" };
        format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nhere").into_bytes()
    }));
    let health = "{ application: { interval: 50ms, timeout: 2s, fall: 1, rise: 1, endpoints: [ /health ] } }";
    let all = Setup::default().pool("failover: { when_all_down: all }");
    let proxy = all.health(health).over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    until("the verdict that all is down", || (client.get("/").text() == "here").then_some(()));
}
