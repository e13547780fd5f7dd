//! A pool's health checks, printed.

use std::sync::Arc;

use super::yaml::{Tree, list, map, text, word};
use crate::config::value;
use crate::config::{
    ApplicationCheck, BusinessAsk, BusinessCheck, Cadence, Endpoint, HealthChecks, NetworkAsk,
    NetworkCheck, Phi, ProbeTls, ProcessAsk, ProcessCheck, Step, Trust,
};
use crate::model::Expect;

/// Every layer that is asked, with every default.
pub(super) fn tree(health: &HealthChecks) -> Tree {
    let network = health.network.as_ref().map(|check| ("network", network(check)));
    let process = health.process.as_ref().map(|check| ("process", process(check)));
    let application = health.application.as_ref().map(|check| ("application", application(check)));
    let business = health.business.as_ref().map(|check| ("business", business(check)));
    let layers: Vec<_> = [network, process, application, business].into_iter().flatten().collect();
    if layers.is_empty() {
        return word("off");
    }
    map(layers.into_iter().chain([("phi", health.phi.as_ref().map_or(word("off"), phi))]))
}

fn phi(phi: &Phi) -> Tree {
    map([
        ("suspect", word(phi.suspect)),
        ("failed", word(phi.failed)),
        ("window", word(phi.window)),
        ("jitter", word(value::ratio(phi.jitter))),
    ])
}

fn network(check: &NetworkCheck) -> Tree {
    let kind = match check.ask {
        NetworkAsk::Tcp => "tcp",
        NetworkAsk::Icmp => "icmp",
    };
    map([("type", word(kind))].into_iter().chain(cadence(&check.cadence)))
}

fn process(check: &ProcessCheck) -> Tree {
    let (kind, own): (&str, Vec<(&'static str, Tree)>) = match &check.ask {
        ProcessAsk::Http { host, path } => {
            ("http", optional("host", host).chain([("path", text(path))]).collect())
        }
        ProcessAsk::Banner { prefix } => ("banner", unless_empty("prefix", prefix).collect()),
        ProcessAsk::Tls { server_name } => ("tls", optional("server_name", server_name).collect()),
        ProcessAsk::Grpc { host, service, tls } => (
            "grpc",
            optional("host", host)
                .chain(unless_empty("service", service))
                .chain(tls_key(tls))
                .collect(),
        ),
        ProcessAsk::Agent { port, send } => (
            "agent",
            [("port", word(port))].into_iter().chain(unless_empty("send", send)).collect(),
        ),
    };
    map([("type", word(kind))].into_iter().chain(cadence(&check.cadence)).chain(own))
}

fn application(check: &ApplicationCheck) -> Tree {
    let endpoints = ("endpoints", list(&check.endpoints, endpoint));
    let asked = optional("host", &check.host).chain(tls_key(&check.tls));
    map(cadence(&check.cadence).into_iter().chain(asked).chain([endpoints]))
}

fn business(check: &BusinessCheck) -> Tree {
    let BusinessAsk::Transaction { host, tls, steps } = &check.ask;
    let steps = ("transaction", list(steps, step));
    let asked = optional("host", host).chain(tls_key(tls));
    map(cadence(&check.cadence).into_iter().chain(asked).chain([steps]))
}

type Keys = std::option::IntoIter<(&'static str, Tree)>;

fn optional(key: &'static str, value: &Option<Arc<str>>) -> Keys {
    value.as_ref().map(|value| (key, text(value))).into_iter()
}

fn unless_empty(key: &'static str, value: &str) -> Keys {
    (!value.is_empty()).then(|| (key, text(value))).into_iter()
}

fn tls_key(tls: &Option<ProbeTls>) -> Keys {
    let tree = tls.as_ref().map(|tls| {
        let trust = match &tls.trust {
            Trust::Anyone => ("verify", word(false)),
            Trust::Authorities { file, .. } => ("ca", text(file.display())),
        };
        map([trust].into_iter().chain(optional("server_name", &tls.server_name)))
    });
    tree.map(|tree| ("tls", tree)).into_iter()
}

fn cadence(cadence: &Cadence) -> [(&'static str, Tree); 5] {
    [
        ("interval", word(value::duration(cadence.interval))),
        ("timeout", word(value::duration(cadence.timeout))),
        ("fall", word(cadence.fall)),
        ("rise", word(cadence.rise)),
        ("jitter", word(value::ratio(cadence.jitter))),
    ]
}

fn endpoint(endpoint: &Endpoint) -> Tree {
    map([("path", text(&endpoint.path)), ("expect", expect(&endpoint.expect))])
}

fn step(step: &Step) -> Tree {
    map([("get", text(&step.path)), ("expect", expect(&step.expect))])
}

fn expect(expect: &Expect) -> Tree {
    let status = list(&expect.status, |(first, last)| {
        word(if first == last { first.to_string() } else { format!("{first}-{last}") })
    });
    map([("status", status)])
}
