//! `priority`: who goes first when not all can be served.

use std::sync::Arc;

use super::header;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, key, required};
use crate::config::{Action, Priority};
use crate::model::PriorityClass;

/// What `priority` of a route may be.
pub(super) const PRIORITY: Kind = Kind::AnyOf(&[CLASS, Kind::Shape(&BY_HEADER)]);

/// A class.
pub(super) const CLASS: Kind =
    Kind::Words { now: &["critical", "high", "normal", "low"], later: &[] };

static BY_HEADER: Shape = Shape {
    name: "priority_by_header",
    about: "A priority class that trusted proxies name: what others send is not looked at.",
    keys: &[
        required("header", Kind::Text(header::NAME), "The header that names the class."),
        key("otherwise", CLASS, "The class of what names none; default `normal`."),
    ],
    later: &[],
};

/// Reads the `priority` of a route for HTTP.
pub(super) fn check(fields: &Fields<'_>, action: Option<&Action>, trusts: bool) -> Priority {
    let Some(cursor) = fields.get("priority") else { return Priority::default() };
    if action.is_some_and(|action| !matches!(action, Action::Pools(_))) {
        cursor.problem("only a forwarded request has a priority (expected `pool` or `pools`)");
    }
    if !cursor.is_mapping() {
        return Priority { class: class(&cursor), header: None };
    }
    let fields = cursor.fields(&BY_HEADER);
    let header = fields.as_ref().and_then(|fields| header_name(fields));
    if header.is_some() && !trusts {
        cursor.warning(
            "nobody's header is looked at: the listener has no `trusted_proxies`, so every request \
             is of the class `otherwise`",
        );
    }
    let otherwise = fields.and_then(|fields| fields.get("otherwise"));
    Priority { class: otherwise.map(|cursor| class(&cursor)).unwrap_or_default(), header }
}

/// Reads the `priority` of a route for bytes, which have no headers.
pub(super) fn of_bytes(fields: &Fields<'_>) -> PriorityClass {
    let Some(cursor) = fields.get("priority") else { return PriorityClass::default() };
    if cursor.is_mapping() {
        cursor
            .problem("only HTTP has headers (expected one of `critical`, `high`, `normal`, `low`)");
        return PriorityClass::default();
    }
    class(&cursor)
}

fn header_name(fields: &Fields<'_>) -> Option<Arc<str>> {
    let (cursor, text) = fields.text("header")?;
    let name = header::name(text);
    if name.is_none() {
        cursor.mismatch(header::NAME);
    }
    name
}

/// Reads a class.
pub(super) fn class(cursor: &Cursor<'_>) -> PriorityClass {
    let Kind::Words { now, later } = CLASS else { return PriorityClass::default() };
    let word = cursor.word(now, later);
    word.and_then(|word| PriorityClass::named(word.as_bytes())).unwrap_or_default()
}
