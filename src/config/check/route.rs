//! A route: match, action, and the policy of its exchanges.

use std::sync::Arc;

use super::defaults::{Inherited, ROUTE_LIMITS, ROUTE_TIMEOUTS};
use super::header::{self, Side};
use super::{Pools, action, compression, concurrent, matches, name, priority, rate_limit, retries};
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, key, required};
use crate::config::{
    Action, HeaderEdits, Match, PathMatch, Priority, Retries, Route, RouteTimeouts,
};

/// An item of `routes`.
pub(super) static SHAPE: Shape = Shape {
    name: "route",
    about: "A route; exactly one of `pool`, `pools`, `redirect` and `respond` says what it does.",
    keys: &[
        key("name", Kind::Text(name::NAME), "Its name in logs and metrics."),
        key("match", Kind::Shape(&matches::SHAPE), "What a request must look like; none = any."),
        key("pool", Kind::Text("a pool's name"), "Forward to this pool."),
        key("pools", action::SPLIT, "Forward to these pools by weight."),
        key("redirect", Kind::Shape(&action::REDIRECT), "Answer with a redirect."),
        key("respond", action::RESPONSE, "Answer with a fixed response, or with readiness."),
        key("rewrite", Kind::Shape(&REWRITE), "Change the path before it is forwarded."),
        key("raw_path", Kind::Boolean, "Forward the target as the client sent it."),
        key("request_headers", Kind::Shape(&header::EDITS), "Edits of what the backend is sent."),
        key("response_headers", Kind::Shape(&header::EDITS), "Edits of what the client is sent."),
        key("timeouts", Kind::Shape(&ROUTE_TIMEOUTS), "Deadlines of one exchange."),
        key("limits", Kind::Shape(&ROUTE_LIMITS), "Limits of one exchange."),
        key("rate_limit", rate_limit::KIND, "How many requests of the route may come."),
        key("retries", Kind::Shape(&retries::OF_ROUTE), "Which tries are followed by another."),
        key("priority", priority::PRIORITY, "Who goes first when not all can be served."),
        key("compress", compression::KIND, "Compress answers; default `off`."),
        key("upgrades", Kind::List(&Kind::Text(UPGRADE)), "Default `[websocket]`."),
    ],
    later: &["breaker", "allow", "deny", "mirror", "shed"],
};

static REWRITE: Shape = Shape {
    name: "rewrite",
    about: "A change of the path.",
    keys: &[required("prefix", Kind::Text("a path such as /app"), "Replaces the matched prefix.")],
    later: &["host", "regex"],
};

const UPGRADE: &str = "a protocol such as websocket";

/// Reads one route; `trusts` = its listener has trusted proxies.
pub(super) fn check(
    cursor: &Cursor<'_>,
    index: usize,
    inherited: &Inherited,
    pools: &Pools<'_>,
    trusts: bool,
) -> Option<Route> {
    let fields = cursor.fields(&SHAPE)?;
    let inherited = inherited.for_route(&fields);
    let typed_name = fields.get("name").and_then(|cursor| name::of_value(&cursor));
    let matches = fields.fields("match").map(|fields| matches::check(&fields)).unwrap_or_default();
    let action = action::check(&fields, pools);
    let rewrite_prefix = rewrite(&fields, &matches, action.as_ref());
    let raw_path = fields.boolean("raw_path").unwrap_or(false);
    if let (true, Some(cursor)) = (raw_path && fields.has("rewrite"), fields.get("raw_path")) {
        cursor
            .problem("a rewritten path is no longer the client's (remove `raw_path` or `rewrite`)");
    }
    let budget_header = budget_header(&fields);
    let concurrent = concurrent::of_route(&fields);
    concurrent::judge_route(&fields, concurrent.as_ref(), action.as_ref(), pools);
    let compression = compression::check(&fields, action.as_ref());
    let priority = priority::check(&fields, action.as_ref(), trusts);
    Some(Route {
        name: typed_name.unwrap_or_else(|| auto_name(index)),
        matches,
        action: action.unwrap_or(Action::Ready),
        rewrite_prefix,
        raw_path,
        request_headers: header::edits(fields.fields("request_headers"), Side::Request),
        response_headers: header::edits(fields.fields("response_headers"), Side::Response),
        timeouts: inherited.route,
        budget_header,
        body_bytes: inherited.body_bytes,
        min_rate: inherited.min_rate,
        rate_limits: rate_limit::check(&fields),
        concurrent,
        retries: retries::of_route(&fields, &inherited.route),
        priority,
        compression,
        upgrades: upgrades(&fields),
    })
}

/// A route without match block that leads to one pool: a listener's `pool`.
pub(super) fn catch_all(pool: usize, index: usize, inherited: &Inherited) -> Route {
    Route {
        name: auto_name(index),
        matches: Match::default(),
        action: Action::Pools(vec![(pool, 1)]),
        rewrite_prefix: None,
        raw_path: false,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        timeouts: RouteTimeouts { ..inherited.route },
        budget_header: None,
        body_bytes: inherited.body_bytes,
        min_rate: inherited.min_rate,
        rate_limits: Vec::new(),
        concurrent: None,
        retries: Retries::DEFAULT,
        priority: Priority::default(),
        compression: None,
        upgrades: default_upgrades(),
    }
}

/// The name of a route that was given none; no typed name can be the same.
pub(in crate::config) fn auto_name(index: usize) -> Arc<str> {
    Arc::from(format!("routes[{index}]"))
}

fn budget_header(fields: &Fields<'_>) -> Option<Arc<str>> {
    let timeouts = fields.fields("timeouts")?;
    let (cursor, text) = timeouts.text("budget_header")?;
    let name = header::name(text);
    match &name {
        None => cursor.mismatch(header::NAME),
        Some(name) if &**name == "host" || header::FORBIDDEN_EDITS.contains(&&**name) => cursor
            .problem(format!("{} has a meaning of its own (name another header)", shown(text))),
        Some(_) => {}
    }
    name
}

fn rewrite(fields: &Fields<'_>, matches: &Match, action: Option<&Action>) -> Option<Arc<str>> {
    let rewrite = fields.fields("rewrite")?;
    let prefix = rewrite.get("prefix").and_then(|cursor| matches::path_text(&cursor));
    if matches!(matches.path, Some(PathMatch::Regex(_))) {
        rewrite.cursor().problem("a regex matches no prefix that could be replaced (use `prefix`)");
    }
    if action.is_some_and(|action| !matches!(action, Action::Pools(_))) {
        rewrite
            .cursor()
            .problem("only a forwarded request is rewritten (expected `pool` or `pools`)");
    }
    prefix
}

fn upgrades(fields: &Fields<'_>) -> Vec<Arc<str>> {
    let Some(items) = fields.list("upgrades") else { return default_upgrades() };
    items.iter().filter_map(upgrade).collect()
}

fn upgrade(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let text = cursor.text(UPGRADE)?;
    match header::name(text) {
        Some(name) if matches!(&*name, "h2c" | "h2" | "tls" | "http") => {
            cursor.problem(format!(
                "{} would change the protocol under the proxy and is never passed on (remove it)",
                shown(text)
            ));
            None
        }
        Some(name) => Some(name),
        None => {
            cursor.mismatch(UPGRADE);
            None
        }
    }
}

fn default_upgrades() -> Vec<Arc<str>> {
    vec![Arc::from("websocket")]
}
