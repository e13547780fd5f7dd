//! Rate limits, printed.

use super::yaml::{Tree, list, map, text, word};
use crate::config::check::limit_auto_name;
use crate::config::{LimitKey, RateLimit};

/// `rate_limit`, if there is one.
pub(super) fn key(limits: &[RateLimit]) -> Option<(&'static str, Tree)> {
    let all = || list(limits.iter().enumerate(), |(index, limit)| tree(index, limit));
    (!limits.is_empty()).then(|| ("rate_limit", all()))
}

fn tree(index: usize, limit: &RateLimit) -> Tree {
    let name = (limit.name != limit_auto_name(index)).then(|| ("name", text(&limit.name)));
    let by = match &limit.by {
        LimitKey::All => word("all"),
        LimitKey::Client { v4, v6 } => map([("v4", word(v4)), ("v6", word(v6))]),
        LimitKey::Certificate => word("certificate"),
        LimitKey::Header(name) => map([("header", text(name))]),
    };
    let keys = (limit.by != LimitKey::All).then(|| ("keys", word(limit.keys)));
    let common = [("rate", text(limit.rate())), ("burst", word(limit.burst)), ("by", by)];
    map(name.into_iter().chain(common).chain(keys))
}
