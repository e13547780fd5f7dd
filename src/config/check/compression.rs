//! `compress`: which answers of a route are compressed.

use std::sync::Arc;

use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, key};
use crate::config::{Action, Compression};
use crate::model::Coding;

/// What `compress` of a route may be.
pub(super) const KIND: Kind =
    Kind::AnyOf(&[Kind::Words { now: &["on", "off"], later: &[] }, Kind::Shape(&SHAPE)]);

static SHAPE: Shape = Shape {
    name: "compress",
    about: "Which answers of backends are compressed, for clients that can take it.",
    keys: &[
        key("codings", Kind::List(&CODING), "The preferred first; default `[zstd, br, gzip]`."),
        key("types", Kind::List(&Kind::Text(TYPE)), "Media types; default those of text."),
        key(
            "min_bytes",
            Kind::Size { min: 0, max: 1 << 30 },
            "Shorter answers are left alone; default 1KiB.",
        ),
    ],
    later: &["level"],
};

const CODING: Kind = Kind::Words { now: &["zstd", "br", "gzip"], later: &["deflate"] };
const TYPE: &str = "a media type such as application/json or text/*";

/// Reads the `compress` of a route.
pub(super) fn check(fields: &Fields<'_>, action: Option<&Action>) -> Option<Compression> {
    let cursor = fields.get("compress")?;
    let asked = if cursor.is_mapping() {
        Some(of_fields(&cursor.fields(&SHAPE)?))
    } else {
        (cursor.word(&["on", "off"], &[])? == "on").then(Compression::default)
    };
    if asked.is_some() && action.is_some_and(|action| !matches!(action, Action::Pools(_))) {
        cursor.problem("only answers of backends are compressed (expected `pool` or `pools`)");
    }
    asked
}

fn of_fields(fields: &Fields<'_>) -> Compression {
    let usual = Compression::default();
    Compression {
        codings: fields.list("codings").map_or(usual.codings, |all| codings(fields, &all)),
        types: fields
            .list("types")
            .map_or(usual.types, |all| all.iter().filter_map(media_type).collect()),
        min_bytes: fields.size("min_bytes").unwrap_or(usual.min_bytes),
    }
}

fn codings(fields: &Fields<'_>, cursors: &[Cursor<'_>]) -> Vec<Coding> {
    let mut codings = Vec::new();
    for cursor in cursors {
        let Kind::Words { now, later } = CODING else { break };
        let word = cursor.word(now, later);
        let coding = Coding::ALL.into_iter().find(|coding| Some(coding.name()) == word);
        match coding {
            Some(coding) if codings.contains(&coding) => cursor.problem("it stands twice"),
            other => codings.extend(other),
        }
    }
    if cursors.is_empty() {
        fields
            .cursor()
            .problem("nothing could be compressed without a coding (use `compress: off`)");
    }
    codings
}

fn media_type(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let text = cursor.text(TYPE)?.to_ascii_lowercase();
    let token = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !part.is_empty() && part.bytes().all(fits)
    };
    let known =
        text.split_once('/').is_some_and(|(kind, sub)| token(kind) && (sub == "*" || token(sub)));
    match (known, &*text) {
        (_, "text/event-stream") => {
            cursor.problem(format!("{} is never compressed: it would be held back", shown(&text)));
        }
        (true, _) => return Some(Arc::from(text)),
        (false, _) => cursor.mismatch(TYPE),
    }
    None
}
