//! From what control and the counters know to what is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::protections::{protections, rate_limits};
use super::standing::standing;
use super::{
    Address, Backend, Buffers, Certificate, Check, Classes, Counters, Ejected, LastReload, Layer,
    Listener, Pool, Region, Seen, Status, Zone,
};
use crate::control::{self, BackendEvidence, CheckEvidence, LayerVerdict, ReloadReport};
use crate::live::{self, BackendCounters, Counter, ListenerCounters, Live};
use crate::model::{AcceptPause, ConnectionRefused, Outcome, UnixMillis, printable};

/// The view of one status, with the counters as they are now.
#[must_use]
pub fn status(status: &control::Status, live: &Live, ready: bool, now: UnixMillis) -> Status {
    let pools = status.pools.iter().map(|pool| Pool {
        name: clean(&pool.name),
        algorithm: pool.algorithm.to_owned(),
        headroom: pool.headroom,
        protections: protections(live, pool),
        regions: pool.regions.iter().map(|it| region(it, live, now)).collect(),
    });
    let (used, max) = live.buffers();
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        generation: status.generation,
        time: now.to_string(),
        published: status.published.to_string(),
        started: status.started.to_string(),
        uptime_ms: now.0.saturating_sub(status.started.0),
        ready,
        draining: status.draining,
        last_reload: status.last_reload.as_ref().map(last_reload),
        decisions: cleaned(&status.report),
        buffers: Buffers { used, max },
        listeners: listeners(&live.listeners()),
        rate_limits: rate_limits(live),
        certificates: status.certificates.iter().map(|it| certificate(it, now)).collect(),
        exceptions: status.exceptions.clone(),
        pools: pools.collect(),
    }
}

fn last_reload(report: &ReloadReport) -> LastReload {
    let (generation, warnings, problems) = match &report.result {
        Ok(done) => (Some(done.generation), cleaned(&done.warnings), Vec::new()),
        Err(error) => (None, Vec::new(), cleaned(&error.problems)),
    };
    LastReload {
        at: report.at.to_string(),
        by: clean(&report.actor.to_string()),
        ok: report.result.is_ok(),
        generation,
        warnings,
        problems,
    }
}

/// Addresses of one name become one listener; they come sorted by name.
fn listeners(open: &[Arc<live::Listener>]) -> Vec<Listener> {
    open.chunk_by(|a, b| a.name == b.name)
        .map(|same| Listener {
            name: clean(&same[0].name),
            addresses: same.iter().map(|listener| address(listener)).collect(),
        })
        .collect()
}

fn certificate(one: &control::CertificateStatus, now: UnixMillis) -> Certificate {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let left = one.not_after.0 as i64 - now.0 as i64;
    Certificate {
        listener: clean(&one.listener),
        file: clean(&one.file),
        names: one.names.iter().map(|name| clean(name)).collect(),
        not_after: one.not_after.to_string(),
        days_left: left.div_euclid(DAY_MS),
        refused: one.refused.as_deref().map(clean),
    }
}

fn address(listener: &live::Listener) -> Address {
    let sum = |counter: fn(&ListenerCounters) -> &Counter| {
        listener.workers().map(|worker| counter(worker).get()).sum()
    };
    Address {
        bind: listener.bind.to_string(),
        local: listener.local.to_string(),
        connections: listener.open(),
        accepted: sum(|worker| &worker.accepted),
        pauses: reasons(AcceptPause::ALL.iter().map(|it| it.name()), |at| {
            listener.workers().map(|worker| worker.pauses[at].get()).sum()
        }),
        refused: reasons(ConnectionRefused::ALL.iter().map(|it| it.name()), |at| {
            listener.workers().map(|worker| worker.refused[at].get()).sum()
        }),
        responses: classes(listener.workers().map(|worker| &worker.responses)),
        unanswered: sum(|worker| &worker.unanswered),
    }
}

/// What was counted by reason.
fn reasons(
    names: impl Iterator<Item = &'static str>,
    counted: impl Fn(usize) -> u64,
) -> BTreeMap<String, u64> {
    names.enumerate().map(|(at, name)| (name.to_owned(), counted(at))).collect()
}

fn region(region: &control::RegionStatus, live: &Live, now: UnixMillis) -> Region {
    let zones = region.zones.iter().map(|zone| Zone {
        name: clean(&zone.name),
        share: zone.share,
        entitled: zone.entitled,
        standing: standing(&zone.standing, now),
        backends: zone.backends.iter().map(|it| backend(it, live, now)).collect(),
    });
    let (name, standing) = (clean(&region.name), standing(&region.standing, now));
    Region { name, share: region.share, standing, zones: zones.collect() }
}

fn backend(evidence: &BackendEvidence, live: &Live, now: UnixMillis) -> Backend {
    let entry = live.find_backend(&evidence.key);
    Backend {
        name: clean(&evidence.key.name),
        address: evidence.address.as_ref().map(|address| clean(&address.to_string())),
        health: evidence.health.name().to_owned(),
        admin: evidence.admin.name().to_owned(),
        reason: evidence.reason.as_deref().map(clean),
        cause: evidence.cause.map(str::to_owned),
        since: evidence.since.to_string(),
        age_ms: now.0.saturating_sub(evidence.since.0),
        weight: evidence.weight,
        effective_weight: evidence.effective_weight,
        backup: evidence.backup,
        in_flight: entry.as_ref().map_or(0, |entry| entry.in_flight()),
        counters: entry.map(|entry| counters(&entry)).unwrap_or_default(),
        flips: evidence.flips,
        ejections: evidence.ejections,
        ejected: evidence
            .ejected
            .as_ref()
            .map(|(since, reason)| Ejected { since: since.to_string(), reason: clean(reason) }),
        held_ms: evidence.held.map(|held| u64::try_from(held.as_millis()).unwrap_or(u64::MAX)),
        layers: evidence.layers.iter().map(|it| layer(it, now)).collect(),
        checks: evidence.checks.iter().map(|it| check(it, now)).collect(),
        lookup_failure: evidence.lookup_failure.as_deref().map(clean),
    }
}

fn counters(backend: &live::Backend) -> Counters {
    let sum = |counter: fn(&BackendCounters) -> &Counter| {
        backend.workers().map(|worker| counter(worker).get()).sum()
    };
    Counters {
        requests: sum(|worker| &worker.requests),
        responses: classes(backend.workers().map(|worker| &worker.responses)),
        connects: sum(|worker| &worker.connects),
        connect_failures: sum(|worker| &worker.connect_failures),
        tls_failures: sum(|worker| &worker.tls_failures),
        reused: sum(|worker| &worker.reused),
        resets: sum(|worker| &worker.resets),
        timeouts: sum(|worker| &worker.timeouts),
        bad_responses: sum(|worker| &worker.bad_responses),
        retries: sum(|worker| &worker.retries),
        bytes_sent: sum(|worker| &worker.bytes_sent),
        bytes_received: sum(|worker| &worker.bytes_received),
    }
}

fn classes<'a>(workers: impl Iterator<Item = &'a [Counter; 5]>) -> Classes {
    let mut total = [0; 5];
    for worker in workers {
        for (sum, counter) in total.iter_mut().zip(worker) {
            *sum += counter.get();
        }
    }
    let [switched, success, redirection, client_error, server_error] = total;
    Classes { switched, success, redirection, client_error, server_error }
}

fn layer(told: &LayerVerdict, now: UnixMillis) -> Layer {
    Layer {
        layer: told.layer.name().to_owned(),
        verdict: told.verdict.name().to_owned(),
        since: told.since.to_string(),
        age_ms: now.0.saturating_sub(told.since.0),
        reason: told.reason.as_deref().map(clean),
    }
}

fn check(evidence: &CheckEvidence, now: UnixMillis) -> Check {
    Check {
        layer: evidence.layer.name().to_owned(),
        check: evidence.check,
        name: clean(&evidence.name),
        health: evidence.health.name().to_owned(),
        since: evidence.since.to_string(),
        age_ms: now.0.saturating_sub(evidence.since.0),
        phi: evidence.phi,
        suspect: evidence.suspect,
        decided_by: evidence.decided_by.map(str::to_owned),
        results: evidence.marks.clone(),
        reason: evidence.reason.as_deref().map(clean),
        history: evidence.results.iter().map(seen).collect(),
    }
}

fn seen(seen: &control::Seen) -> Seen {
    let (result, reason) = match &seen.outcome {
        Outcome::Pass => ("pass", None),
        Outcome::Fail(reason) => ("fail", Some(clean(&reason.to_string()))),
        Outcome::Void(why) => ("void", Some(clean(why))),
    };
    let latency_us = u64::try_from(seen.latency.as_micros()).unwrap_or(u64::MAX);
    Seen { at: seen.at.to_string(), latency_us, result: result.to_owned(), reason }
}

fn clean(text: &str) -> String {
    printable(text).into_owned()
}

fn cleaned(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| clean(text)).collect()
}
