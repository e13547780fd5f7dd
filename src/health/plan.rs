//! What shall be probed, from the config and the addresses known now.

use std::time::Duration;

use crate::config::{ApplicationCheck, Cadence, Config, ResolvedBackend, expand};
use crate::model::{Addresses, Layer, ProbeKind, ProbePlan, ProbeSpec};

/// Every probe the config asks for, in config order. Backends without weight are probed too, so
/// that it is known how they are before they get traffic.
#[must_use]
pub fn probe_plan(config: &Config, resolved: &Addresses) -> ProbePlan {
    let mut plan = ProbePlan::default();
    for pool in &config.pools {
        for backend in expand(pool, resolved) {
            if let Some(check) = &pool.health.network {
                let kind = ProbeKind::Connect;
                plan.probes.push(spec(&backend, Layer::Network, 0, kind, &check.cadence));
            }
            if let Some(check) = &pool.health.application {
                plan.probes.extend(application(&backend, check));
            }
        }
    }
    plan
}

fn application<'a>(
    backend: &'a ResolvedBackend,
    check: &'a ApplicationCheck,
) -> impl Iterator<Item = ProbeSpec> + 'a {
    check.endpoints.iter().enumerate().map(|(index, endpoint)| {
        let kind = ProbeKind::Http {
            host: check.host.clone().unwrap_or_else(|| backend.authority.clone()),
            path: endpoint.path.clone(),
            expect: endpoint.expect.clone(),
        };
        spec(backend, Layer::Application, index, kind, &check.cadence)
    })
}

fn spec(
    backend: &ResolvedBackend,
    layer: Layer,
    check: usize,
    kind: ProbeKind,
    cadence: &Cadence,
) -> ProbeSpec {
    ProbeSpec {
        backend: backend.key.clone(),
        address: backend.address.clone(),
        layer,
        check,
        kind,
        interval: cadence.interval,
        timeout: cadence.timeout,
        jitter: jitter(cadence),
    }
}

/// The most a probe may be early or late: at most half the interval, so that probes keep their
/// order.
fn jitter(cadence: &Cadence) -> Duration {
    cadence.interval.mul_f64(cadence.jitter.clamp(0.0, 0.5))
}
