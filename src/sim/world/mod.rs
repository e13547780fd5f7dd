//! How the backends truly are, whatever the balancer believes.

mod latency;
mod truth;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) use truth::{Gone, Truth};

use crate::config::scenario::{Event, Nature, Scenario};
use crate::config::{Config, Pool, ResolvedBackend, Target, expand};
use crate::model::{
    Addresses, BackendKey, Failure, Layer, Outcome, ProbeKind, ProbeSpec, Reason, Resolution,
    ZoneKey,
};

/// Every backend of a config.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// In config order.
    pub(super) backends: Vec<Inhabitant>,
    places: HashMap<BackendKey, usize>,
    /// What hostnames resolve to here.
    pub(super) addresses: Addresses,
}

/// A backend, and how it truly is.
#[derive(Clone, Debug)]
pub(super) struct Inhabitant {
    pub(super) backend: ResolvedBackend,
    pub(super) truth: Truth,
}

impl World {
    /// The world before anything happens.
    pub(super) fn new(config: &Config, scenario: &Scenario) -> Self {
        let addresses = addresses(config);
        let natures: HashMap<&ZoneKey, Nature> =
            scenario.zones.iter().map(|(key, nature)| (key, *nature)).collect();
        let mut backends = Vec::new();
        for pool in &config.pools {
            let members = expand(pool, &addresses);
            for backend in &members {
                let key = zone_of(backend);
                let Some(nature) = natures.get(&key) else { continue };
                let part = part_of_zone(backend, &members);
                let nature = Nature { rps: nature.rps.map(|rps| rps * part), ..*nature };
                let truth = Truth::new(nature);
                backends.push(Inhabitant { backend: backend.clone(), truth });
            }
        }
        let keys = backends.iter().map(|one| one.backend.key.clone());
        let places = keys.enumerate().map(|(place, key)| (key, place)).collect();
        Self { backends, places, addresses }
    }

    /// Where a backend is in `backends`.
    pub(super) fn place(&self, key: &BackendKey) -> Option<usize> {
        self.places.get(key).copied()
    }

    /// Something happens.
    pub(super) fn happen(&mut self, event: &Event) {
        for Inhabitant { backend, truth } in &mut self.backends {
            if event.place.covers_backend(&backend.key, &backend.region, &backend.zone) {
                truth.happen(&event.verb, event.at);
            }
        }
    }

    /// What a probe sees that begins now, and how long it takes.
    pub(super) fn probe(
        &self,
        spec: &ProbeSpec,
        at: Duration,
        rng: &mut fastrand::Rng,
    ) -> (Duration, Outcome) {
        let fail =
            |failure, detail: &str| Outcome::Fail(Reason { failure, detail: Arc::from(detail) });
        let Some(truth) = self.place(&spec.backend).map(|place| &self.backends[place].truth) else {
            return (Duration::ZERO, fail(Failure::Unreachable, "no such host"));
        };
        let late = || (spec.timeout, fail(Failure::Timeout, "no answer"));
        let round_trip = truth.nature.round_trip;
        match truth.gone(at) {
            Some(Gone::Silent) => return late(),
            Some(Gone::Refusing) => return (round_trip, fail(Failure::Refused, "connect")),
            None => {}
        }
        let requests = match &spec.kind {
            ProbeKind::Connect | ProbeKind::Ping => 0,
            ProbeKind::Transaction(transaction) => transaction.steps.len(),
            _ => 1,
        };
        let answers = (0..requests).map(|_| truth.latency(at).mul_f64(latency::draw(rng)));
        let took = round_trip + answers.sum::<Duration>();
        if took > spec.timeout {
            return late();
        }
        // What depends on others is checked by doing what a user does, not by asking for `/health`.
        let fails = match spec.layer {
            Layer::Business if truth.dependency.is_some() => true,
            Layer::Business | Layer::Application if requests > 0 => rng.f64() < truth.faults(at),
            _ => false,
        };
        if fails {
            return (took, fail(Failure::Status, "503"));
        }
        (took, Outcome::Pass)
    }
}

/// A zone's identity.
pub(super) fn zone_of(backend: &ResolvedBackend) -> ZoneKey {
    let ResolvedBackend { region, zone, key, .. } = backend;
    ZoneKey { pool: Arc::clone(&key.pool), region: Arc::clone(region), zone: Arc::clone(zone) }
}

/// The part of its zone's capacity that a backend has, by weight.
fn part_of_zone(backend: &ResolvedBackend, pool: &[ResolvedBackend]) -> f64 {
    let same =
        |other: &&ResolvedBackend| other.region == backend.region && other.zone == backend.zone;
    let (mut weights, mut count) = (0.0, 0.0);
    for other in pool.iter().filter(same) {
        weights += f64::from(other.weight);
        count += 1.0;
    }
    if weights > 0.0 { f64::from(backend.weight) / weights } else { 1.0 / count }
}

/// One address for each hostname, from the range that is reserved for benchmarks (RFC 2544).
fn addresses(config: &Config) -> Addresses {
    let mut addresses = Addresses::default();
    let mut next: u16 = 0;
    let mut learn = |pool: &Pool, name: &Arc<str>, port: u16| {
        next = next.wrapping_add(1);
        let [high, low] = next.to_be_bytes();
        let address = SocketAddr::from(([198, 18, high, low], port));
        let (pool, backend) = (Arc::clone(&pool.name), Arc::clone(name));
        addresses.learn(Resolution { pool, backend, addresses: vec![address] });
    };
    for pool in &config.pools {
        for backend in pool.regions.iter().flat_map(|r| &r.zones).flat_map(|z| &z.backends) {
            if let Target::Host { port, .. } = &backend.target {
                learn(pool, &backend.name, *port);
            }
        }
    }
    addresses
}
