//! The fault matrix: everything that can be wrong with a backend, on real sockets, with all four
//! layers asked. For each fault: the lowest layer that sees it, the reason it gives, and that
//! traffic avoids the backend until it is well again.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{
    BlackHole, Client, Database, Faulty, Mood, NAME, Pulsegate, Secure, Setup, until,
};

/// Fast, but with room for a loaded machine.
const HEALTH: &str = "{ network: { interval: 50ms, timeout: 150ms, fall: 2, rise: 1 }, \
     process: { interval: 50ms, timeout: 300ms, fall: 3, rise: 1 }, \
     application: { interval: 50ms, timeout: 600ms, fall: 3, rise: 1, endpoints: \
         [ { path: /health, expect: { body: { regex: \"^(well|other)$\" } } } ] }, \
     business: { interval: 50ms, timeout: 900ms, fall: 3, rise: 1, \
         transaction: [ { get: /login }, { get: /cart } ] } }";

/// A balancer before two backends that are up.
struct Stage {
    proxy: Pulsegate,
}

impl Stage {
    /// Before a well backend and another one.
    fn with(well: &Faulty, other: SocketAddr) -> Self {
        let config = Setup::default().health(HEALTH).config(&[well.address, other]);
        Self::start(Pulsegate::start(Pulsegate::folder(), &config))
    }

    fn start(proxy: Pulsegate) -> Self {
        let stage = Self { proxy };
        stage.until_up(0);
        stage.until_up(1);
        stage
    }

    /// What is known of a backend.
    fn backend(&self, index: usize) -> Option<Value> {
        let text = Client::connect(self.proxy.admin()).admin("/status").text();
        let mut status: Value = serde_json::from_str(&text).ok()?;
        let zone = &mut status["pools"][0]["regions"][0]["zones"][0];
        Some(zone["backends"][index].take())
    }

    /// Waits until the backend is up and gets traffic.
    fn until_up(&self, index: usize) {
        until("a backend to be up", || {
            let backend = self.backend(index)?;
            let takes = backend["effective_weight"].as_f64()? > 0.0;
            (backend["health"] == "up" && takes).then_some(())
        });
    }

    /// Waits until the other backend has only a part of its weight because of this layer and for
    /// this reason.
    fn until_lowered(&self, layer: &str, reason: &str) {
        self.until_seen(layer, reason, |backend| {
            let part = backend["effective_weight"].as_f64();
            backend["health"] == "degraded" && part.is_some_and(|part| 0.0 < part && part < 1.0)
        });
    }

    /// Waits until the other backend is dealt with because of this layer, the lowest that is down,
    /// and for this reason.
    fn until_seen(&self, layer: &str, reason: &str, is_dealt_with: impl Fn(&Value) -> bool) {
        until(&format!("{layer}: {reason}"), || {
            let backend = self.backend(1)?;
            let begins = |text: &Value| text.as_str().is_some_and(|text| text.starts_with(reason));
            let checks = backend["checks"].as_array()?;
            let lowest = checks.iter().find(|check| check["health"] == "down")?;
            let seen = lowest["layer"] == layer && begins(&lowest["reason"]);
            (is_dealt_with(&backend) && seen && begins(&backend["reason"])).then_some(())
        });
    }

    /// Waits until the other backend is out because of this layer and for this reason, with every
    /// layer below it well; then the well one serves everything.
    fn expect_out(&self, layer: &str, reason: &str) {
        self.until_seen(layer, reason, |backend| {
            backend["health"] == "down" && backend["effective_weight"] == 0.0
        });
        let mut client = Client::connect(self.proxy.address("web"));
        for _ in 0..6 {
            assert_eq!(client.get("/").text(), "well");
        }
    }
}

/// A backend that behaves like this is out for that reason, and in again once it is well.
fn expect(mood: Mood, layer: &str, reason: &str) {
    let (well, other) = (Faulty::named("well"), Faulty::named("other"));
    let stage = Stage::with(&well, other.address);
    other.turn(mood);
    stage.expect_out(layer, reason);
    let before = other.requests();
    let mut client = Client::connect(stage.proxy.address("web"));
    client.get("/");
    assert_eq!(other.requests(), before, "it gets no traffic");
    other.turn(Mood::Well);
    stage.until_up(1);
    until("traffic again", || (client.get("/").text() == "other").then_some(()));
}

#[test]
fn dropped_syns() {
    let (well, mut hole) = (Faulty::named("well"), BlackHole::listening());
    // Nobody speaks there, so no other layer is asked.
    let health = "{ network: { interval: 50ms, timeout: 100ms, fall: 2, rise: 1 } }";
    let config = Setup::default().health(health).config(&[well.address, hole.address]);
    let stage = Stage::start(Pulsegate::start(Pulsegate::folder(), &config));
    hole.swallow();
    stage.expect_out("network", "timeout");
}

#[test]
fn refused() {
    let (well, mut other) = (Faulty::named("well"), Faulty::named("other"));
    let stage = Stage::with(&well, other.address);
    other.refuse();
    stage.expect_out("network", "refused");
}

#[test]
fn accepted_and_silent() {
    expect(Mood::Silent, "process", "timeout");
}

#[test]
fn reset_instead_of_an_answer() {
    expect(Mood::Reset, "process", "reset");
}

#[test]
fn garbage_instead_of_an_answer() {
    expect(Mood::Garbage, "process", "protocol");
}

#[test]
fn slow_beyond_the_timeout() {
    expect(Mood::Slow(Duration::from_millis(400)), "process", "timeout");
}

#[test]
fn slow_beyond_the_timeout_of_the_application_alone() {
    expect(Mood::SlowAt("/health", Duration::from_millis(800)), "application", "timeout");
}

#[test]
fn slow_within_the_timeout() {
    let (well, other) = (Faulty::named("well"), Faulty::named("other"));
    let stage = Stage::with(&well, other.address);
    other.turn(Mood::Slow(Duration::from_millis(20)));
    // Enough results to have judged it by.
    until("sixteen slow passes of every layer", || {
        let backend = stage.backend(1)?;
        let enough = |check: &Value| {
            check["results"].as_str().is_some_and(|results| results.ends_with(&"+".repeat(16)))
        };
        backend["checks"].as_array()?.iter().all(enough).then_some(())
    });
    let backend = stage.backend(1).expect("a status");
    assert_eq!((&backend["health"], &backend["reason"]), (&"up".into(), &Value::Null));
}

#[test]
fn status_500() {
    expect(Mood::Status("500 Oops"), "application", "status: 500");
}

#[test]
fn a_truncated_body() {
    expect(Mood::Truncated, "application", "truncated");
}

#[test]
fn a_wrong_business_answer_lowers_the_share() {
    let (well, other) = (Faulty::named("well"), Faulty::named("other"));
    let stage = Stage::with(&well, other.address);
    other.turn(Mood::StatusAt("/cart", "409 Conflict"));
    stage.until_lowered("business", "status: step 2");
    other.turn(Mood::Well);
    stage.until_up(1);
}

#[test]
fn the_right_status_with_a_wrong_body() {
    expect(Mood::BodyAt("/health", "down for maintenance"), "application", "content");
}

#[test]
fn a_database_that_refuses_the_query() {
    let (well, other) = (Database::start(), Database::start());
    let health = "{ network: { interval: 50ms, timeout: 150ms }, business: { interval: 50ms, \
         timeout: 2s, fall: 2, rise: 1, query: { postgres: \"SELECT 1\", user: check } } }";
    let config = Setup::default().health(health).config(&[well.address, other.address]);
    let stage = Stage::start(Pulsegate::start(Pulsegate::folder(), &config));
    other.refuse(true);
    stage.until_lowered("business", "rejected: no more connections");
    other.refuse(false);
    stage.until_up(1);
}

#[test]
fn a_wrong_certificate() {
    let (well, other) = (Secure::named("well"), Secure::named("other"));
    let folder = Pulsegate::folder();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, format!("{}{}", well.pem, other.pem)).expect("a writable folder");
    let tls = format!("tls: {{ ca: \"{}\", server_name: {NAME} }}", ca.display());
    let health = format!(
        "{{ network: {{}}, process: {{ interval: 50ms, timeout: 2s, type: tls }}, application: {{ \
         interval: 50ms, timeout: 2s, fall: 3, rise: 1, {tls}, endpoints: [ /health ] }} }}"
    );
    let config = Setup::default().health(&health).config(&[well.address, other.address]);
    let stage = Stage::start(Pulsegate::start(folder, &config));
    other.lose_trust();
    stage.expect_out("application", "certificate");
}

#[test]
fn what_is_known_outlives_a_reload() {
    let (well, other) = (Faulty::named("well"), Faulty::named("other"));
    let stage = Stage::with(&well, other.address);
    other.turn(Mood::Status("500 Oops"));
    stage.expect_out("application", "status: 500");
    let before = stage.backend(1).expect("a status");
    let config = std::fs::read_to_string(stage.proxy.config()).expect("the config");
    stage.proxy.rewrite(&config.replace("pool: site }", "pool: site, name: renamed }"));
    assert_eq!(stage.proxy.command("reload").code, Some(0));
    let after = stage.backend(1).expect("a status");
    for field in ["health", "reason", "effective_weight"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    // Each look rounds to whole milliseconds by itself.
    let age_ms = |backend: &Value| backend["age_ms"].as_u64().expect("a number");
    assert!(age_ms(&after) + 1 >= age_ms(&before), "since: {after:#}");
    let results = |backend: &Value| backend["checks"][0]["results"].as_str().map(str::len);
    assert!(results(&after) >= results(&before), "{after:#}");
    stage.expect_out("application", "status: 500");
    other.turn(Mood::Well);
    stage.until_up(1);
}

/// A backend that is a process of its own.
fn process() -> Pulsegate {
    let route = "{ respond: { status: 200, body: other } }";
    let unused = SocketAddr::from(([127, 0, 0, 1], 9));
    let config = Setup::default().route(route).config(&[unused]);
    Pulsegate::start(Pulsegate::folder(), &config)
}

#[test]
fn a_stopped_process() {
    let (well, other) = (Faulty::named("well"), process());
    let stage = Stage::with(&well, other.address("web"));
    other.signal(Signal::STOP);
    // The kernel still accepts for it.
    stage.expect_out("process", "timeout");
    other.signal(Signal::CONT);
    stage.until_up(1);
}

#[test]
fn a_killed_process() {
    let (well, other) = (Faulty::named("well"), process());
    let stage = Stage::with(&well, other.address("web"));
    other.signal(Signal::KILL);
    stage.expect_out("network", "refused");
}
