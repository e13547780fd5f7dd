//! Puts what is known into the shape that is asked for.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;

use super::clock::{WallClock, anchor, at};
use super::names::is_meant;
use super::status::{
    BackendEvidence, BreakerStatus, CertificateStatus, CheckEvidence, Detail, LayerVerdict,
    PlaceStatus, PoolStatus, RegionStatus, Seen, ZoneStatus,
};
use crate::config::{Backend, Config, Listener, Pool, Region, Target, Zone};
use crate::decision::{Member, Outlook, PoolReport, Report, State};
use crate::health::{self, Cause, CircuitEvidence, Detector, LayerEvidence, Sample, Verdict};
use crate::model::{
    Admin, BackendKey, Circuit, Health, Layer, LookupSpec, Outcome, Phase, PoolPlan, Reason,
    Standing, UnixMillis, ZonePlan, printable,
};

/// What each listener shows its clients, in config order.
pub(super) fn certificates(
    config: &Config,
    refused: &BTreeMap<PathBuf, String>,
) -> Vec<CertificateStatus> {
    // What is wrong with a folder is wrong with what is in it.
    let refusal = |file: &Path| refused.get(file).or_else(|| refused.get(file.parent()?));
    let of = |listener: &Listener| {
        let terms = listener.tls.iter().flat_map(|tls| tls.certificates());
        let told = terms.map(|one| CertificateStatus {
            listener: Arc::clone(&listener.name),
            file: one.files.cert.display().to_string().into(),
            names: one.names.clone(),
            not_after: one.not_after,
            refused: refusal(&one.files.cert).map(|why| printable(why).into()),
        });
        told.collect::<Vec<_>>()
    };
    config.listeners.iter().flat_map(of).collect()
}

/// Every pool with its regions, zones and backends, in config order; only those with a backend that
/// is asked for.
pub(super) fn pools(
    state: &State,
    clock: WallClock,
    configured: UnixMillis,
    detail: &Detail,
) -> Vec<PoolStatus> {
    let now = Instant::now().into_std();
    let view = View { state, clock, now, configured, detail };
    let plans = state.plan().pools.iter().zip(state.outlooks());
    let pools = state.pools().zip(plans).zip(state.breakers());
    let told = pools.map(|(((pool, members), (plan, outlook)), breaker)| {
        let breaker = breaker.map(|it| view.breaker(it));
        PoolStatus { breaker, ..view.pool(pool, members, plan, outlook) }
    });
    told.filter(|pool| view.tells_all() || !pool.regions.is_empty()).collect()
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
    detail: &'a Detail,
}

impl View<'_> {
    /// Whether every backend is asked for.
    fn tells_all(&self) -> bool {
        !matches!(self.detail, Detail::Backend(_))
    }

    /// Whether this backend is asked for.
    fn tells(&self, key: &BackendKey) -> bool {
        match self.detail {
            Detail::Backend(name) => is_meant(name, key),
            Detail::Brief | Detail::Results => true,
        }
    }

    /// Members, zones and plan are in the same order, the config's.
    fn pool(
        &self,
        pool: &Pool,
        members: &[Member],
        plan: &PoolPlan,
        outlook: Outlook,
    ) -> PoolStatus {
        let mut members = members.iter();
        let mut plans = plan.zones.iter().zip(outlook.entitled);
        let mut regions = Vec::new();
        for (region, of_region) in pool.regions.iter().zip(&plan.regions) {
            let mut zones = Vec::new();
            for (zone, (plan, entitled)) in region.zones.iter().zip(&mut plans) {
                let backends = self.backends(pool, region, zone, plan, &mut members);
                let (name, share) = (Arc::clone(&zone.name), plan.share);
                let standing = self.place(pool, &plan.standing);
                zones.push(ZoneStatus { name, share, entitled, standing, backends });
            }
            let share = zones.iter().map(|zone| zone.share).sum::<f64>();
            zones.retain(|zone| self.tells_all() || !zone.backends.is_empty());
            if self.tells_all() || !zones.is_empty() {
                let (name, standing) =
                    (Arc::clone(&region.name), self.place(pool, &of_region.standing));
                regions.push(RegionStatus { name, share, standing, zones });
            }
        }
        let (name, algorithm) = (Arc::clone(&pool.name), pool.algorithm.name());
        PoolStatus { name, algorithm, headroom: outlook.headroom, breaker: None, regions }
    }

    fn breaker(&self, evidence: CircuitEvidence) -> BreakerStatus {
        let CircuitEvidence { circuit, since, cause, opened } = evidence;
        let anchor = anchor(self.clock);
        let moment = |moment: std::time::Instant| UnixMillis(anchor.wall(moment));
        let until = match circuit {
            Circuit::Open { until } => Some(moment(until)),
            Circuit::Closed | Circuit::HalfOpen { .. } => None,
        };
        BreakerStatus { circuit, since: since.map(moment), cause, until, opened }
    }

    fn place(&self, pool: &Pool, standing: &Standing) -> PlaceStatus {
        let anchor = anchor(self.clock);
        let moment = |moment: std::time::Instant| UnixMillis(anchor.wall(moment));
        let to_come =
            |until: Option<std::time::Instant>| until.filter(|until| *until > self.now).map(moment);
        let dwells = standing.since.and_then(|since| since.checked_add(pool.failover.dwell));
        PlaceStatus {
            phase: standing.phase,
            stage_share: match standing.phase {
                Phase::Restoring { stage } => {
                    pool.restoration.stages.get(stage).map(|stage| stage.share)
                }
                _ => None,
            },
            since: standing.since.map(moment),
            cause: Arc::clone(&standing.cause),
            dwells_until: to_come(dwells),
            held_until: to_come(standing.held_until),
            flaps: standing.flaps,
        }
    }

    fn backends<'m>(
        &self,
        pool: &Pool,
        region: &Region,
        zone: &Zone,
        plan: &ZonePlan,
        members: &mut impl Iterator<Item = &'m Member>,
    ) -> Vec<BackendEvidence> {
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
                let known = self.unresolved(pool, region, zone, backend, failure);
                backends.extend(Some(known).filter(|known| self.tells(&known.key)));
            }
            for member in members.by_ref().take(count) {
                let key = &member.backend.key;
                if self.tells(key) {
                    let weight = weights.get(&*key.name).copied().unwrap_or_default();
                    backends.push(self.backend(member, weight, failure));
                }
            }
        }
        backends
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
            reason: evidence.reason.as_ref().map(text),
            cause: evidence.cause.map(Cause::name),
            since: self.at(evidence.since),
            flips: evidence.flips,
            ejections: evidence.ejections,
            ejected: evidence.ejected.map(|(since, reason)| (self.at(since), text(&reason))),
            held: evidence.held_until.map(|until| until.saturating_duration_since(self.now)),
            layers: evidence.layers.iter().map(|layer| self.layer(layer)).collect(),
            checks: evidence.layers.iter().flat_map(|layer| self.checks(layer)).collect(),
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
            ejected: None,
            held: None,
            layers: Vec::new(),
            checks: Vec::new(),
            lookup_failure: failure.cloned(),
        }
    }

    fn layer(&self, layer: &LayerEvidence<'_>) -> LayerVerdict {
        let LayerEvidence { layer: name, verdict, since, reason, checks: _ } = layer;
        let reason = reason.as_ref().map(text);
        LayerVerdict { layer: *name, verdict: *verdict, since: self.at(*since), reason }
    }

    fn checks(&self, layer: &LayerEvidence<'_>) -> impl Iterator<Item = CheckEvidence> {
        let checks = layer.checks.iter().enumerate();
        checks.map(|(index, check)| self.check(layer.layer, index, check))
    }

    fn check(
        &self,
        layer: Layer,
        index: usize,
        check: &health::CheckEvidence<'_>,
    ) -> CheckEvidence {
        let results = match self.detail {
            Detail::Brief => Vec::new(),
            _ => check.results.iter().map(|sample| self.seen(sample)).collect(),
        };
        CheckEvidence {
            layer,
            check: index,
            name: check.question.to_string().into(),
            since: self.at(check.since),
            phi: check.phi,
            suspect: check.suspect,
            decided_by: check.decided_by.map(Detector::name),
            health: match check.verdict {
                Verdict::Up | Verdict::Presumed => Health::Up,
                Verdict::Unknown => Health::Unknown,
                Verdict::Down => Health::Down,
            },
            marks: check.results.iter().filter_map(|sample| mark(&sample.outcome)).collect(),
            results,
            reason: check.last_failure.map(text),
        }
    }

    fn seen(&self, sample: &Sample) -> Seen {
        let Sample { at, latency, outcome } = sample;
        Seen { at: self.at(*at), latency: *latency, outcome: outcome.clone() }
    }

    fn at(&self, moment: std::time::Instant) -> UnixMillis {
        at(self.clock, moment)
    }
}

fn spec(pool: &Pool, backend: &Backend) -> Option<LookupSpec> {
    let Target::Host { name, port } = &backend.target else { return None };
    let (pool, backend) = (Arc::clone(&pool.name), Arc::clone(&backend.name));
    Some(LookupSpec { pool, backend, host: Arc::clone(name), port: *port })
}

/// How a probe ended; `None` if it could not be judged.
fn mark(outcome: &Outcome) -> Option<char> {
    match outcome {
        Outcome::Pass => Some('+'),
        Outcome::Fail(_) => Some('-'),
        Outcome::Void(_) => None,
    }
}

fn text(reason: &Reason) -> Arc<str> {
    reason.to_string().into()
}
