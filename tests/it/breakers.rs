//! A pool that fails as a whole is left alone for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Client, Finished, Pulsegate, Server, Setup, pulsegate, until};

/// A backend that answers 500 while it is broken.
fn breakable() -> (Server, Arc<AtomicBool>) {
    let broken = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&broken);
    let server = Server::answering(Arc::new(move |_| {
        let status = if state.load(Ordering::SeqCst) { "500 Oops" } else { "200 OK" };
        format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok").into_bytes()
    }));
    (server, broken)
}

fn tell(proxy: &Pulsegate, words: &str) -> Finished {
    let socket = ["--socket".to_owned(), proxy.socket().display().to_string()];
    pulsegate(words.split(' ').map(str::to_owned).chain(socket))
}

fn until_refused(client: &mut Client) -> crate::harness::Response {
    until("it to open", || Some(client.get("/x")).filter(|response| response.status == 503))
}

#[test]
fn too_many_failures_open_it_and_an_operator_closes_it() {
    let (server, broken) = breakable();
    let setup = Setup::default()
        .listener("access_log: { path: access.log }")
        .pool("breaker: { min_requests: 5, open: 1h }");
    let proxy = setup.over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    (0..5).for_each(|_| assert_eq!(client.get("/x").status, 500));
    let refused = until_refused(&mut client);
    let after: u64 =
        refused.head.get("retry-after").and_then(|it| it.parse().ok()).expect("seconds");
    assert!((3500..=3601).contains(&after), "{refused:?}");
    let asked = server.requests();
    broken.store(false, Ordering::SeqCst);
    (0..20).for_each(|_| assert_eq!(client.get("/x").status, 503));
    assert_eq!(server.requests(), asked, "it is left alone");

    let log = until("the line", || {
        let text = std::fs::read_to_string(proxy.path().join("access.log")).ok()?;
        text.contains("\"ended\":\"circuit_open\"").then_some(text)
    });
    assert!(!log.contains("\"ended\":\"shed\""), "{log}");
    let told = tell(&proxy, "explain GET http://x/x").stdout;
    assert!(told.contains("nothing is let in: the pool's circuit breaker is open"), "{told}");
    let told = tell(&proxy, "status").stdout;
    assert!(told.contains("pool site: circuit breaker open, until "), "{told}");
    let metrics = Client::connect(proxy.admin()).admin("/metrics").text();
    assert!(
        metrics.contains("pulsegate_pool_breaker{pool=\"site\",state=\"open\"} 1\n"),
        "{metrics}"
    );
    assert!(tell(&proxy, "events").stdout.contains("circuit: site closed -> open: "));
    assert_eq!(proxy.command("reload").code, Some(0));
    assert_eq!(client.get("/x").status, 503, "another table changes nothing");

    let reset = tell(&proxy, "breaker reset site --why mended");
    assert_eq!(reset.code, Some(0), "{reset:?}");
    assert_eq!(client.get("/x").status, 200);
    let events = tell(&proxy, "events").stdout;
    assert!(events.contains("reset-breaker of pool site ordered by admin"), "{events}");
    assert!(events.contains("circuit: site open -> closed: it was ordered"), "{events}");
}

#[test]
fn it_finds_out_by_a_trial_when_it_may_be_closed() {
    let (server, broken) = breakable();
    let breaker = "breaker: { min_requests: 5, open: 50ms, trial_share: 50% }";
    let proxy = Setup::default().pool(breaker).over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    // While it is broken, each trial opens it again.
    until("two trials in vain", || {
        client.get("/x");
        let status = Client::connect(proxy.admin()).admin("/status").text();
        let status: Value = serde_json::from_str(&status).expect("JSON");
        let opened = status["pools"][0]["protections"]["breaker"]["opened"].as_u64();
        (opened >= Some(3)).then_some(())
    });
    broken.store(false, Ordering::SeqCst);
    until("it to close", || {
        client.get("/x");
        tell(&proxy, "events").stdout.contains("circuit: site half-open -> closed").then_some(())
    });
    (0..50).for_each(|_| assert_eq!(client.get("/x").status, 200));
}

#[test]
fn answers_that_are_too_slow_open_it_too() {
    let server = Server::answering(Arc::new(|_| {
        thread::sleep(Duration::from_millis(5));
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()
    }));
    let breaker = "breaker: { min_requests: 5, open: 1h, slow: { above: 1ms, max: 20% } }";
    let proxy = Setup::default().pool(breaker).over(&[&server]);
    until_refused(&mut Client::connect(proxy.address("web")));
    let events = tell(&proxy, "events").stdout;
    assert!(events.contains("answers took longer than 1ms within 10s"), "{events}");
}

#[test]
fn a_pool_without_one_has_none_to_be_reset() {
    let server = Server::named("up");
    let proxy = Setup::default().over(&[&server]);
    let refused = tell(&proxy, "breaker reset site");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("pool `site` has no `breaker`"), "{refused:?}");
}
