//! What is known and counted about pools, zones and backends.

use std::sync::{Arc, Mutex, PoisonError};

use super::latency::{BOUNDS_S, Distribution, PoolLatencies};
use super::traffic::CLASSES;
use crate::control::{BackendEvidence, Status};
use crate::health::Verdict;
use crate::live::{self, BackendCounters, Counter, Live};
use crate::metrics::{Exposition, Family, names};
use crate::model::{Admin, Health, PRIORITY_CLASSES, Phase, PriorityClass};

/// Every backend with its counters.
pub(super) struct Backends<'a>(Vec<(&'a BackendEvidence, Option<Arc<live::Backend>>)>);

impl<'a> Backends<'a> {
    /// Looks each one's counters up once; one without an address has none.
    pub(super) fn of(status: &'a Status, live: &Live) -> Self {
        let zones = status.pools.iter().flat_map(|pool| &pool.regions).flat_map(|it| &it.zones);
        let backends = zones.flat_map(|zone| &zone.backends);
        Self(backends.map(|backend| (backend, live.find_backend(&backend.key))).collect())
    }

    fn counted(&self) -> impl Iterator<Item = &Arc<live::Backend>> {
        self.0.iter().filter_map(|(_, backend)| backend.as_ref())
    }
}

type Accessor = fn(&BackendCounters) -> &Counter;

/// Every plain counter of a backend, with its family.
const COUNTERS: [(&Family, Accessor); 12] = [
    (&names::BACKEND_REQUESTS, |worker| &worker.requests),
    (&names::BACKEND_CONNECTS, |worker| &worker.connects),
    (&names::BACKEND_CONNECT_FAILURES, |worker| &worker.connect_failures),
    (&names::BACKEND_TLS_FAILURES, |worker| &worker.tls_failures),
    (&names::BACKEND_REUSED, |worker| &worker.reused),
    (&names::BACKEND_RESETS, |worker| &worker.resets),
    (&names::BACKEND_TIMEOUTS, |worker| &worker.timeouts),
    (&names::BACKEND_BAD_RESPONSES, |worker| &worker.bad_responses),
    (&names::BACKEND_RETRIES, |worker| &worker.retries),
    (&names::BACKEND_RESCUES, |worker| &worker.rescues),
    (&names::BACKEND_SENT, |worker| &worker.bytes_sent),
    (&names::BACKEND_RECEIVED, |worker| &worker.bytes_received),
];

/// The zones' shares.
pub(super) fn zones(out: &mut Exposition, status: &Status) {
    let mut shares = out.family(&names::ZONE_SHARE);
    for pool in &status.pools {
        for region in &pool.regions {
            for zone in &region.zones {
                shares.add(&[&pool.name, &region.name, &zone.name], zone.share);
            }
        }
    }
}

type Counted = fn(&live::Arrivals) -> [u64; PRIORITY_CLASSES];

/// What arrives at each pool, and what of it is shed.
pub(super) fn arrivals(out: &mut Exposition, status: &Status, live: &Live) {
    let doors: Vec<_> = status.pools.iter().map(|it| (&it.name, live.arrivals(&it.name))).collect();
    let families: [(&Family, Counted); 2] = [
        (&names::POOL_ARRIVALS, live::Arrivals::arrived),
        (&names::POOL_SHED, live::Arrivals::shed),
    ];
    for (family, counted) in families {
        let mut samples = out.family(family);
        for (pool, door) in &doors {
            for (class, count) in PriorityClass::ALL.into_iter().zip(counted(door)) {
                samples.add(&[pool, class.name()], count as f64);
            }
        }
    }
}

/// Where the zones stand, and whether their pools could lose one.
pub(super) fn phases(out: &mut Exposition, status: &Status) {
    const PHASES: [Phase; 6] = [
        Phase::Active,
        Phase::Draining,
        Phase::Out,
        Phase::Proving,
        Phase::Restoring { stage: 0 },
        Phase::Watching,
    ];
    let mut headroom = out.family(&names::POOL_HEADROOM);
    for pool in &status.pools {
        if let Some(part) = pool.headroom {
            headroom.add(&[&pool.name], part);
        }
    }
    let mut phases = out.family(&names::ZONE_PHASE);
    for pool in &status.pools {
        for region in &pool.regions {
            for zone in &region.zones {
                for phase in PHASES.map(Phase::name) {
                    let holds = f64::from(u8::from(zone.standing.phase.name() == phase));
                    phases.add(&[&pool.name, &region.name, &zone.name, phase], holds);
                }
            }
        }
    }
}

/// The pools' latencies, summed over their backends.
pub(super) fn latency(
    out: &mut Exposition,
    backends: &Backends<'_>,
    latencies: &Mutex<PoolLatencies>,
) {
    let mut latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
    let read = backends.counted().map(|backend| {
        let mut total = Distribution::default();
        backend.workers().for_each(|worker| total.add_live(&worker.latency));
        (&backend.key.pool, backend.id, total)
    });
    latencies.update(read);
    let mut samples = out.family(&names::UPSTREAM_LATENCY);
    for (pool, total) in latencies.totals() {
        samples.histogram(&[pool], &BOUNDS_S, &total.counts, total.sum_us as f64 / 1e6);
    }
}

/// What was observed and ordered, and what follows.
pub(super) fn states(out: &mut Exposition, backends: &Backends<'_>) {
    const HEALTH: [Health; 4] = [Health::Unknown, Health::Up, Health::Degraded(0.0), Health::Down];
    const ADMIN: [Admin; 3] = [Admin::Ready, Admin::Drain, Admin::Maint];
    let mut health = out.family(&names::BACKEND_HEALTH);
    for (evidence, _) in &backends.0 {
        states_of(&mut health, evidence, &HEALTH.map(Health::name), evidence.health.name());
    }
    let mut admin = out.family(&names::BACKEND_ADMIN);
    for (evidence, _) in &backends.0 {
        states_of(&mut admin, evidence, &ADMIN.map(Admin::name), evidence.admin.name());
    }
    let mut weight = out.family(&names::BACKEND_WEIGHT);
    for (evidence, _) in &backends.0 {
        weight.add(&[&evidence.key.pool, &evidence.key.name], evidence.effective_weight);
    }
}

/// What is told of a backend in one number.
type Told = fn(&BackendEvidence) -> f64;

/// What the layers say, and how often verdicts changed. Not by check: with many endpoints that
/// would be most of all series, and the status has it.
pub(super) fn evidence(out: &mut Exposition, backends: &Backends<'_>) {
    let mut up = out.family(&names::LAYER_UP);
    for (backend, _) in &backends.0 {
        for layer in &backend.layers {
            let value = match layer.verdict {
                Verdict::Unknown => continue,
                Verdict::Presumed | Verdict::Up => 1.0,
                Verdict::Down => 0.0,
            };
            up.add(&[&backend.key.pool, &backend.key.name, layer.layer.name()], value);
        }
    }
    let mut phi = out.family(&names::BACKEND_PHI);
    for (backend, _) in &backends.0 {
        for layer in &backend.layers {
            let checks = backend.checks.iter().filter(|check| check.layer == layer.layer);
            if let Some(most) = checks.filter_map(|check| check.phi).reduce(f64::max) {
                phi.add(&[&backend.key.pool, &backend.key.name, layer.layer.name()], most);
            }
        }
    }
    let of_backend: [(&Family, Told); 3] = [
        (&names::BACKEND_SUSPECT, |it| f64::from(u8::from(it.checks.iter().any(|it| it.suspect)))),
        (&names::BACKEND_FLIPS, |it| it.flips as f64),
        (&names::BACKEND_EJECTIONS, |it| it.ejections as f64),
    ];
    for (family, value) in of_backend {
        let mut samples = out.family(family);
        for (backend, _) in &backends.0 {
            samples.add(&[&backend.key.pool, &backend.key.name], value(backend));
        }
    }
}

/// One sample per state: 1 for the one that holds.
fn states_of(
    samples: &mut crate::metrics::Samples<'_>,
    evidence: &BackendEvidence,
    states: &[&str],
    holds: &str,
) {
    for state in states {
        let value = if *state == holds { 1.0 } else { 0.0 };
        samples.add(&[&evidence.key.pool, &evidence.key.name, state], value);
    }
}

/// What the workers counted.
pub(super) fn counters(out: &mut Exposition, backends: &Backends<'_>) {
    let mut in_flight = out.family(&names::BACKEND_IN_FLIGHT);
    for backend in backends.counted() {
        let level = f64::from(backend.in_flight());
        in_flight.add(&[&backend.key.pool, &backend.key.name], level);
    }
    for (family, counter) in &COUNTERS {
        let mut samples = out.family(family);
        for backend in backends.counted() {
            let total: u64 = backend.workers().map(|worker| counter(worker).get()).sum();
            samples.add(&[&backend.key.pool, &backend.key.name], total as f64);
        }
    }
    let mut responses = out.family(&names::BACKEND_RESPONSES);
    for backend in backends.counted() {
        for (index, class) in CLASSES.iter().enumerate() {
            let total: u64 = backend.workers().map(|worker| worker.responses[index].get()).sum();
            responses.add(&[&backend.key.pool, &backend.key.name, class], total as f64);
        }
    }
}
