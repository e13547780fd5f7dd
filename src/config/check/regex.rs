//! Regular expressions: they match a whole value, and their compiled size is bounded.

use regex::bytes::{Regex, RegexBuilder};

use crate::config::read::Cursor;

/// Bytes of a compiled expression, and of its lazy automaton's cache.
const SIZE_LIMIT: usize = 1 << 20;

/// Bytes of an expression as typed.
const PATTERN_BYTES: usize = 4096;

const PREFIX: &str = r"\A(?:";
const SUFFIX: &str = r")\z";

/// What is expected of a regular expression.
pub(super) const REGEX: &str = "a regular expression that matches the whole value";

/// What is expected of one that is searched for.
pub(super) const ANYWHERE: &str = "a regular expression that matches anywhere";

/// Compiles an expression so that it matches a value as a whole, byte by byte.
pub(super) fn compile(cursor: &Cursor<'_>) -> Option<Regex> {
    let whole = |pattern: &str| build(&format!("{PREFIX}{pattern}{SUFFIX}"));
    checked(cursor, REGEX, whole)
}

/// Compiles an expression that is searched for, byte by byte.
pub(super) fn compile_anywhere(cursor: &Cursor<'_>) -> Option<Regex> {
    checked(cursor, ANYWHERE, build)
}

fn checked(
    cursor: &Cursor<'_>,
    expected: &str,
    compile: impl FnOnce(&str) -> Result<Regex, regex::Error>,
) -> Option<Regex> {
    let pattern = cursor.text(expected)?;
    if pattern.len() > PATTERN_BYTES {
        cursor.problem(format!("the expression is longer than {PATTERN_BYTES} bytes"));
        return None;
    }
    // Compiled alone first: `a)|(b` must not become valid, and mean something else, by being
    // wrapped.
    match build(pattern).and_then(|_| compile(pattern)) {
        Ok(regex) => Some(regex),
        Err(error) => {
            cursor.problem(explain(&error, expected));
            None
        }
    }
}

/// The expression as typed.
pub(in crate::config) fn pattern(regex: &Regex) -> &str {
    let whole = regex.as_str();
    whole.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)).unwrap_or(whole)
}

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .build()
}

fn explain(error: &regex::Error, expected: &str) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => {
            format!("the expression compiles to more than {SIZE_LIMIT} bytes (simplify it)")
        }
        // The engine draws a picture over several lines; its last line says what is wrong.
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            let why = last.strip_prefix("error: ").unwrap_or(last);
            format!("this is not a regular expression: {why} (expected {expected})")
        }
    }
}
