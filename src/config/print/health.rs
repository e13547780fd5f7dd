//! A pool's health checks, printed.

use super::yaml::{Tree, list, map, text, word};
use crate::config::value;
use crate::config::{
    ApplicationCheck, BusinessAsk, BusinessCheck, Cadence, Endpoint, HealthChecks, Phi, ProcessAsk,
    ProcessCheck, Step,
};
use crate::model::Expect;

/// Every layer that is asked, with every default.
pub(super) fn tree(health: &HealthChecks) -> Tree {
    let network = health.network.as_ref().map(|check| ("network", map(cadence(&check.cadence))));
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

fn process(check: &ProcessCheck) -> Tree {
    let ProcessAsk::Http { host, path } = &check.ask;
    let host = host.as_ref().map(|host| ("host", text(host)));
    let asked = [("type", word("http"))].into_iter().chain(cadence(&check.cadence));
    map(asked.chain(host).chain([("path", text(path))]))
}

fn application(check: &ApplicationCheck) -> Tree {
    let host = check.host.as_ref().map(|host| ("host", text(host)));
    let endpoints = ("endpoints", list(&check.endpoints, endpoint));
    map(cadence(&check.cadence).into_iter().chain(host).chain([endpoints]))
}

fn business(check: &BusinessCheck) -> Tree {
    let BusinessAsk::Transaction { host, steps } = &check.ask;
    let host = host.as_ref().map(|host| ("host", text(host)));
    let steps = ("transaction", list(steps, step));
    map(cadence(&check.cadence).into_iter().chain(host).chain([steps]))
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
