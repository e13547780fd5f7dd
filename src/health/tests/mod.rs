//! Timelines told in text, and properties that hold for every sequence of results.

mod asking;
mod ejections;
mod flapping;
mod lowering;
mod properties;
mod reload;
mod restarts;
mod silence;
mod table;
mod timelines;

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::{BackendHealth, Change};
use crate::config::{ApplicationCheck, Cadence, Endpoint, HealthChecks, NetworkCheck};
use crate::model::{BackendKey, Expect, Failure, Layer, Observation, Outcome, Reason, Traffic};

fn cadence(interval: Duration, fall: u32, rise: u32) -> Cadence {
    Cadence { interval, timeout: interval / 2, fall, rise, jitter: 0.1 }
}

/// The network layer, `fall` 3 and `rise` 2.
fn network() -> HealthChecks {
    let cadence = cadence(Duration::from_millis(100), 3, 2);
    HealthChecks { network: Some(NetworkCheck::connect(cadence)), ..HealthChecks::default() }
}

/// Any answer with a good status.
fn expect() -> Expect {
    let status = vec![(200, 399)];
    Expect { status, headers: Vec::new(), body: None, json: Vec::new(), body_bytes_max: 1024 }
}

/// The application layer with these endpoints, `fall` 3 and `rise` 2.
fn application(paths: &[&str]) -> HealthChecks {
    let endpoint = |path: &&str| Endpoint { path: (*path).into(), expect: expect() };
    let check = ApplicationCheck {
        cadence: cadence(Duration::from_secs(1), 3, 2),
        host: None,
        tls: None,
        endpoints: paths.iter().map(endpoint).collect(),
        degrade: None,
    };
    HealthChecks { application: Some(check), ..HealthChecks::default() }
}

/// Both layers.
fn both(paths: &[&str]) -> HealthChecks {
    HealthChecks { network: network().network, ..application(paths) }
}

fn start() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn refused() -> Outcome {
    Outcome::Fail(Reason { failure: Failure::Refused, detail: "".into() })
}

fn status(code: &str) -> Outcome {
    Outcome::Fail(Reason { failure: Failure::Status, detail: code.into() })
}

fn void() -> Outcome {
    Outcome::Void("the prober was late".into())
}

fn key() -> BackendKey {
    BackendKey { pool: "site".into(), name: "a".into() }
}

fn seen(layer: Layer, check: usize, outcome: Outcome, at: Instant) -> Observation {
    let latency = Duration::from_millis(1);
    Observation { backend: key(), layer, check, at, latency, outcome, agent: None }
}

/// One backend's life, with every change written down.
struct Story {
    health: BackendHealth,
    zero: Instant,
    now: Instant,
    text: String,
}

impl Story {
    fn new(checks: &HealthChecks) -> Self {
        let zero = start();
        let health = BackendHealth::new(checks, zero);
        let text = format!("0 ms: {}\n", health.health().0.name());
        Self { health, zero, now: zero, text }
    }

    /// Moves the clock to `ms` after the beginning.
    fn at(&mut self, ms: u64) -> &mut Self {
        self.now = self.zero + Duration::from_millis(ms);
        self
    }

    fn connect(&mut self, outcome: Outcome) -> &mut Self {
        let change = self.health.observe(&seen(Layer::Network, 0, outcome, self.now));
        self.tell(change)
    }

    fn get(&mut self, endpoint: usize, outcome: Outcome) -> &mut Self {
        let change = self.health.observe(&seen(Layer::Application, endpoint, outcome, self.now));
        self.tell(change)
    }

    fn traffic(&mut self, connect_failures: u64, connects: u64) -> &mut Self {
        let sample = Traffic { connect_failures, connects, ..Traffic::none(key()) };
        let change = self.health.traffic(&sample, self.now);
        self.tell(change)
    }

    fn reload(&mut self, checks: &HealthChecks) -> &mut Self {
        let change = self.health.reconfigure(checks, self.now);
        self.tell(change)
    }

    fn tell(&mut self, change: Option<Change>) -> &mut Self {
        if let Some(change) = change {
            let ms = change.at.duration_since(self.zero).as_millis();
            let cause = change.cause.map_or("-", super::Cause::name);
            let reason = change.reason.map_or("-".into(), |reason| reason.to_string());
            let (from, to) = (change.from.name(), change.to.name());
            writeln!(self.text, "{ms} ms: {from} -> {to} ({cause}, {reason})").unwrap();
        }
        self
    }
}
