//! What shall be asked, from the config and the addresses known now.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{
    ApplicationCheck, BackendTls, BusinessAsk, BusinessCheck, Cadence, Config, HealthChecks,
    NetworkAsk, Pool, ProcessAsk, ProcessCheck, ResolvedBackend, Step, expand,
};
use crate::model::{
    Addresses, GrpcAsk, HttpAsk, HttpRequest, Identity, Layer, ProbeKind, ProbePlan, ProbeSpec,
    Secret, TlsAsk, Transaction, TransactionStep,
};

/// Every probe the config asks for, in config order. Backends without weight are probed too, so
/// that it is known how they are before they get traffic.
#[must_use]
pub fn probe_plan(config: &Config, resolved: &Addresses) -> ProbePlan {
    let mut plan = ProbePlan::default();
    for pool in &config.pools {
        for backend in expand(pool, resolved) {
            for Asked { layer, cadence, questions, .. } in
                asked(backend.checks(pool), &backend.probe_host())
            {
                let questions = questions.into_iter().enumerate();
                plan.probes.extend(
                    questions
                        .map(|(check, kind)| spec(pool, &backend, layer, (check, kind), &cadence)),
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
    pub(super) consequence: Consequence,
}

/// What follows when a layer is down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Consequence {
    /// The backend is out.
    Remove,
    /// This part of its weight is left.
    Degrade(f64),
    /// The part of its weight is left that passes of the checks, and at least this.
    Lower(f64),
}

/// Every layer that is asked, lowest first, of a backend that is called `authority` where no other
/// name is configured.
pub(super) fn asked(checks: &HealthChecks, authority: &Arc<str>) -> Vec<Asked> {
    let network = checks.network.as_ref().map(|check| Asked {
        layer: Layer::Network,
        cadence: check.cadence,
        questions: vec![match check.ask {
            NetworkAsk::Tcp => ProbeKind::Connect,
            NetworkAsk::Icmp => ProbeKind::Ping,
        }],
        consequence: Consequence::Remove,
    });
    let process = checks.process.as_ref().map(|check| process(check, authority));
    let application = checks.application.as_ref().map(|check| application(check, authority));
    let business = checks.business.as_ref().map(|check| business(check, authority));
    [network, process, application, business].into_iter().flatten().collect()
}

fn process(check: &ProcessCheck, authority: &Arc<str>) -> Asked {
    let question = match &check.ask {
        ProcessAsk::Http { host, path, tls } => {
            let host = named(host, authority);
            let tls = tls.as_ref().map(|tls| tls_ask(tls, &host));
            ProbeKind::StatusLine { host, path: Arc::clone(path), tls }
        }
        ProcessAsk::Banner { prefix } => ProbeKind::Banner { prefix: Arc::clone(prefix) },
        ProcessAsk::Tls { server_name } => ProbeKind::TlsHello {
            server_name: server_name.clone().unwrap_or_else(|| bare(authority)),
        },
        ProcessAsk::Grpc { host, service, tls } => {
            let host = named(host, authority);
            let tls = tls.as_ref().map(|tls| tls_ask(tls, &host));
            ProbeKind::Grpc(GrpcAsk { host, service: Arc::clone(service), tls })
        }
        ProcessAsk::Agent { port, send } => {
            ProbeKind::Agent { port: *port, send: Arc::clone(send) }
        }
    };
    Asked {
        layer: Layer::Process,
        cadence: check.cadence,
        questions: vec![question],
        consequence: Consequence::Remove,
    }
}

fn application(check: &ApplicationCheck, authority: &Arc<str>) -> Asked {
    let host = named(&check.host, authority);
    let tls = check.tls.as_ref().map(|tls| tls_ask(tls, &host));
    let questions = check.endpoints.iter().map(|endpoint| {
        let request = HttpRequest::get(Arc::clone(&endpoint.path));
        let (tls, host, expect) = (tls.clone(), Arc::clone(&host), endpoint.expect.clone());
        ProbeKind::Http(HttpAsk { tls, http2: false, host, request, expect })
    });
    let questions = questions.collect();
    let consequence = check.degrade.map_or(Consequence::Remove, Consequence::Degrade);
    Asked { layer: Layer::Application, cadence: check.cadence, questions, consequence }
}

fn business(check: &BusinessCheck, authority: &Arc<str>) -> Asked {
    let question = match &check.ask {
        BusinessAsk::Transaction { host, tls, values, steps } => {
            let host = named(host, authority);
            let tls = tls.as_ref().map(|tls| tls_ask(tls, &host));
            let step = |step: &Step| {
                let (tls, host) = (tls.clone(), Arc::clone(&host));
                let (request, expect) = (step.request.clone(), step.expect.clone());
                let ask = HttpAsk { tls, http2: false, host, request, expect };
                TransactionStep { ask, save: step.save.clone() }
            };
            let secret =
                |(name, secret, _): &(Arc<str>, Secret, _)| (Arc::clone(name), secret.clone());
            ProbeKind::Transaction(Transaction {
                secrets: values.iter().map(secret).collect(),
                steps: steps.iter().map(step).collect(),
            })
        }
        BusinessAsk::Postgres { ask, .. } => ProbeKind::Postgres(ask.clone()),
        BusinessAsk::Redis { ask, .. } => ProbeKind::Redis(ask.clone()),
    };
    Asked {
        layer: Layer::Business,
        cadence: check.cadence,
        questions: vec![question],
        consequence: Consequence::Lower(check.floor),
    }
}

fn named(host: &Option<Arc<str>>, authority: &Arc<str>) -> Arc<str> {
    Arc::clone(host.as_ref().unwrap_or(authority))
}

fn tls_ask(tls: &BackendTls, host: &Arc<str>) -> TlsAsk {
    TlsAsk {
        server_name: tls.server_name.clone().unwrap_or_else(|| bare(host)),
        roots: tls.trust.roots().cloned(),
        identity: tls.client.as_ref().map(|client| Identity(Arc::clone(&client.keyed))),
    }
}

/// A host without its port, and without the brackets of an IPv6 address.
fn bare(host: &Arc<str>) -> Arc<str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    Arc::from(name.trim_start_matches('[').trim_end_matches(']'))
}

fn spec(
    pool: &Pool,
    backend: &ResolvedBackend,
    layer: Layer,
    (check, kind): (usize, ProbeKind),
    cadence: &Cadence,
) -> ProbeSpec {
    let address = backend.probe_address();
    // Only what talks to the backend itself is introduced: a port of its own for health is not
    // behind the PROXY protocol, and an agent is another program.
    let talks = !matches!(kind, ProbeKind::Connect | ProbeKind::Ping | ProbeKind::Agent { .. });
    let itself = address == backend.address;
    let introduced = pool.proxy_protocol.filter(|_| talks && itself);
    // Likewise it is only the backend itself that speaks what its pool says.
    let kind = if pool.http2.is_some() && itself { kind.over_http2() } else { kind };
    ProbeSpec {
        backend: backend.key.clone(),
        address,
        introduced,
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
