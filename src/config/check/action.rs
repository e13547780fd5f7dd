//! What a route does: forward, redirect, or answer itself.

use std::sync::Arc;

use super::Pools;
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, key, required};
use crate::config::{Action, FixedResponse, Redirect, RedirectTo};

/// `redirect`.
pub(super) static REDIRECT: Shape = Shape {
    name: "redirect",
    about: "A redirect response.",
    keys: &[
        required("to", Kind::Text(LOCATION), "`https`, or a location with `{host}` and `{path}`."),
        key("status", Kind::Integer { min: 301, max: 308 }, "The status; default 308."),
    ],
    later: &[],
};

/// `respond`, unless it is `ready`.
pub(super) static RESPOND: Shape = Shape {
    name: "respond",
    about: "A fixed response.",
    keys: &[
        key("status", Kind::Integer { min: 200, max: 599 }, "The status; default 200."),
        key("body", Kind::Text(BODY), "Sent as text/plain; default empty."),
    ],
    later: &["headers", "file"],
};

/// What `respond` may be.
pub(super) const RESPONSE: Kind =
    Kind::AnyOf(&[Kind::Words { now: &["ready"], later: &[] }, Kind::Shape(&RESPOND)]);

/// `pools`: a weighted split.
pub(super) const SPLIT: Kind =
    Kind::Map { of: "pool", values: &Kind::Integer { min: 0, max: 65_535 }, x_keys: false };

const LOCATION: &str = "`https`, or a location such as https://{host}{path}";
const BODY: &str = "a text of at most 64KiB";
const BODY_BYTES: usize = 64 * 1024;
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// The keys of a route that say what it does; exactly one must be there.
const ACTIONS: [&str; 4] = ["pool", "pools", "redirect", "respond"];

/// Reads a route's action.
pub(super) fn check(fields: &Fields<'_>, pools: &Pools<'_>) -> Option<Action> {
    let given: Vec<&str> = ACTIONS.into_iter().filter(|key| fields.has(key)).collect();
    match given.as_slice() {
        [] => fields.cursor().problem(
            "the route does nothing (expected one of `pool`, `pools`, `redirect` and `respond`)",
        ),
        [_] => {}
        [first, second, ..] => fields.cursor().problem(format!(
            "the route has both `{first}` and `{second}` (expected only one of them)"
        )),
    }
    let single = fields.get("pool").and_then(|cursor| pool(&cursor, pools));
    let split = fields.get("pools").and_then(|_| split(fields, pools));
    let redirect = fields.fields("redirect").and_then(|fields| redirect(&fields));
    let respond = fields.get("respond").and_then(|cursor| respond(&cursor));
    single
        .map(|index| Action::Pools(vec![(index, 1)]))
        .or(split)
        .or(redirect.map(Action::Redirect))
        .or(respond)
}

/// The index of the pool that is named here.
pub(super) fn pool(cursor: &Cursor<'_>, pools: &Pools<'_>) -> Option<usize> {
    pools.index(cursor.text("a pool's name")?, |message| cursor.problem(message))
}

fn split(fields: &Fields<'_>, pools: &Pools<'_>) -> Option<Action> {
    let entries = fields.entries("pools")?;
    let shares: Vec<_> = entries
        .iter()
        .map(|named| {
            let index = pools.index(named.name, |message| named.problem(message));
            let weight = named.value.integer(0..=65_535).and_then(|n| u32::try_from(n).ok());
            index.zip(weight)
        })
        .collect();
    let complete: Vec<(usize, u32)> = shares.iter().copied().flatten().collect();
    if complete.len() < shares.len() {
        return None;
    }
    let open: Vec<_> = complete.into_iter().filter(|(_, weight)| *weight > 0).collect();
    if open.is_empty() {
        fields.get("pools")?.problem("no pool here has a weight above 0 (expected at least one)");
        return None;
    }
    Some(Action::Pools(open))
}

fn redirect(fields: &Fields<'_>) -> Option<Redirect> {
    let status = fields.integer::<u16>("status").unwrap_or(308);
    if !REDIRECTS.contains(&status)
        && let Some(cursor) = fields.get("status")
    {
        cursor.mismatch("301, 302, 303, 307 or 308");
    }
    let (cursor, text) = fields.text("to")?;
    if text == "https" {
        return Some(Redirect { to: RedirectTo::Https, status });
    }
    if let Some(why) = location_fault(text) {
        cursor.problem(format!("{} {why} (expected {LOCATION})", shown(text)));
        return None;
    }
    Some(Redirect { to: RedirectTo::Location(Arc::from(text)), status })
}

/// Why a location is not one. A location that begins `//`, or comes to, would leave for whatever
/// host the client put into its path.
fn location_fault(text: &str) -> Option<&'static str> {
    let bare = text.replace("{host}", "h").replace("{path}", "/p");
    let scheme = ["https://", "http://"].into_iter().find_map(|s| bare.strip_prefix(s));
    if text.len() > 2048 {
        Some("is longer than 2048 characters")
    } else if bare.contains(['{', '}']) {
        Some("has a placeholder other than {host} and {path}")
    } else if !bare.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`|".contains(&b)) {
        Some("holds characters that never stand in a location (percent-encode them)")
    } else if scheme.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#'])) {
        Some("names no host")
    } else if scheme.is_none() && (!text.starts_with('/') || bare.starts_with("//")) {
        Some("begins neither with https:// or http:// nor with a single `/`")
    } else {
        None
    }
}

fn respond(cursor: &Cursor<'_>) -> Option<Action> {
    if cursor.is_word("ready") {
        return Some(Action::Ready);
    }
    if !cursor.is_mapping() {
        cursor.mismatch(&RESPONSE.expected());
        return None;
    }
    fixed(cursor, 200).map(Action::Fixed)
}

/// A response with this status if none is typed.
pub(super) fn fixed(cursor: &Cursor<'_>, status: u16) -> Option<FixedResponse> {
    let fields = cursor.fields(&RESPOND)?;
    let status = fields.integer::<u16>("status").unwrap_or(status);
    let body = fields.get("body").and_then(|cursor| body(&cursor)).unwrap_or_default();
    if matches!(status, 204 | 205 | 304) && !body.is_empty() {
        cursor.problem(format!("a response with status {status} has no body (remove `body`)"));
    }
    Some(FixedResponse { status, body })
}

/// A body may have several lines, so it is not read as a line of text.
fn body(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    match cursor.scalar() {
        Some(text) if text.len() <= BODY_BYTES => Some(Arc::from(text)),
        _ => {
            cursor.mismatch(BODY);
            None
        }
    }
}
