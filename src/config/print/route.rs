//! A route, printed.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::pool::queue;
use super::rate_limit;
use super::yaml::{Tree, list, map, text, word};
use crate::config::check::{auto_name, pattern};
use crate::config::value;
use crate::config::{
    Action, Backoff, Compression, Config, HeaderCondition, HeaderEdits, HeaderMatch, HostMatch,
    Match, MinRate, PathMatch, Priority, Redirect, RedirectTo, Retries, Route,
};

/// A route with every default; what is empty (match, edits) is left out.
pub(super) fn tree(config: &Config, index: usize, route: &Route) -> Tree {
    let mut keys = Vec::new();
    if route.name != auto_name(index) {
        keys.push(("name", text(&route.name)));
    }
    keys.extend(matches(&route.matches).map(|tree| ("match", tree)));
    keys.push(action(config, &route.action));
    if let Some(prefix) = &route.rewrite_prefix {
        keys.push(("rewrite", map([("prefix", text(prefix))])));
    }
    keys.push(("raw_path", word(route.raw_path)));
    keys.extend(edits(&route.request_headers).map(|tree| ("request_headers", tree)));
    keys.extend(edits(&route.response_headers).map(|tree| ("response_headers", tree)));
    let timeouts = &route.timeouts;
    let common = [
        ("first_byte", word(value::duration(timeouts.first_byte))),
        ("body_idle", word(value::duration(timeouts.body_idle))),
        ("total", timeouts.total.map_or(word("off"), |total| word(value::duration(total)))),
    ];
    let budget = route.budget_header.as_ref().map(|name| ("budget_header", text(name)));
    keys.push(("timeouts", map(common.into_iter().chain(budget))));
    let body_bytes = route.body_bytes.map_or(word("off"), |bytes| word(value::size(bytes)));
    let concurrent = match &route.concurrent {
        Some(limit) => map([("requests", word(limit.requests)), ("queue", queue(&limit.queue))]),
        None => word("off"),
    };
    let min_rate = min_rate(&route.min_rate);
    let limits = [("body_bytes", body_bytes), ("min_rate", min_rate), ("concurrent", concurrent)];
    keys.push(("limits", map(limits)));
    keys.extend(rate_limit::key(&route.rate_limits));
    keys.push(("retries", retries(&route.retries)));
    if matches!(route.action, Action::Pools(_)) {
        keys.push(("priority", priority(&route.priority)));
    }
    keys.push(("compress", route.compression.as_ref().map_or(word("off"), compression)));
    keys.push(("upgrades", list(&route.upgrades, text)));
    map(keys)
}

fn compression(compression: &Compression) -> Tree {
    let Compression { codings, types, min_bytes } = compression;
    map([
        ("codings", list(codings, |coding| word(coding.name()))),
        ("types", list(types, text)),
        ("min_bytes", word(value::size(*min_bytes))),
    ])
}

fn min_rate(rate: &MinRate) -> Tree {
    let MinRate { request, response, grace } = *rate;
    if request.is_none() && response.is_none() {
        return word("off");
    }
    let bytes = |rate: Option<NonZeroU32>| {
        rate.map_or_else(|| word("off"), |rate| word(value::size(u64::from(rate.get()))))
    };
    map([
        ("request", bytes(request)),
        ("response", bytes(response)),
        ("grace", word(value::duration(grace))),
    ])
}

fn retries(retries: &Retries) -> Tree {
    let Backoff { first, max } = retries.backoff;
    let length = |length: Duration| word(value::duration(length));
    let backoff = match first.is_zero() {
        true => word("off"),
        false => map([("first", length(first)), ("max", length(max))]),
    };
    map([
        ("attempts", word(retries.attempts)),
        ("on", list(&retries.on.names(), text)),
        ("backoff", backoff),
        ("per_try", retries.per_try.map_or(word("off"), length)),
        ("body_bytes", word(value::size(retries.body_bytes as u64))),
        ("idempotent", word(retries.idempotent)),
    ])
}

fn priority(priority: &Priority) -> Tree {
    let class = word(priority.class.name());
    match &priority.header {
        None => class,
        Some(header) => map([("header", text(header)), ("otherwise", class)]),
    }
}

fn matches(matches: &Match) -> Option<Tree> {
    let Match { hosts, path, methods, headers } = matches;
    let mut keys = Vec::new();
    if !hosts.is_empty() {
        keys.push(("host", list(hosts, host)));
    }
    keys.extend(path.as_ref().map(|pattern| ("path", path_match(pattern))));
    if !methods.is_empty() {
        keys.push(("methods", list(methods, text)));
    }
    if !headers.is_empty() {
        keys.push(("headers", Tree::Map(headers.iter().map(header).collect())));
    }
    (!keys.is_empty()).then(|| map(keys))
}

/// A pattern of names.
pub(super) fn host(host: &HostMatch) -> Tree {
    match host {
        HostMatch::Exact(name) => text(name),
        HostMatch::Wildcard(suffix) => text(format!("*{suffix}")),
    }
}

fn path_match(path: &PathMatch) -> Tree {
    match path {
        PathMatch::Exact(path) => text(path),
        PathMatch::Prefix(prefix) => map([("prefix", text(prefix))]),
        PathMatch::Regex(regex) => map([("regex", text(pattern(regex)))]),
    }
}

fn header(header: &HeaderMatch) -> (String, Tree) {
    let condition = match &header.condition {
        HeaderCondition::Equal(value) => text(value),
        HeaderCondition::Present(present) => map([("present", word(present))]),
        HeaderCondition::Regex(regex) => map([("regex", text(pattern(regex)))]),
    };
    (header.name.to_string(), condition)
}

fn action(config: &Config, action: &Action) -> (&'static str, Tree) {
    let name = |index: usize| config.pools.get(index).map(|pool| &*pool.name).unwrap_or_default();
    match action {
        Action::Pools(pools) => match pools.as_slice() {
            [(index, 1)] => ("pool", text(name(*index))),
            _ => {
                let shares = pools.iter().map(|(i, weight)| (name(*i).to_owned(), word(weight)));
                ("pools", Tree::Map(shares.collect()))
            }
        },
        Action::Redirect(redirect) => ("redirect", redirect_tree(redirect)),
        Action::Fixed(fixed) => {
            ("respond", map([("status", word(fixed.status)), ("body", text(&fixed.body))]))
        }
        Action::Ready => ("respond", word("ready")),
    }
}

fn redirect_tree(redirect: &Redirect) -> Tree {
    let to = match &redirect.to {
        RedirectTo::Https => word("https"),
        RedirectTo::Location(location) => text(location),
    };
    map([("to", to), ("status", word(redirect.status))])
}

fn edits(edits: &HeaderEdits) -> Option<Tree> {
    let values = |pairs: &[(Arc<str>, Arc<str>)]| {
        Tree::Map(pairs.iter().map(|(name, value)| (name.to_string(), text(value))).collect())
    };
    let tree = || {
        map([
            ("remove", list(&edits.remove, text)),
            ("set", values(&edits.set)),
            ("add", values(&edits.add)),
        ])
    };
    (*edits != HeaderEdits::default()).then(tree)
}
