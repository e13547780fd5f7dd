//! The file's shape as tables: which keys a mapping has, and what each may hold.
//!
//! `check` reads by these tables and `schema` is written from them, so that what is accepted, what
//! an error message expects and what an editor completes are one and the same.

use std::time::Duration;

use super::value;

/// A mapping with known keys.
#[derive(Debug)]
pub(super) struct Shape {
    /// Its name in the schema.
    pub(super) name: &'static str,
    /// What it is, in one sentence.
    pub(super) about: &'static str,
    /// Its keys.
    pub(super) keys: &'static [Key],
    /// Keys that have a meaning, but not yet.
    pub(super) later: &'static [&'static str],
}

/// A key of a mapping.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// The mapping is wrong without it.
    pub(super) required: bool,
    /// What it means, in one sentence.
    pub(super) about: &'static str,
}

/// What a value may be.
#[derive(Debug)]
pub(super) enum Kind {
    /// Text of a form that is told by these words, as `a path such as /health`.
    Text(&'static str),
    /// One of these words.
    Words {
        /// Those that are understood.
        now: &'static [&'static str],
        /// Those that have a meaning, but not yet.
        later: &'static [&'static str],
    },
    /// A whole number of this range.
    Integer {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A duration of this range, as `100ms`, `10s`, `5m`, `1h`.
    Duration {
        /// The least.
        min: Duration,
        /// The greatest.
        max: Duration,
    },
    /// A number of bytes of this range, as `16KiB`, `1MiB`, `512`.
    Size {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A ratio, as `50%`.
    Ratio,
    /// `true` or `false`.
    Boolean,
    /// A mapping with known keys.
    Shape(&'static Shape),
    /// A mapping whose keys are names.
    Map {
        /// What the keys name, as `listener`.
        of: &'static str,
        /// What the values may be.
        values: &'static Kind,
        /// `x-*` keys are names like others (headers), not ignored.
        x_keys: bool,
    },
    /// A list.
    List(&'static Kind),
    /// A list, or a single item of it without brackets.
    OneOrMany(&'static Kind),
    /// One of several.
    AnyOf(&'static [Kind]),
}

/// The word for "none" where a setting can be absent.
pub(super) const OFF: Kind = Kind::Words { now: &["off"], later: &[] };

/// A deadline or an interval: from a millisecond to a day.
pub(super) const TIMEOUT: Kind = duration(1, DAY_MS);

/// The longest deadline, interval or scenario, in milliseconds.
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A key that may be left out.
pub(super) const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, required: false, about }
}

/// A key that must be there.
pub(super) const fn required(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, required: true, about }
}

/// A duration of this range, in milliseconds.
pub(super) const fn duration(min_ms: u64, max_ms: u64) -> Kind {
    Kind::Duration { min: Duration::from_millis(min_ms), max: Duration::from_millis(max_ms) }
}

impl Shape {
    /// The key of this name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Kind {
    /// What the kind accepts, in words that follow "expected".
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Text(form) => (*form).to_owned(),
            Self::Words { now, .. } => quoted_list(now),
            Self::Integer { min, max } if min == max => format!("`{min}`"),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Duration { min, max } => format!(
                "a duration from {} to {}, as `100ms`, `10s`, `5m` or `1h`",
                value::duration(*min),
                value::duration(*max),
            ),
            Self::Size { min, max } => format!(
                "a size from {} to {}, as `16KiB`, `1MiB` or a number of bytes",
                value::size(*min),
                value::size(*max),
            ),
            Self::Ratio => "a ratio from `0%` to `100%`".to_owned(),
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Shape(shape) => match shape.keys {
                [only] => format!("`{{ {}: … }}`", only.name),
                [first, second] => format!("`{{ {}: …, {}: … }}`", first.name, second.name),
                [first, second, ..] => {
                    format!("a mapping with `{}`, `{}` and more", first.name, second.name)
                }
                [] => "a mapping".to_owned(),
            },
            Self::Map { of, .. } => format!("a mapping with a {of}'s name as each key"),
            Self::List(kind) => format!("a list, each item {}", kind.expected()),
            Self::OneOrMany(kind) => format!("{}, or a list of such", kind.expected()),
            Self::AnyOf(kinds) => {
                kinds.iter().map(Self::expected).collect::<Vec<_>>().join(", or ")
            }
        }
    }
}

/// `a`, `b` or `c`.
fn quoted_list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
