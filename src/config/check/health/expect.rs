//! `expect`: which answer passes.

use std::sync::Arc;

use crate::config::HeaderCondition;
use crate::config::check::{matches, regex};
use crate::config::defaults::{ANSWER_BODY_BYTES, STATUS};
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields, Named};
use crate::config::shape::{Key, Kind, Shape, key};
use crate::model::{BodyTest, Expect, HeaderTest, Pattern};

pub(super) const KEY: Key =
    key("expect", Kind::Shape(&SHAPE), "What its answer must be like; default any `200-399`.");

static SHAPE: Shape = Shape {
    name: "expect",
    about: "What an answer must be like: all that is given.",
    keys: &[
        key("status", Kind::OneOrMany(&Kind::Text(STATUSES)), "Default `200-399`."),
        key("headers", matches::HEADERS, "Headers it must have."),
        key("body", BODY, "What must stand in its body."),
        key(
            "json",
            Kind::Map { of: "JSON pointer", values: &Kind::Text(VALUE), x_keys: true },
            "Values of its JSON body, each by its pointer, as `/status: ok`.",
        ),
        key("body_bytes", BODY_BYTES, "A longer body is a failure; default `1MiB`."),
    ],
    later: &[],
};

static BODY_SHAPE: Shape = Shape {
    name: "body_match",
    about: "What must stand in a body; exactly one key. Text alone: the body contains it.",
    keys: &[
        key("contains", Kind::Text(TEXT), "This stands somewhere in it."),
        key("regex", Kind::Text(regex::ANYWHERE), "This matches somewhere in it."),
    ],
    later: &[],
};

const BODY: Kind = Kind::AnyOf(&[Kind::Text(TEXT), Kind::Shape(&BODY_SHAPE)]);
const BODY_BYTES: Kind = Kind::Size { min: 1, max: 16 * 1024 * 1024 };
const STATUSES: &str = "a status such as 200, or a range such as 200-299";
const TEXT: &str = "text that stands in the body";
const VALUE: &str = "a text, a number, `true` or `false`";
/// What is expected of a JSON pointer.
pub(super) const POINTER: &str = "a JSON pointer such as /status or /checks/0/ok (RFC 6901)";

/// What is expected where nothing is said.
pub(super) fn default() -> Expect {
    Expect {
        status: vec![STATUS],
        headers: Vec::new(),
        body: None,
        json: Vec::new(),
        body_bytes_max: ANSWER_BODY_BYTES,
    }
}

/// Reads the key `expect` of a question.
pub(super) fn read(question: &Fields<'_>) -> Expect {
    let mut expect = default();
    let Some(fields) = question.fields("expect") else { return expect };
    if let Some(statuses) = fields.list("status") {
        if let (true, Some(cursor)) = (statuses.is_empty(), fields.get("status")) {
            cursor.problem(format!("the list is empty (expected {STATUSES})"));
        }
        expect.status = statuses.iter().filter_map(status).collect();
    }
    let headers = fields.entries("headers").unwrap_or_default();
    expect.headers = headers.iter().filter_map(header).collect();
    expect.body = fields.get("body").and_then(|cursor| body(&cursor));
    let json = fields.entries("json").unwrap_or_default();
    expect.json = json.iter().filter_map(json_value).collect();
    let bytes = fields.size("body_bytes").and_then(|n| usize::try_from(n).ok());
    expect.body_bytes_max = bytes.unwrap_or(expect.body_bytes_max);
    expect
}

fn header(named: &Named<'_>) -> Option<(Arc<str>, HeaderTest)> {
    let header = matches::header_match(named)?;
    let test = match header.condition {
        HeaderCondition::Equal(value) => HeaderTest::Is(value),
        HeaderCondition::Present(present) => HeaderTest::Present(present),
        HeaderCondition::Regex(regex) => HeaderTest::Matches(Pattern(regex)),
    };
    Some((header.name, test))
}

fn body(cursor: &Cursor<'_>) -> Option<BodyTest> {
    if !cursor.is_mapping() {
        return Some(BodyTest::Contains(Arc::from(cursor.text(TEXT)?)));
    }
    let fields = cursor.fields(&BODY_SHAPE)?;
    let contains = fields.get("contains").map(|c| c.text(TEXT).map(Arc::from));
    let contains = contains.map(|text| text.map(BodyTest::Contains));
    let regex = fields.get("regex").map(|c| regex::compile_anywhere(&c));
    let regex = regex.map(|regex| regex.map(|regex| BodyTest::Matches(Pattern(regex))));
    matches::one_of(&fields, [contains, regex], "`contains` or `regex`")
}

/// A pointer and the value there, as JSON text.
fn json_value(named: &Named<'_>) -> Option<(Arc<str>, Arc<str>)> {
    if !is_pointer(named.name) {
        named.problem(format!("{} does not fit (expected {POINTER})", shown(named.name)));
    }
    let text = named.value.text(VALUE)?;
    let literal = serde_json::from_str(text).ok().filter(serde_json::Value::is_number);
    let value = match literal {
        Some(number) if !named.value.is_quoted() => number,
        _ if named.value.is_word("true") => serde_json::Value::Bool(true),
        _ if named.value.is_word("false") => serde_json::Value::Bool(false),
        _ => serde_json::Value::from(text),
    };
    Some((Arc::from(named.name), Arc::from(value.to_string())))
}

/// Whether text is a JSON pointer to a part: names after slashes, with `~` only in `~0` and `~1`.
pub(super) fn is_pointer(text: &str) -> bool {
    let escaped = |rest: &str| rest.starts_with(['0', '1']);
    text.starts_with('/') && text.split('~').skip(1).all(escaped)
}

fn status(cursor: &Cursor<'_>) -> Option<(u16, u16)> {
    let text = cursor.text(STATUSES)?;
    let code = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|code| digits && (100..=599).contains(code))
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match code(first).zip(code(last)) {
        Some((first, last)) if first <= last => Some((first, last)),
        Some(_) => {
            let found = shown(text);
            cursor
                .problem(format!("{found} ends before it begins (did you mean `{last}-{first}`?)"));
            None
        }
        None => {
            cursor.mismatch(STATUSES);
            None
        }
    }
}
