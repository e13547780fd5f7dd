//! What shall be asked, from the config and the addresses known now.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{
    ApplicationCheck, BusinessAsk, BusinessCheck, Cadence, Config, HealthChecks, ProcessAsk,
    ProcessCheck, ResolvedBackend, expand,
};
use crate::model::{Addresses, HttpAsk, Layer, ProbeKind, ProbePlan, ProbeSpec};

/// Every probe the config asks for, in config order. Backends without weight are probed too, so
/// that it is known how they are before they get traffic.
#[must_use]
pub fn probe_plan(config: &Config, resolved: &Addresses) -> ProbePlan {
    let mut plan = ProbePlan::default();
    for pool in &config.pools {
        for backend in expand(pool, resolved) {
            for Asked { layer, cadence, questions } in asked(&pool.health, &backend.authority) {
                let questions = questions.into_iter().enumerate();
                plan.probes.extend(
                    questions.map(|(check, kind)| spec(&backend, layer, check, kind, &cadence)),
                );
            }
        }
    }
    plan
}

/// One layer: what it asks and how often. The place of a question is its number in observations.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) layer: Layer,
    pub(super) cadence: Cadence,
    pub(super) questions: Vec<ProbeKind>,
}

/// Every layer that is asked, lowest first, of a backend that is called `authority` where no other
/// name is configured.
pub(super) fn asked(checks: &HealthChecks, authority: &Arc<str>) -> Vec<Asked> {
    let network = checks.network.as_ref().map(|check| Asked {
        layer: Layer::Network,
        cadence: check.cadence,
        questions: vec![ProbeKind::Connect],
    });
    let process = checks.process.as_ref().map(|check| process(check, authority));
    let application = checks.application.as_ref().map(|check| application(check, authority));
    let business = checks.business.as_ref().map(|check| business(check, authority));
    [network, process, application, business].into_iter().flatten().collect()
}

fn process(check: &ProcessCheck, authority: &Arc<str>) -> Asked {
    let question = match &check.ask {
        ProcessAsk::Http { host, path } => {
            ProbeKind::StatusLine { host: named(host, authority), path: Arc::clone(path) }
        }
    };
    Asked { layer: Layer::Process, cadence: check.cadence, questions: vec![question] }
}

fn application(check: &ApplicationCheck, authority: &Arc<str>) -> Asked {
    let host = named(&check.host, authority);
    let questions = check.endpoints.iter().map(|endpoint| {
        let (path, expect) = (Arc::clone(&endpoint.path), endpoint.expect.clone());
        ProbeKind::Http(HttpAsk { host: Arc::clone(&host), path, expect })
    });
    let questions = questions.collect();
    Asked { layer: Layer::Application, cadence: check.cadence, questions }
}

fn business(check: &BusinessCheck, authority: &Arc<str>) -> Asked {
    let question = match &check.ask {
        BusinessAsk::Transaction { host, steps } => {
            let host = named(host, authority);
            let steps = steps.iter().map(|step| {
                let (path, expect) = (Arc::clone(&step.path), step.expect.clone());
                HttpAsk { host: Arc::clone(&host), path, expect }
            });
            ProbeKind::Transaction(steps.collect())
        }
    };
    Asked { layer: Layer::Business, cadence: check.cadence, questions: vec![question] }
}

fn named(host: &Option<Arc<str>>, authority: &Arc<str>) -> Arc<str> {
    Arc::clone(host.as_ref().unwrap_or(authority))
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
