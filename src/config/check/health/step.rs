//! A step of a transaction: what is sent, what is expected, what is carried over.

use std::sync::Arc;

use super::{expect, http};
use crate::config::Step;
use crate::config::check::{header, matches, regex};
use crate::config::problem::{nearest, shown};
use crate::config::read::{Cursor, Fields, Named};
use crate::config::shape::{Kind, Shape, key};
use crate::model::{HttpMethod, HttpRequest, Part, Pattern, Source, Template};

pub(super) static SHAPE: Shape = Shape {
    name: "step",
    about: "One request of a transaction, by exactly one method. `${name}` in the target, in a \
            header or in the body stands for a value that an earlier step has saved.",
    keys: &[
        key("get", Kind::Text(http::PATH), "The target of a `GET`, with query if needed."),
        key("head", Kind::Text(http::PATH), "The target of a `HEAD`."),
        key("post", Kind::Text(http::PATH), "The target of a `POST`."),
        key("put", Kind::Text(http::PATH), "The target of a `PUT`."),
        key("patch", Kind::Text(http::PATH), "The target of a `PATCH`."),
        key("delete", Kind::Text(http::PATH), "The target of a `DELETE`."),
        key("headers", HEADERS, "Further headers."),
        key("body", Kind::Text(BODY), "The body; default none."),
        expect::KEY,
        key(
            "save",
            Kind::Map { of: "value", values: &Kind::Shape(&SAVE), x_keys: false },
            "Values taken from the answer, for the steps after this.",
        ),
    ],
    later: &[],
};

static SAVE: Shape = Shape {
    name: "save",
    about: "Where in the answer a value is; exactly one key.",
    keys: &[
        key("json", Kind::Text(expect::POINTER), "At this pointer of a JSON body."),
        key("regex", Kind::Text(regex::ANYWHERE), "The first group, or all that matches."),
        key("header", Kind::Text(header::NAME), "The first value of this header."),
    ],
    later: &[],
};

const METHODS: [(&str, HttpMethod); 6] = [
    ("get", HttpMethod::Get),
    ("head", HttpMethod::Head),
    ("post", HttpMethod::Post),
    ("put", HttpMethod::Put),
    ("patch", HttpMethod::Patch),
    ("delete", HttpMethod::Delete),
];
const HEADERS: Kind = Kind::Map { of: "header", values: &Kind::Text(header::VALUE), x_keys: true };
const BODY: &str = "the text of a body";
const NAME: &str = "a value's name, of letters, digits and `_`";
/// Headers that the prober writes itself.
const OWN_HEADERS: [&str; 4] = ["host", "connection", "content-length", "transfer-encoding"];

/// Reads a step; `known` are the names of the values that are there by now, and takes those that
/// this step saves.
pub(super) fn check(cursor: &Cursor<'_>, known: &mut Vec<Arc<str>>) -> Option<Step> {
    let fields = cursor.fields(&SHAPE)?;
    let expect = expect::read(&fields);
    let headers = fields.entries("headers").unwrap_or_default();
    let headers = headers.iter().filter_map(|named| sent_header(named, known)).collect();
    let body = fields.get("body").and_then(|cursor| match cursor.scalar() {
        Some(text) => Some(template(&cursor, text, known)),
        None => {
            cursor.mismatch(BODY);
            None
        }
    });
    let target = target(&fields, known);
    let save = fields.entries("save").unwrap_or_default();
    let save: Vec<_> = save.iter().filter_map(saved).collect();
    known.extend(save.iter().map(|(name, _)| Arc::clone(name)));
    let (method, path) = target?;
    let request = HttpRequest { method, path, headers, body: body.unwrap_or_default() };
    Some(Step { request, expect, save })
}

fn target(fields: &Fields<'_>, known: &[Arc<str>]) -> Option<(HttpMethod, Template)> {
    let targets = METHODS.map(|(name, method)| {
        fields.get(name).map(|cursor| {
            let path = http::path(&cursor)?;
            Some((method, template(&cursor, &path, known)))
        })
    });
    if targets.iter().all(Option::is_none) {
        fields.cursor().problem("the step asks nothing (expected one of `get`, `post` and others)");
        return None;
    }
    matches::one_of(fields, targets, "`get`, `head`, `post`, `put`, `patch` or `delete`")
}

fn sent_header(named: &Named<'_>, known: &[Arc<str>]) -> Option<(Arc<str>, Template)> {
    let value = header::value(&named.value);
    let Some(name) = header::name(named.name) else {
        let expected = header::NAME;
        named.problem(format!("{} is not a header name (expected {expected})", shown(named.name)));
        return None;
    };
    if OWN_HEADERS.contains(&&*name) {
        named.problem(format!("`{name}` is written by the prober itself (remove it)"));
    }
    Some((name, template(&named.value, &value?, known)))
}

fn saved(named: &Named<'_>) -> Option<(Arc<str>, Source)> {
    if !is_value_name(named.name) {
        named.problem(format!("{} does not fit (expected {NAME})", shown(named.name)));
    }
    let fields = named.value.fields(&SAVE)?;
    let json = fields.get("json").map(|cursor| {
        let text = cursor.text(expect::POINTER)?;
        if !expect::is_pointer(text) {
            cursor.mismatch(expect::POINTER);
        }
        Some(Source::Json(Arc::from(text)))
    });
    let regex = fields
        .get("regex")
        .map(|cursor| regex::compile_anywhere(&cursor).map(|regex| Source::Body(Pattern(regex))));
    let header = fields.get("header").map(|cursor| {
        let name = header::name(cursor.text(header::NAME)?);
        if name.is_none() {
            cursor.mismatch(header::NAME);
        }
        name.map(Source::Header)
    });
    let source = matches::one_of(&fields, [json, regex, header], "`json`, `regex` or `header`")?;
    Some((Arc::from(named.name), source))
}

/// Whether a value may be called so.
pub(super) fn is_value_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// Takes text apart at each `${name}`, which must be one of the values `known`.
fn template(cursor: &Cursor<'_>, text: &str, known: &[Arc<str>]) -> Template {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        literal.push_str(before);
        match after.split_once('}') {
            Some((name, after)) if is_value_name(name) => {
                if !literal.is_empty() {
                    parts.push(Part::Text(Arc::from(std::mem::take(&mut literal))));
                }
                parts.push(Part::Value(Arc::from(name)));
                rest = after;
                if !known.iter().any(|one| **one == *name) {
                    unknown(cursor, name, known);
                }
            }
            _ => {
                literal.push_str("${");
                rest = after;
            }
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(Arc::from(literal)));
    }
    Template(parts)
}

fn unknown(cursor: &Cursor<'_>, name: &str, known: &[Arc<str>]) {
    let cure = match nearest(name, known.iter().map(|one| &**one)) {
        Some(near) => format!("did you mean `${{{near}}}`?"),
        None => "expected a name under `values` or under `save` of an earlier step".to_owned(),
    };
    cursor.problem(format!("no value is called `{name}` here ({cure})"));
}
