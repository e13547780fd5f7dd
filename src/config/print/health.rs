//! A pool's health checks, printed.

use std::sync::Arc;

use super::source_key;
use super::tls::backend_tls;
use super::yaml::{Tree, list, map, text, word};
use crate::config::check::pattern;
use crate::config::value;
use crate::config::{
    ApplicationCheck, BusinessAsk, BusinessCheck, Cadence, Endpoint, HealthChecks, NetworkAsk,
    NetworkCheck, OwnHealth, Phi, ProbePlace, ProcessAsk, ProcessCheck, SecretSource, Slow, Step,
    TrafficCheck,
};
use crate::model::{BodyTest, Expect, HeaderTest, HttpMethod, Pattern, Source};

/// Every layer that is asked, with every default.
pub(super) fn tree(health: &HealthChecks) -> Tree {
    let network = health.network.as_ref().map(|check| ("network", network(check)));
    let process = health.process.as_ref().map(|check| ("process", process(check)));
    let application = health.application.as_ref().map(|check| ("application", application(check)));
    let business = health.business.as_ref().map(|check| ("business", business(check)));
    if health.asks_nothing() {
        return word("off");
    }
    let layers = [network, process, application, business].into_iter().flatten();
    map(layers.chain(detectors(health)))
}

/// What a backend is judged by that has a way of its own: layers that it does not have are `off`,
/// because one that is not named is its pool's.
pub(super) fn own_tree(own: &OwnHealth) -> Tree {
    let checks = &own.checks;
    if checks.asks_nothing() {
        return word("off");
    }
    fn layer<T>(check: &Option<T>, tree: impl FnOnce(&T) -> Tree) -> Tree {
        check.as_ref().map_or_else(|| word("off"), tree)
    }
    let place = own.place.as_ref().map(|place| match place {
        ProbePlace::Port(port) => text(format!(":{port}")),
        ProbePlace::Address(address) => text(address),
    });
    let layers = [
        ("network", layer(&checks.network, network)),
        ("process", layer(&checks.process, process)),
        ("application", layer(&checks.application, application)),
        ("business", layer(&checks.business, business)),
    ];
    let place = place.map(|place| ("address", place));
    let named = place.into_iter().chain(optional("host", &own.host));
    map(named.chain(layers).chain(detectors(checks)))
}

/// What results and traffic are judged by.
fn detectors(health: &HealthChecks) -> [(&'static str, Tree); 4] {
    [
        ("phi", health.phi.as_ref().map_or(word("off"), phi)),
        ("traffic", health.traffic.as_ref().map_or(word("off"), traffic)),
        ("max_returns", health.max_returns.map_or(word("off"), word)),
        ("start", word(if health.presumed_up { "up" } else { "unknown" })),
    ]
}

fn traffic(check: &TrafficCheck) -> Tree {
    map([
        ("window", word(value::duration(check.window))),
        ("min_requests", word(check.min_requests)),
        ("max_errors", word(value::ratio(check.max_errors))),
        ("slow", slow(check.slow)),
        ("eject", word(value::duration(check.eject))),
        ("eject_max", word(value::duration(check.eject_max))),
        ("max_ejected", word(value::ratio(check.max_ejected))),
        ("trial_requests", word(check.trial_requests)),
        ("trial_share", word(value::ratio(check.trial_share))),
    ])
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
        ProcessAsk::Http { host, path, tls } => {
            let asked = [("path", text(path)), ("tls", backend_tls(tls))];
            ("http", optional("host", host).chain(asked).collect())
        }
        ProcessAsk::Banner { prefix } => ("banner", unless_empty("prefix", prefix).collect()),
        ProcessAsk::Tls { server_name } => ("tls", optional("server_name", server_name).collect()),
        ProcessAsk::Grpc { host, service, tls } => (
            "grpc",
            optional("host", host)
                .chain(unless_empty("service", service))
                .chain([("tls", backend_tls(tls))])
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
    let asked = optional("host", &check.host).chain([("tls", backend_tls(&check.tls))]);
    let on_failure = match check.degrade {
        Some(kept) => map([("degrade", word(value::ratio(kept)))]),
        None => word("remove"),
    };
    let on_failure = ("on_failure", on_failure);
    map(cadence(&check.cadence).into_iter().chain(asked).chain([endpoints, on_failure]))
}

fn business(check: &BusinessCheck) -> Tree {
    let floor = ("floor", word(value::ratio(check.floor)));
    let keys = cadence(&check.cadence).into_iter().chain([floor]);
    match &check.ask {
        BusinessAsk::Transaction { host, tls, values, steps } => {
            let secrets = values.iter().map(|(name, _, source)| (name.to_string(), secret(source)));
            let secrets = Tree::Map(secrets.collect());
            let secrets = (!values.is_empty()).then_some(("values", secrets));
            let steps = ("transaction", list(steps, step));
            let asked = optional("host", host).chain([("tls", backend_tls(tls))]).chain(secrets);
            map(keys.chain(asked).chain([steps]))
        }
        BusinessAsk::Postgres { ask, password } => {
            let asked = [
                ("postgres", text(&ask.statement)),
                ("user", text(&ask.user)),
                ("database", text(&ask.database)),
            ];
            let rest = password_key(password).chain(optional("expect", &ask.expect));
            map(keys.chain([("query", map(asked.into_iter().chain(rest)))]))
        }
        BusinessAsk::Redis { ask, password } => {
            let asked = [("redis", text(ask.command.join(" ")))].into_iter();
            let asked = asked.chain(optional("user", &ask.user)).chain(password_key(password));
            map(keys.chain([("query", map(asked.chain(optional("expect", &ask.expect))))]))
        }
    }
}

fn password_key(password: &Option<SecretSource>) -> Keys {
    password.as_ref().map(|source| ("password", secret(source))).into_iter()
}

fn secret(source: &SecretSource) -> Tree {
    map([source_key(source)])
}

pub(super) type Keys = std::option::IntoIter<(&'static str, Tree)>;

pub(super) fn optional(key: &'static str, value: &Option<Arc<str>>) -> Keys {
    value.as_ref().map(|value| (key, text(value))).into_iter()
}

fn unless_empty(key: &'static str, value: &str) -> Keys {
    (!value.is_empty()).then(|| (key, text(value))).into_iter()
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
    let request = &step.request;
    let method = match request.method {
        HttpMethod::Get => "get",
        HttpMethod::Head => "head",
        HttpMethod::Post => "post",
        HttpMethod::Put => "put",
        HttpMethod::Patch => "patch",
        HttpMethod::Delete => "delete",
    };
    let headers = request.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    let body = (!request.body.0.is_empty()).then(|| ("body", text(&request.body)));
    let save = step.save.iter().map(|(name, source)| (name.to_string(), source_tree(source)));
    map([(method, text(&request.path))]
        .into_iter()
        .chain(named("headers", headers))
        .chain(body)
        .chain([("expect", expect(&step.expect))])
        .chain(named("save", save)))
}

/// A mapping of names, unless it is empty.
fn named(key: &'static str, entries: impl Iterator<Item = (String, Tree)>) -> Keys {
    let entries: Vec<_> = entries.collect();
    (!entries.is_empty()).then_some((key, Tree::Map(entries))).into_iter()
}

fn source_tree(source: &Source) -> Tree {
    map([match source {
        Source::Json(pointer) => ("json", text(pointer)),
        Source::Body(Pattern(regex)) => ("regex", text(regex.as_str())),
        Source::Header(name) => ("header", text(name)),
    }])
}

fn expect(expect: &Expect) -> Tree {
    let status = list(&expect.status, |(first, last)| {
        word(if first == last { first.to_string() } else { format!("{first}-{last}") })
    });
    let headers = expect.headers.iter().map(|(name, test)| (name.to_string(), header(test)));
    let body = expect.body.as_ref().map(|body| {
        let test = match body {
            BodyTest::Contains(text_) => ("contains", text(text_)),
            BodyTest::Matches(Pattern(regex)) => ("regex", text(regex.as_str())),
        };
        ("body", map([test]))
    });
    // JSON text is YAML: a string keeps its quotes, so that it is not taken for a number.
    let json = expect.json.iter().map(|(pointer, value)| (pointer.to_string(), word(value)));
    map([("status", status)]
        .into_iter()
        .chain(named("headers", headers))
        .chain(body)
        .chain(named("json", json))
        .chain([("body_bytes", word(value::size(expect.body_bytes_max as u64)))]))
}

fn header(test: &HeaderTest) -> Tree {
    match test {
        HeaderTest::Is(value) => text(value),
        HeaderTest::Matches(Pattern(regex)) => map([("regex", text(pattern(regex)))]),
        HeaderTest::Present(present) => map([("present", word(present))]),
    }
}

/// When answers are too slow.
pub(super) fn slow(slow: Option<Slow>) -> Tree {
    slow.map_or(word("off"), |slow| {
        map([("above", word(value::duration(slow.above))), ("max", word(value::ratio(slow.max)))])
    })
}
