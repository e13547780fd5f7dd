//! Puts what is known into the shape that is asked for.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::clock::{WallClock, at};
use super::status::{BackendEvidence, CheckEvidence, PoolStatus, RegionStatus, Seen, ZoneStatus};
use crate::config::{Backend, Pool, Region, Target, Zone};
use crate::decision::{Member, PoolReport, Report, State};
use crate::health::{Cause, Detector, LayerEvidence, Sample, Verdict};
use crate::model::{Admin, BackendKey, Health, LookupSpec, PoolPlan, UnixMillis, ZonePlan};

/// Every pool with its regions, zones and backends, in config order.
pub(super) fn pools(state: &State, clock: WallClock, configured: UnixMillis) -> Vec<PoolStatus> {
    let now = Instant::now().into_std();
    let view = View { state, clock, now, configured };
    let plans = state.plan().pools.iter();
    state.pools().zip(plans).map(|((pool, members), plan)| view.pool(pool, members, plan)).collect()
}

/// What a decision did, one line each.
pub(super) fn report(report: &Report) -> Vec<String> {
    let lines = |pool: &Arc<PoolReport>| {
        let name = Arc::clone(&pool.pool);
        pool.entries.iter().map(move |entry| format!("{name}: {entry}")).collect::<Vec<_>>()
    };
    report.pools.iter().flat_map(lines).collect()
}

struct View<'a> {
    state: &'a State,
    clock: WallClock,
    now: std::time::Instant,
    /// Since when the config is in force.
    configured: UnixMillis,
}

impl View<'_> {
    /// Members, zones and plan are in the same order, the config's.
    fn pool(&self, pool: &Pool, members: &[Member], plan: &PoolPlan) -> PoolStatus {
        let mut members = members.iter();
        let mut plans = plan.zones.iter();
        let mut regions = Vec::new();
        for region in &pool.regions {
            let mut zones = Vec::new();
            for (zone, plan) in region.zones.iter().zip(&mut plans) {
                zones.push(self.zone(pool, region, zone, plan, &mut members));
            }
            let share = zones.iter().map(|zone| zone.share).sum::<f64>();
            regions.push(RegionStatus { name: Arc::clone(&region.name), share, zones });
        }
        let algorithm = pool.algorithm.name();
        PoolStatus { name: Arc::clone(&pool.name), algorithm, regions }
    }

    fn zone<'m>(
        &self,
        pool: &Pool,
        region: &Region,
        zone: &Zone,
        plan: &ZonePlan,
        members: &mut impl Iterator<Item = &'m Member>,
    ) -> ZoneStatus {
        let planned = plan.backends.iter();
        let weights: HashMap<&str, f64> =
            planned.map(|planned| (&*planned.name, planned.effective_weight)).collect();
        let mut backends = Vec::new();
        for backend in &zone.backends {
            let spec = spec(pool, backend);
            let count = spec
                .as_ref()
                .map_or(1, |spec| self.state.addresses().get(&spec.pool, &spec.backend).len());
            let failure = spec.as_ref().and_then(|spec| self.state.lookup_failure(spec));
            if count == 0 {
                backends.push(self.unresolved(pool, region, zone, backend, failure));
            }
            for member in members.by_ref().take(count) {
                let weight = weights.get(&*member.backend.key.name).copied().unwrap_or_default();
                backends.push(self.backend(member, weight, failure));
            }
        }
        ZoneStatus { name: Arc::clone(&zone.name), share: plan.share, backends }
    }

    fn backend(
        &self,
        member: &Member,
        effective_weight: f64,
        lookup_failure: Option<&Arc<str>>,
    ) -> BackendEvidence {
        let Member { backend, health, ordered, .. } = member;
        let evidence = health.evidence(self.now);
        BackendEvidence {
            key: backend.key.clone(),
            region: Arc::clone(&backend.region),
            zone: Arc::clone(&backend.zone),
            address: Some(backend.address.clone()),
            weight: backend.weight,
            effective_weight,
            backup: backend.backup,
            health: evidence.health,
            admin: ordered.admin,
            reason: evidence.reason.map(|reason| reason.to_string().into()),
            cause: evidence.cause.map(Cause::name),
            since: at(self.clock, evidence.since),
            flips: evidence.flips,
            ejections: evidence.ejections,
            checks: evidence.layers.iter().flat_map(|layer| checks(layer, self.clock)).collect(),
            lookup_failure: lookup_failure.cloned(),
        }
    }

    /// A hostname no address is known of.
    fn unresolved(
        &self,
        pool: &Pool,
        region: &Region,
        zone: &Zone,
        backend: &Backend,
        failure: Option<&Arc<str>>,
    ) -> BackendEvidence {
        BackendEvidence {
            key: BackendKey { pool: Arc::clone(&pool.name), name: Arc::clone(&backend.name) },
            region: Arc::clone(&region.name),
            zone: Arc::clone(&zone.name),
            address: None,
            weight: backend.weight,
            effective_weight: 0.0,
            backup: backend.backup,
            health: Health::Unknown,
            admin: Admin::Ready,
            reason: Some(failure.map_or_else(|| "resolving".into(), Arc::clone)),
            cause: None,
            since: self.configured,
            flips: 0,
            ejections: 0,
            checks: Vec::new(),
            lookup_failure: failure.cloned(),
        }
    }
}

fn spec(pool: &Pool, backend: &Backend) -> Option<LookupSpec> {
    let Target::Host { name, port } = &backend.target else { return None };
    let (pool, backend) = (Arc::clone(&pool.name), Arc::clone(&backend.name));
    Some(LookupSpec { pool, backend, host: Arc::clone(name), port: *port })
}

fn checks(layer: &LayerEvidence, clock: WallClock) -> impl Iterator<Item = CheckEvidence> + '_ {
    layer.checks.iter().enumerate().map(move |(index, check)| CheckEvidence {
        layer: layer.layer,
        check: index,
        name: Arc::clone(&check.name),
        since: at(clock, check.since),
        phi: check.phi,
        decided_by: check.decided_by.map(Detector::name),
        health: match check.verdict {
            Verdict::Up | Verdict::Presumed => Health::Up,
            Verdict::Unknown => Health::Unknown,
            Verdict::Down => Health::Down,
        },
        results: check.results.iter().map(|sample| seen(sample, clock)).collect(),
        reason: check.last_failure.as_ref().map(|reason| reason.to_string().into()),
    })
}

fn seen(sample: &Sample, clock: WallClock) -> Seen {
    let Sample { latency, outcome, .. } = sample;
    Seen { at: at(clock, sample.at), latency: *latency, outcome: outcome.clone() }
}
