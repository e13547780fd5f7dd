//! A tree to print, and how it becomes YAML that reads back as typed.

use std::fmt::{self, Write};

/// What is printed.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    /// A word with a meaning of its own (`off`, `true`, a number, a duration): never quoted.
    Word(String),
    /// Text: quoted where it could be taken for anything else.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// A mapping.
    Map(Vec<(String, Tree)>),
}

/// A word.
#[expect(clippy::needless_pass_by_value, reason = "callers hand over numbers and references")]
pub(super) fn word(word: impl ToString) -> Tree {
    Tree::Word(word.to_string())
}

/// Text.
#[expect(clippy::needless_pass_by_value, reason = "callers hand over numbers and references")]
pub(super) fn text(text: impl ToString) -> Tree {
    Tree::Text(text.to_string())
}

/// A list of items, each made by `tree`.
pub(super) fn list<T>(items: impl IntoIterator<Item = T>, tree: impl FnMut(T) -> Tree) -> Tree {
    Tree::List(items.into_iter().map(tree).collect())
}

/// A mapping of known keys.
pub(super) fn map(keys: impl IntoIterator<Item = (&'static str, Tree)>) -> Tree {
    Tree::Map(keys.into_iter().map(|(key, tree)| (key.to_owned(), tree)).collect())
}

/// Columns that a mapping or list may take to stand on one line.
const FLOW_COLUMNS: usize = 100;

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.block(&mut out, 0)?;
        f.write_str(&out)
    }
}

impl Tree {
    /// All of it on one line, however long.
    pub(super) fn on_one_line(&self) -> String {
        let mut line = String::new();
        // Writing to a String cannot fail.
        let _ = self.flow(&mut line);
        line
    }

    /// Writes the lines of a mapping or list; anything else is one line.
    fn block(&self, out: &mut String, indent: usize) -> fmt::Result {
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                for (i, (key, value)) in entries.iter().enumerate() {
                    if i > 0 {
                        pad(out, indent);
                    }
                    write_text(out, key);
                    out.push(':');
                    value.beside_key(out, indent)?;
                }
                Ok(())
            }
            Self::List(items) if !items.is_empty() => {
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        pad(out, indent);
                    }
                    out.push_str("- ");
                    match item.short_line(indent + 2)? {
                        Some(line) => writeln!(out, "{line}")?,
                        None => item.block(out, indent + 2)?,
                    }
                }
                Ok(())
            }
            _ => {
                self.flow(out)?;
                out.push('\n');
                Ok(())
            }
        }
    }

    /// Writes a value behind its key: on the same line if it is short, else below.
    fn beside_key(&self, out: &mut String, indent: usize) -> fmt::Result {
        if let Some(line) = self.short_line(indent)? {
            return writeln!(out, " {line}");
        }
        let nested = matches!(self, Self::Map(entries) if !entries.is_empty())
            || matches!(self, Self::List(items) if !items.is_empty());
        if nested {
            out.push('\n');
            pad(out, indent + 2);
            self.block(out, indent + 2)
        } else {
            out.push(' ');
            self.block(out, indent)
        }
    }

    /// The value on one line, if it holds scalars only and the line is short.
    fn short_line(&self, indent: usize) -> Result<Option<String>, fmt::Error> {
        let mut line = String::new();
        if !self.is_leaf_group() {
            return Ok(None);
        }
        self.flow(&mut line)?;
        Ok((indent + line.len() <= FLOW_COLUMNS).then_some(line))
    }

    /// It holds scalars only.
    fn is_leaf_group(&self) -> bool {
        let leaf = |tree: &Self| matches!(tree, Self::Word(_) | Self::Text(_));
        match self {
            Self::Word(_) | Self::Text(_) => true,
            Self::List(items) => items.iter().all(leaf),
            Self::Map(entries) => entries.iter().all(|(_, value)| leaf(value)),
        }
    }

    fn flow(&self, out: &mut String) -> fmt::Result {
        match self {
            Self::Word(word) => out.push_str(word),
            Self::Text(text) => write_text(out, text),
            Self::List(items) if items.is_empty() => out.push_str("[]"),
            Self::Map(entries) if entries.is_empty() => out.push_str("{}"),
            Self::List(items) => {
                out.push_str("[ ");
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    item.flow(out)?;
                }
                out.push_str(" ]");
            }
            Self::Map(entries) => {
                out.push_str("{ ");
                for (i, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    write_text(out, key);
                    out.push_str(": ");
                    value.flow(out)?;
                }
                out.push_str(" }");
            }
        }
        Ok(())
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Writes text plain where nothing can mistake it, else in double quotes.
fn write_text(out: &mut String, text: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && text.chars().all(plain)
        && !text.ends_with(':')
        && !matches!(text, "null" | "true" | "false" | "off" | "ready");
    if is_plain {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // YAML also breaks lines at these, and a byte order mark may not stand in the middle.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
