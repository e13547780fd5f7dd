//! What a request asks for beside its target, in words that a job understands.

use std::sync::Arc;
use std::time::Duration;

use httparse::Header;

use crate::config::{PathMatch, Priority};
use crate::l7::budget;
use crate::l7::compress;
use crate::l7::grpc;
use crate::l7::headers::elements;
use crate::l7::http1::{Facts, Request};
use crate::l7::version::Version;
use crate::model::{Coding, PriorityClass};
use crate::table::Route;

/// Is it a call of gRPC? Those come by HTTP/2 only.
pub(super) fn is_call(request: &Request<'_, '_>) -> bool {
    request.version == Version::Http2 && grpc::is_call(request.headers)
}

/// How long the client waits, if it says so, and the header in which the backend is told.
pub(super) fn waits<'r>(
    request: &Request<'_, '_>,
    route: &'r Route,
    is_call: bool,
) -> (Option<Duration>, Option<&'r str>) {
    let name = route.policy.budget_header.as_deref();
    let said = name.and_then(|name| budget::said(request.headers, name));
    if is_call {
        let waits = grpc::timeout(request.headers).into_iter().chain(said).min();
        (waits, Some(grpc::TIMEOUT))
    } else {
        (said, name)
    }
}

/// Does the client say that it takes trailers (RFC 9110 §10.1.4)? gRPC asks that of its clients, and its
/// servers look whether everybody between passes it on.
pub(super) fn takes_trailers(headers: &[Header<'_>]) -> bool {
    let named = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("te"));
    named.flat_map(|header| elements(header.value)).any(|it| it.eq_ignore_ascii_case("trailers"))
}

/// The priority class of a request. Whoever is not trusted could make everything critical.
pub(super) fn class(priority: &Priority, headers: &[Header<'_>], trusted: bool) -> PriorityClass {
    let Some(header) = priority.header.as_ref().filter(|_| trusted) else {
        return priority.class;
    };
    let mut fields = headers.iter();
    let named = fields.find(|field| field.name.eq_ignore_ascii_case(header));
    let named = named.and_then(|field| PriorityClass::named(field.value.trim_ascii()));
    named.unwrap_or(priority.class)
}

/// The protocol a request asks to change to, if the route lets it pass.
pub(super) fn upgrade(route: &Route, facts: &Facts<'_>) -> Option<Arc<str>> {
    let passes = &route.policy.upgrades;
    let passing = |asked: &str| passes.iter().find(|it| it.eq_ignore_ascii_case(asked));
    elements(facts.upgrade?).find_map(passing).cloned()
}

/// The coding that the client would take the answer in, where the route compresses.
pub(super) fn coding(route: &Route, request: &Request<'_, '_>) -> Option<Coding> {
    let compression = route.policy.compression.as_ref()?;
    let named = |field: &&Header<'_>| field.name.eq_ignore_ascii_case("accept-encoding");
    let accepts = request.headers.iter().filter(named).map(|field| field.value);
    compress::choose(&accepts, &compression.codings)
}

/// RFC 9110 §9.2.2.
pub(super) fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

/// Splits a path into what the route puts in front and what stays of it.
pub(super) fn rewrite<'a>(route: &'a Route, path: &'a str) -> (&'a str, &'a str) {
    let Some(prefix) = &route.policy.rewrite_prefix else { return ("", path) };
    let matched = match &route.policy.matches.path {
        Some(PathMatch::Exact(matched) | PathMatch::Prefix(matched)) => &**matched,
        Some(PathMatch::Regex(_)) | None => "/",
    };
    let rest = path.strip_prefix(matched).unwrap_or(path);
    match (prefix.ends_with('/'), rest.strip_prefix('/')) {
        (true, Some(rest)) => (prefix, rest),
        // `/v1/` → `/app` must not turn `/v1/x` into `/appx`: the slash belongs to the match.
        (false, None) if !rest.is_empty() && matched.ends_with('/') => {
            (prefix, &path[matched.len() - 1..])
        }
        _ => (prefix, rest),
    }
}
