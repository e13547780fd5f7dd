//! The file as typed: a tree in which every node knows its line and column.
//!
//! YAML has corners that a configuration must not be caught in. `no` and `1.10` are not what they
//! look like once a parser has typed them, a repeated key silently wins or loses, and a dozen lines
//! of aliases can expand to billions of nodes. So nothing is typed here (a scalar is its text), a
//! repeated key is a problem, and depth, node count and file size are bounded, with aliases counted
//! at the size they expand to.

mod builder;

use super::problem::shown;

pub(in crate::config) use builder::read;

/// Bytes of a config file that are read at most.
pub(in crate::config) const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::config) struct Position {
    /// From 1.
    pub(in crate::config) line: u32,
    /// In characters, from 1.
    pub(in crate::config) column: u32,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(in crate::config) struct Node {
    /// Where it begins.
    pub(in crate::config) at: Position,
    /// What it is.
    pub(in crate::config) value: Value,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(in crate::config) enum Value {
    /// Nothing was typed, or `~` or `null`.
    Empty,
    /// A scalar as typed.
    Scalar {
        /// Its text, after YAML's unquoting.
        text: String,
        /// It was quoted, or a block: text even if it looks like a number.
        quoted: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in file order, each key once, merge keys resolved.
    Mapping(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Clone, Debug)]
pub(in crate::config) struct Entry {
    /// The key.
    pub(in crate::config) key: String,
    /// Where the key begins.
    pub(in crate::config) at: Position,
    /// Its value.
    pub(in crate::config) value: Node,
}

/// Appends a key to a path: `listeners` + `web` = `listeners.web`. Keys that would make the path
/// hard to read are quoted.
pub(in crate::config) fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '*' | '/' | ':');
    if key.len() <= 64 && key.chars().all(plain) {
        path.push_str(key);
    } else {
        path.push_str(&shown(key));
    }
}
