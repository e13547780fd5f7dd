//! `rate_limit`: how many requests may come, to a listener or a route.

use std::collections::HashSet;
use std::sync::Arc;

use super::{header, name};
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, key, required};
use crate::config::{LimitKey, Per, RateLimit, Route, TlsTermination, defaults};

/// What `rate_limit` may be.
pub(super) const KIND: Kind = Kind::OneOrMany(&Kind::Shape(&SHAPE));

static SHAPE: Shape = Shape {
    name: "rate_limit",
    about: "A limit on the requests that come, one for all workers; more are answered with 429.",
    keys: &[
        required("rate", Kind::Text(RATE), "How many may come, if they come evenly."),
        key(
            "burst",
            Kind::Integer { min: 1, max: 10_000_000 },
            "How many may come at once, after a silence; default as many as come in two seconds.",
        ),
        key("by", BY, "What is counted together; default `all`."),
        key("name", Kind::Text(name::NAME), "Its name in metrics and headers."),
        key(
            "keys",
            Kind::Integer { min: 1, max: 10_000_000 },
            "Clients or values remembered, 32 bytes each; default 100000.",
        ),
    ],
    later: &["cost", "shared"],
};

const BY: Kind = Kind::AnyOf(&[Kind::Words { now: BY_WORDS, later: &[] }, Kind::Shape(&BY_SHAPE)]);

const BY_WORDS: &[&str] = &["all", "client", "certificate"];

static BY_SHAPE: Shape = Shape {
    name: "limit_by",
    about: "What is counted together: a network of clients, or a header's value.",
    keys: &[
        key("v4", Kind::Integer { min: 1, max: 32 }, "Bits of an IPv4 address; default 32."),
        key("v6", Kind::Integer { min: 1, max: 128 }, "Bits of an IPv6 address; default 64."),
        key("header", Kind::Text(header::NAME), "A header; where missing, the client."),
    ],
    later: &[],
};

const RATE: &str = "a rate such as 1000/s, 30/m or 100/h";
/// The fastest rate: its interval in nanoseconds is exact to 0.1 %.
const PER_SECOND_MAX: u32 = 1_000_000;

/// Reads the `rate_limit` of a listener or a route.
pub(super) fn check(fields: &Fields<'_>) -> Vec<RateLimit> {
    let cursors = fields.list("rate_limit").unwrap_or_default();
    let mut names = HashSet::new();
    let mut limits = Vec::new();
    for (index, cursor) in cursors.iter().enumerate() {
        let Some(limit) = one(cursor, index) else { continue };
        if !names.insert(Arc::clone(&limit.name)) {
            cursor.problem(format!("the name `{}` stands twice", limit.name));
        }
        limits.push(limit);
    }
    limits
}

fn one(cursor: &Cursor<'_>, index: usize) -> Option<RateLimit> {
    let fields = cursor.fields(&SHAPE)?;
    let typed_name = fields.get("name").and_then(|cursor| name::of_value(&cursor));
    let by = fields.get("by").map_or(Some(LimitKey::All), |cursor| by(&cursor));
    let keys = fields.integer("keys");
    if let (Some(LimitKey::All), Some(cursor)) = (&by, fields.get("keys")) {
        cursor.warning("what counts all requests together remembers no keys (name `by`)");
    }
    let (cursor, text) = fields.text("rate")?;
    let (requests, per) = rate(&cursor, text)?;
    let two_seconds = (u64::from(requests) * 2).div_ceil(per.length().as_secs());
    let burst = fields.integer("burst").or_else(|| u32::try_from(two_seconds).ok());
    Some(RateLimit {
        name: typed_name.unwrap_or_else(|| auto_name(index)),
        requests,
        per,
        burst: burst.unwrap_or(1),
        by: by?,
        keys: keys.unwrap_or(defaults::RATE_LIMIT_KEYS),
    })
}

/// Reports limits by certificate where no client is asked for one.
pub(super) fn judge(
    listener: &Fields<'_>,
    limits: &[RateLimit],
    routes: &[Route],
    tls: Option<&TlsTermination>,
) {
    let all = routes.iter().flat_map(|route| &route.rate_limits).chain(limits);
    let asks = tls.is_some_and(|tls| tls.shown.iter().any(|it| it.client_auth.is_some()));
    for limit in all.filter(|limit| limit.by == LimitKey::Certificate && !asks) {
        listener.cursor().problem(format!(
            "`{}` counts by certificate, and no client is asked for one here (expected \
             `tls: {{ client_auth: … }}`, or `by: client`)",
            limit.name
        ));
    }
}

/// The name of a limit that was given none; no typed name can be the same.
pub(in crate::config) fn auto_name(index: usize) -> Arc<str> {
    Arc::from(format!("rate_limit[{index}]"))
}

fn rate(cursor: &Cursor<'_>, text: &str) -> Option<(u32, Per)> {
    let parsed = text.split_once('/').and_then(|(count, letter)| {
        let per = Per::ALL.into_iter().find(|per| per.letter().to_string() == letter)?;
        let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        Some((count.parse::<u32>().ok().filter(|_| digits)?, per))
    });
    match parsed {
        None => cursor.mismatch(RATE),
        Some((0, _)) => cursor.problem("nothing could ever come (expected at least 1)"),
        Some((count, per)) if u64::from(count) > most(per) => cursor.problem(format!(
            "{} is more than can be counted exactly (expected at most {PER_SECOND_MAX}/s)",
            shown(text)
        )),
        Some(rate) => return Some(rate),
    }
    None
}

fn most(per: Per) -> u64 {
    u64::from(PER_SECOND_MAX) * per.length().as_secs()
}

fn by(cursor: &Cursor<'_>) -> Option<LimitKey> {
    if !cursor.is_mapping() {
        return match cursor.word(BY_WORDS, &[])? {
            "client" => Some(LimitKey::CLIENT),
            "certificate" => Some(LimitKey::Certificate),
            _ => Some(LimitKey::All),
        };
    }
    let fields = cursor.fields(&BY_SHAPE)?;
    let Some((at, text)) = fields.text("header") else {
        if fields.is_empty() {
            cursor.problem("nothing is named (expected `header`, or `v4` and `v6`)");
        }
        let (v4, v6) = (fields.integer("v4"), fields.integer("v6"));
        return Some(LimitKey::Client { v4: v4.unwrap_or(32), v6: v6.unwrap_or(64) });
    };
    if fields.len() > 1 {
        cursor.problem("a header's value is no network (remove `header`, or `v4` and `v6`)");
    }
    let name = header::name(text);
    if name.is_none() {
        at.mismatch(header::NAME);
    }
    name.map(LimitKey::Header)
}
