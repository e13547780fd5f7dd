//! A mapping with known keys.

use std::time::Duration;

use super::{Cursor, Named};
use crate::config::problem::{nearest, shown};
use crate::config::raw::Entry;
use crate::config::shape::{Kind, Shape};
use crate::config::value;

/// A mapping read by its shape. Asking for a key the shape does not have is a mistake of the
/// program, which the tests over the shapes find.
#[derive(Clone, Debug)]
pub(in crate::config) struct Fields<'a> {
    cursor: Cursor<'a>,
    entries: &'a [Entry],
    shape: &'static Shape,
}

impl<'a> Fields<'a> {
    /// Takes a mapping, and reports the keys it should not have and those it lacks.
    pub(super) fn new(cursor: Cursor<'a>, entries: &'a [Entry], shape: &'static Shape) -> Self {
        let fields = Self { cursor, entries, shape };
        // A key that is there, but mistyped, is not missing as well.
        let mut meant = Vec::new();
        for entry in entries.iter().filter(|entry| !entry.key.starts_with("x-")) {
            meant.extend(fields.judge_key(entry));
        }
        let missing = shape.keys.iter().filter(|key| key.required && !fields.has(key.name));
        for key in missing.filter(|key| !meant.contains(&key.name)) {
            let expected = key.kind.expected();
            fields.cursor.problem(format!("`{}` is missing (expected {expected})", key.name));
        }
        fields
    }

    /// Reports a key the shape does not have; returns the one that was probably meant.
    fn judge_key(&self, entry: &Entry) -> Option<&'static str> {
        let typed = entry.key.as_str();
        if self.shape.key(typed).is_some() {
            return None;
        }
        if self.shape.later.contains(&typed) {
            let message = format!("`{typed}` is not available in this version (remove it)");
            self.cursor.problem_at_key(entry, message);
            return None;
        }
        let names = self.shape.keys.iter().map(|key| key.name);
        let near = nearest(typed, names.clone());
        let cure = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected one of: {}", names.collect::<Vec<_>>().join(", ")),
        };
        self.cursor.problem_at_key(entry, format!("unknown key {} ({cure})", shown(typed)));
        near
    }

    /// The mapping itself, to report what is wrong with it as a whole.
    pub(in crate::config) fn cursor(&self) -> &Cursor<'a> {
        &self.cursor
    }

    /// The mapping has no key at all.
    pub(in crate::config) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many keys the mapping has.
    pub(in crate::config) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The shape has this key.
    pub(in crate::config) fn knows(&self, name: &str) -> bool {
        self.shape.key(name).is_some()
    }

    /// The mapping has this key.
    pub(in crate::config) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == name)
    }

    /// The value of this key, if it is there.
    pub(in crate::config) fn get(&self, name: &str) -> Option<Cursor<'a>> {
        debug_assert!(self.shape.key(name).is_some(), "{}.{name}", self.shape.name);
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        Some(self.cursor.child(entry))
    }

    fn with_kind(&self, name: &str) -> Option<(Cursor<'a>, &'static Kind)> {
        Some((self.get(name)?, &self.shape.key(name)?.kind))
    }

    /// The duration of this key.
    pub(in crate::config) fn duration(&self, name: &str) -> Option<Duration> {
        match self.with_kind(name)? {
            (cursor, Kind::Duration { min, max }) => cursor.duration(*min, *max),
            (_, kind) => self.misread(name, kind),
        }
    }

    /// The duration of this key; `Some(None)` for `off`.
    pub(in crate::config) fn duration_or_off(&self, name: &str) -> Option<Option<Duration>> {
        match self.with_kind(name)? {
            (cursor, kind @ Kind::AnyOf([_, Kind::Duration { min, max }])) => {
                cursor.or_off(kind, value::parse_duration, |typed| (*min..=*max).contains(&typed))
            }
            (_, kind) => self.misread(name, kind),
        }
    }

    /// The size of this key, in bytes.
    pub(in crate::config) fn size(&self, name: &str) -> Option<u64> {
        match self.with_kind(name)? {
            (cursor, Kind::Size { min, max }) => cursor.size(*min, *max),
            (_, kind) => self.misread(name, kind),
        }
    }

    /// The size of this key, in bytes; `Some(None)` for `off`.
    pub(in crate::config) fn size_or_off(&self, name: &str) -> Option<Option<u64>> {
        match self.with_kind(name)? {
            (cursor, kind @ Kind::AnyOf([_, Kind::Size { min, max }])) => {
                cursor.or_off(kind, value::parse_size, |typed| (*min..=*max).contains(&typed))
            }
            (_, kind) => self.misread(name, kind),
        }
    }

    /// The whole number of this key. The shape's range must fit `T`.
    pub(in crate::config) fn integer<T: TryFrom<u64>>(&self, name: &str) -> Option<T> {
        match self.with_kind(name)? {
            (cursor, Kind::Integer { min, max }) => {
                cursor.integer(*min..=*max).and_then(|n| T::try_from(n).ok())
            }
            (_, kind) => self.misread(name, kind),
        }
    }

    /// The whole number of this key; `Some(None)` for `off`. The shape's range must fit `T`.
    pub(in crate::config) fn integer_or_off<T: TryFrom<u64>>(
        &self,
        name: &str,
    ) -> Option<Option<T>> {
        let (cursor, kind) = self.with_kind(name)?;
        let Kind::AnyOf([_, Kind::Integer { min, max }]) = kind else {
            return self.misread(name, kind);
        };
        let parse = |text: &str| text.parse::<u64>().ok();
        let typed = cursor.or_off(kind, parse, |typed| (*min..=*max).contains(&typed))?;
        Some(typed.and_then(|n| T::try_from(n).ok()))
    }

    /// The ratio of this key, 0..=1.
    pub(in crate::config) fn ratio(&self, name: &str) -> Option<f64> {
        self.get(name)?.ratio()
    }

    /// `true` or `false`.
    pub(in crate::config) fn boolean(&self, name: &str) -> Option<bool> {
        self.get(name)?.boolean()
    }

    /// The word of this key.
    pub(in crate::config) fn word(&self, name: &str) -> Option<&'static str> {
        match self.with_kind(name)? {
            (cursor, Kind::Words { now, later }) => cursor.word(now, later),
            (_, kind) => self.misread(name, kind),
        }
    }

    /// The text of this key, with its place.
    pub(in crate::config) fn text(&self, name: &str) -> Option<(Cursor<'a>, &'a str)> {
        let (cursor, kind) = self.with_kind(name)?;
        let text = cursor.text(&kind.expected())?;
        Some((cursor, text))
    }

    /// The mapping of this key.
    pub(in crate::config) fn fields(&self, name: &str) -> Option<Fields<'a>> {
        match self.with_kind(name)? {
            (cursor, Kind::Shape(shape)) => cursor.fields(shape),
            (_, kind) => self.misread(name, kind),
        }
    }

    /// The items of this key's list, or its single item without brackets.
    pub(in crate::config) fn list(&self, name: &str) -> Option<Vec<Cursor<'a>>> {
        let (cursor, kind) = self.with_kind(name)?;
        Some(match kind {
            Kind::OneOrMany(_) => cursor.one_or_many(kind),
            _ => cursor.items(kind),
        })
    }

    /// The entries of this key's mapping of names.
    pub(in crate::config) fn entries(&self, name: &str) -> Option<Vec<Named<'a>>> {
        let (cursor, kind) = self.with_kind(name)?;
        Some(cursor.entries(kind))
    }

    /// A reader was used on a key of another kind: a mistake of the program.
    fn misread<T>(&self, name: &str, kind: &Kind) -> Option<T> {
        debug_assert!(false, "{}.{name} is {}", self.shape.name, kind.expected());
        None
    }
}
