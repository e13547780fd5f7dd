//! `expect`: which answer passes.

use crate::config::defaults::STATUS;
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Key, Kind, Shape, key};
use crate::model::Expect;

pub(super) const KEY: Key =
    key("expect", Kind::Shape(&SHAPE), "What its answer must be like; default any `200-399`.");

static SHAPE: Shape = Shape {
    name: "expect",
    about: "What an answer must be like.",
    keys: &[key("status", Kind::OneOrMany(&Kind::Text(STATUSES)), "Default `200-399`.")],
    later: &["body", "headers", "json"],
};

const STATUSES: &str = "a status such as 200, or a range such as 200-299";

/// What is expected where nothing is said.
pub(super) fn default() -> Expect {
    Expect { status: vec![STATUS] }
}

/// Reads the key `expect` of a question.
pub(super) fn read(question: &Fields<'_>) -> Expect {
    let Some(fields) = question.fields("expect") else { return default() };
    let Some(statuses) = fields.list("status") else { return default() };
    if let (true, Some(cursor)) = (statuses.is_empty(), fields.get("status")) {
        cursor.problem(format!("the list is empty (expected {STATUSES})"));
    }
    Expect { status: statuses.iter().filter_map(status).collect() }
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
