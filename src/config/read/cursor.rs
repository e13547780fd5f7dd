//! A node with its path, and the readers of single values.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Fields;
use crate::config::problem::{Report, nearest, shown};
use crate::config::raw::{Entry, Node, Position, Value, push_key};
use crate::config::shape::{Kind, Shape};
use crate::config::value;

/// A node of the tree, where it stands, and where to report what is wrong with it.
#[derive(Clone, Debug)]
pub(in crate::config) struct Cursor<'a> {
    node: &'a Node,
    path: String,
    report: &'a Report,
}

/// A value under a name that the file's author chose.
#[derive(Clone, Debug)]
pub(in crate::config) struct Named<'a> {
    /// The name.
    pub(in crate::config) name: &'a str,
    /// The value.
    pub(in crate::config) value: Cursor<'a>,
    at: Position,
}

impl<'a> Cursor<'a> {
    /// The whole file.
    pub(in crate::config) fn root(node: &'a Node, report: &'a Report) -> Self {
        Self { node, path: String::new(), report }
    }

    /// The value of an entry of this mapping.
    pub(super) fn child(&self, entry: &'a Entry) -> Self {
        let mut path = self.path.clone();
        push_key(&mut path, &entry.key);
        Self { node: &entry.value, path, report: self.report }
    }

    fn item(&self, index: usize, node: &'a Node) -> Self {
        Self { node, path: format!("{}[{index}]", self.path), report: self.report }
    }

    /// The line, from 1.
    pub(in crate::config) fn line(&self) -> u32 {
        self.node.at.line
    }

    /// Reports a mistake here.
    pub(in crate::config) fn problem(&self, message: impl Into<String>) {
        self.report.problem(self.node.at, &self.path, message);
    }

    /// Reports a mistake in a key of this mapping.
    pub(super) fn problem_at_key(&self, entry: &Entry, message: impl Into<String>) {
        self.report.problem(entry.at, &self.child_path(&entry.key), message);
    }

    fn child_path(&self, key: &str) -> String {
        let mut path = self.path.clone();
        push_key(&mut path, key);
        path
    }

    /// Reports a doubt here.
    pub(in crate::config) fn warning(&self, message: impl Into<String>) {
        self.report.warning(self.node.at, &self.path, message);
    }

    /// Reports that this is something else than was expected.
    pub(in crate::config) fn mismatch(&self, expected: &str) {
        let found = match &self.node.value {
            Value::Empty => "there is no value here".to_owned(),
            Value::Scalar { text, .. } => format!("{} does not fit", shown(text)),
            Value::Sequence(_) => "a list does not fit here".to_owned(),
            Value::Mapping(_) => "a mapping does not fit here".to_owned(),
        };
        self.problem(format!("{found} (expected {expected})"));
    }

    /// The scalar's text, whatever it looks like; nothing is reported.
    pub(in crate::config) fn scalar(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The word of this scalar is `word`, unquoted.
    pub(in crate::config) fn is_word(&self, word: &str) -> bool {
        matches!(&self.node.value, Value::Scalar { text, quoted: false } if text == word)
    }

    /// It is a scalar in quotes, or a block: text, whatever it looks like.
    pub(in crate::config) fn is_quoted(&self) -> bool {
        matches!(&self.node.value, Value::Scalar { quoted: true, .. })
    }

    /// It is a mapping.
    pub(in crate::config) fn is_mapping(&self) -> bool {
        matches!(self.node.value, Value::Mapping(_))
    }

    /// It is a mapping with this key.
    pub(in crate::config) fn has_key(&self, key: &str) -> bool {
        match &self.node.value {
            Value::Mapping(entries) => entries.iter().any(|entry| entry.key == key),
            _ => false,
        }
    }

    /// Text of one line, not empty.
    pub(in crate::config) fn text(&self, expected: &str) -> Option<&'a str> {
        match self.scalar() {
            Some("") => self.problem(format!("the text is empty (expected {expected})")),
            Some(text) if text.chars().any(char::is_control) => self.problem(format!(
                "{} holds a control character (expected {expected})",
                shown(text)
            )),
            Some(text) => return Some(text),
            None => self.mismatch(expected),
        }
        None
    }

    /// A whole number of this range.
    pub(in crate::config) fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let number = match &self.node.value {
            Value::Scalar { text, quoted: false } if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().ok()
            }
            _ => None,
        };
        let number = number.filter(|n| range.contains(n));
        if number.is_none() {
            let (min, max) = range.into_inner();
            self.mismatch(&Kind::Integer { min, max }.expected());
        }
        number
    }

    /// A duration of this range.
    pub(in crate::config) fn duration(&self, min: Duration, max: Duration) -> Option<Duration> {
        let duration = self.scalar().and_then(value::parse_duration);
        let duration = duration.filter(|d| (min..=max).contains(d));
        if duration.is_none() {
            self.mismatch(&Kind::Duration { min, max }.expected());
        }
        duration
    }

    /// A number of bytes of this range.
    pub(in crate::config) fn size(&self, min: u64, max: u64) -> Option<u64> {
        let size = self.scalar().and_then(value::parse_size);
        let size = size.filter(|n| (min..=max).contains(n));
        if size.is_none() {
            self.mismatch(&Kind::Size { min, max }.expected());
        }
        size
    }

    /// What `parse` makes of the scalar, if it fits; `Some(None)` for `off`.
    pub(super) fn or_off<T: Copy>(
        &self,
        kind: &Kind,
        parse: impl Fn(&str) -> Option<T>,
        fits: impl Fn(T) -> bool,
    ) -> Option<Option<T>> {
        if self.is_word("off") {
            return Some(None);
        }
        let value = self.scalar().and_then(parse).filter(|value| fits(*value));
        if value.is_none() {
            self.mismatch(&kind.expected());
        }
        value.map(Some)
    }

    /// A ratio, 0..=1.
    pub(in crate::config) fn ratio(&self) -> Option<f64> {
        let ratio = self.scalar().and_then(value::parse_ratio);
        if ratio.is_none() {
            self.mismatch(&Kind::Ratio.expected());
        }
        ratio
    }

    /// `true` or `false`.
    pub(in crate::config) fn boolean(&self) -> Option<bool> {
        if self.is_word("true") {
            Some(true)
        } else if self.is_word("false") {
            Some(false)
        } else {
            self.mismatch(&Kind::Boolean.expected());
            None
        }
    }

    /// One of the words `now`; those of `later` are known, but not available.
    pub(in crate::config) fn word(
        &self,
        now: &'static [&'static str],
        later: &'static [&'static str],
    ) -> Option<&'static str> {
        let typed = self.scalar().unwrap_or_default();
        if let Some(word) = now.iter().find(|word| **word == typed) {
            return Some(word);
        }
        let expected = Kind::Words { now, later }.expected();
        if later.contains(&typed) {
            self.problem(format!(
                "`{typed}` is not available in this version (expected {expected})"
            ));
        } else if let (Some(near), 2..) = (nearest(typed, now.iter().copied()), now.len()) {
            let found = shown(typed);
            self.problem(format!(
                "{found} does not fit (expected {expected}; did you mean `{near}`?)"
            ));
        } else {
            self.mismatch(&expected);
        }
        None
    }

    /// The items of a list.
    pub(in crate::config) fn items(&self, kind: &Kind) -> Vec<Self> {
        match &self.node.value {
            Value::Sequence(items) => {
                items.iter().enumerate().map(|(i, node)| self.item(i, node)).collect()
            }
            _ => {
                self.mismatch(&kind.expected());
                Vec::new()
            }
        }
    }

    /// The items of a list, or this single one.
    pub(in crate::config) fn one_or_many(&self, kind: &Kind) -> Vec<Self> {
        match &self.node.value {
            Value::Sequence(_) => self.items(kind),
            _ => vec![self.clone()],
        }
    }

    /// The entries of a mapping whose keys are names; `x-*` are ignored unless they are names too.
    pub(in crate::config) fn entries(&self, kind: &Kind) -> Vec<Named<'a>> {
        let x_keys = matches!(kind, Kind::Map { x_keys: true, .. });
        let Value::Mapping(entries) = &self.node.value else {
            self.mismatch(&kind.expected());
            return Vec::new();
        };
        let known = entries.iter().filter(|entry| x_keys || !entry.key.starts_with("x-"));
        known
            .map(|entry| Named { name: &entry.key, value: self.child(entry), at: entry.at })
            .collect()
    }

    /// A mapping of this shape; unknown and missing keys are reported.
    pub(in crate::config) fn fields(&self, shape: &'static Shape) -> Option<Fields<'a>> {
        match &self.node.value {
            Value::Mapping(entries) => Some(Fields::new(self.clone(), entries, shape)),
            _ => {
                self.mismatch(&Kind::Shape(shape).expected());
                None
            }
        }
    }
}

impl Named<'_> {
    /// Reports a mistake in the name.
    pub(in crate::config) fn problem(&self, message: impl Into<String>) {
        self.value.report.problem(self.at, &self.value.path, message);
    }

    /// Reports a doubt about the whole entry.
    pub(in crate::config) fn warning(&self, message: impl Into<String>) {
        self.value.report.warning(self.at, &self.value.path, message);
    }
}
