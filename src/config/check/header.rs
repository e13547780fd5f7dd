//! Header names and values, and the edits of them.

use std::sync::Arc;

use crate::config::HeaderEdits;
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, key};

/// What is expected of a header's name.
pub(super) const NAME: &str = "a header name such as x-env";

/// What is expected of a header's value.
pub(super) const VALUE: &str = "a header value: one line of text without surrounding space";

/// Headers that frame a message or manage its connection: the proxy writes them itself, and an edit
/// could make two readers see two different messages.
pub(in crate::config) const FORBIDDEN_EDITS: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const VALUES: Kind =
    Kind::Map { of: "header", values: &Kind::AnyOf(&[Kind::Text(VALUE)]), x_keys: true };

/// `request_headers` and `response_headers`.
pub(super) static EDITS: Shape = Shape {
    name: "header_edits",
    about: "Edits of headers, applied in this order: remove, set, add.",
    keys: &[
        key("remove", Kind::OneOrMany(&Kind::Text(NAME)), "Headers to take away."),
        key("set", VALUES, "Headers to replace, whether they are there or not."),
        key("add", VALUES, "Headers to add beside those already there."),
    ],
    later: &[],
};

/// Whose headers are edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Those sent to the backend.
    Request,
    /// Those sent to the client.
    Response,
}

/// A header name in lower case, if it is one.
pub(super) fn name(text: &str) -> Option<Arc<str>> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let fits = (1..=256).contains(&text.len()) && text.bytes().all(token);
    fits.then(|| Arc::from(text.to_ascii_lowercase()))
}

/// Does a header of this name say something that is ours to say, or frame the message?
pub(super) fn is_ours(name: &str) -> bool {
    const OURS: [&str; 9] = [
        "host",
        "authorization",
        "cookie",
        "forwarded",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-request-id",
    ];
    OURS.contains(&name) || FORBIDDEN_EDITS.contains(&name)
}

/// A header value, if it is one; what is wrong is reported.
pub(super) fn value(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let text = cursor.text(VALUE)?;
    if text.trim() == text && text.len() <= 8192 {
        return Some(Arc::from(text));
    }
    cursor.mismatch(VALUE);
    None
}

/// Reads the edits of one side.
pub(super) fn edits(fields: Option<Fields<'_>>, side: Side) -> HeaderEdits {
    let Some(fields) = fields else { return HeaderEdits::default() };
    let remove = fields.list("remove").unwrap_or_default();
    let remove = remove.iter().filter_map(|cursor| {
        let text = cursor.text(NAME)?;
        editable(text, side, Edit::Remove, |message| cursor.problem(message))
    });
    HeaderEdits {
        remove: remove.collect(),
        set: values(&fields, "set", side, Edit::Set),
        add: values(&fields, "add", side, Edit::Add),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    Remove,
    Set,
    Add,
}

fn values(fields: &Fields<'_>, key: &str, side: Side, edit: Edit) -> Vec<(Arc<str>, Arc<str>)> {
    let mut pairs: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    for named in fields.entries(key).unwrap_or_default() {
        let name = editable(named.name, side, edit, |message| named.problem(message));
        if let (Some(name), Some(value)) = (name, value(&named.value)) {
            if pairs.iter().any(|(other, _)| *other == name) {
                named.problem(format!("header `{name}` stands twice (names ignore case)"));
            }
            pairs.push((name, value));
        }
    }
    pairs
}

/// A header name that this edit may touch.
fn editable(text: &str, side: Side, edit: Edit, problem: impl FnOnce(String)) -> Option<Arc<str>> {
    let Some(name) = name(text) else {
        problem(format!("{} is not a header name (expected {NAME})", shown(text)));
        return None;
    };
    if FORBIDDEN_EDITS.contains(&&*name) {
        problem(format!(
            "`{name}` frames the message or manages the connection and cannot be edited (remove it)"
        ));
        return None;
    }
    if side == Side::Request && &*name == "host" && edit != Edit::Set {
        problem("`host` can be replaced only (use `set`)".to_owned());
        return None;
    }
    Some(name)
}
