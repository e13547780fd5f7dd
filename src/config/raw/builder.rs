//! From the YAML parser's events to a tree.
//!
//! The events are pulled one by one and kept on a stack of our own: a file nested a million levels
//! deep must be refused, not overflow the thread's stack as a recursive loader would.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{Entry, Node, Position, Value, push_key};
use crate::config::problem::{Report, shown};

/// Levels of nesting, aliases expanded.
const MAX_DEPTH: usize = 64;

/// Nodes of the tree, aliases expanded.
const MAX_NODES: usize = 1_000_000;

/// The key that merges other mappings into the one it stands in.
const MERGE: &str = "<<";

/// Reads the one YAML document of `text`. `None` means that the problems already reported leave
/// nothing worth looking at.
pub(in crate::config) fn read(text: &str, report: &Report) -> Option<Node> {
    let mut builder =
        Builder { report, stack: Vec::new(), anchors: HashMap::new(), root: None, nodes: 0 };
    let mut parser = Parser::new_from_str(text);
    let mut documents = 0;
    while let Some(next) = parser.next_event() {
        let (event, span) = match next {
            Ok(next) => next,
            Err(error) => {
                let message = explain(error.info());
                report.problem(position(*error.marker()), "", message);
                return None;
            }
        };
        let at = position(span.start);
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                report.problem(at, "", "a second document begins here (expected one document)");
                return None;
            }
        }
        if let Err(Refused(message)) = builder.event(event, at) {
            report.problem(at, "", message);
            return None;
        }
    }
    if builder.root.is_none() {
        let start = Position { line: 1, column: 1 };
        report.problem(start, "", "the file is empty (expected `version: 1` and `listeners`)");
    }
    builder.root
}

/// Why reading stopped: a bound was exceeded.
struct Refused(String);

struct Builder<'r> {
    report: &'r Report,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Built>,
    root: Option<Node>,
    nodes: usize,
}

/// A list or mapping that is not yet complete.
struct Frame {
    at: Position,
    anchor: usize,
    size: usize,
    height: usize,
    open: Open,
}

enum Open {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, merged: Vec<Node>, key: Option<Key> },
}

/// A key that waits for its value.
struct Key {
    at: Position,
    kind: KeyKind,
}

enum KeyKind {
    Word(String),
    Merge,
    /// Not a scalar, which has been reported; its value is dropped.
    Unusable,
}

/// A complete node with its measures.
struct Built {
    node: Node,
    /// Nodes, itself included.
    size: usize,
    /// Levels, itself included.
    height: usize,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, at: Position) -> Result<(), Refused> {
        match event {
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), at);
                self.open(Open::Sequence(Vec::new()), anchor, at)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), at);
                let open = Open::Mapping { entries: Vec::new(), merged: Vec::new(), key: None };
                self.open(open, anchor, at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Scalar(text, style, anchor, tag) => {
                self.charge(1)?;
                self.refuse_tag(tag.as_deref(), at);
                let quoted = style != ScalarStyle::Plain || tag.is_some();
                let value = match &*text {
                    "" | "~" | "null" if !quoted => Value::Empty,
                    _ => Value::Scalar { text: text.into_owned(), quoted },
                };
                self.complete(Built { node: Node { at, value }, size: 1, height: 1 }, anchor)
            }
            Event::Alias(id) => {
                let built = self.alias(id, at)?;
                self.complete(built, 0)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, open: Open, anchor: usize, at: Position) -> Result<(), Refused> {
        self.charge(1)?;
        if self.stack.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.stack.push(Frame { at, anchor, size: 1, height: 1, open });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Refused> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let value = match frame.open {
            Open::Sequence(items) => Value::Sequence(items),
            Open::Mapping { entries, merged, .. } => Value::Mapping(self.resolve(entries, merged)),
        };
        let node = Node { at: frame.at, value };
        self.complete(Built { node, size: frame.size, height: frame.height }, frame.anchor)
    }

    /// Hands a complete node to what it stands in.
    fn complete(&mut self, built: Built, anchor: usize) -> Result<(), Refused> {
        let Built { node, size, height } = built;
        if anchor > 0 {
            self.charge(size)?;
            self.anchors.insert(anchor, Built { node: node.clone(), size, height });
        }
        let key = self.wants_key().then(|| self.key(&node));
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.size += size;
        frame.height = frame.height.max(height + 1);
        match &mut frame.open {
            Open::Sequence(items) => items.push(node),
            Open::Mapping { entries, merged, key: waiting } => match waiting.take() {
                None => *waiting = key,
                Some(Key { at, kind: KeyKind::Word(key) }) => {
                    entries.push(Entry { key, at, value: node });
                }
                Some(Key { kind: KeyKind::Merge, .. }) => merged.push(node),
                Some(Key { kind: KeyKind::Unusable, .. }) => {}
            },
        }
        Ok(())
    }

    fn wants_key(&self) -> bool {
        let open = self.stack.last().map(|frame| &frame.open);
        matches!(open, Some(Open::Mapping { key: None, .. }))
    }

    fn key(&self, node: &Node) -> Key {
        let kind = match &node.value {
            Value::Scalar { text, quoted: false } if text == MERGE => KeyKind::Merge,
            Value::Scalar { text, .. } if !text.is_empty() => KeyKind::Word(text.clone()),
            _ => {
                let cure = "expected `key: value`; text that begins with `[` or `{` needs quotes";
                self.problem(node.at, format!("a key must be a word ({cure})"));
                KeyKind::Unusable
            }
        };
        Key { at: node.at, kind }
    }

    /// Reports a problem under the path of the node that is being read.
    fn problem(&self, at: Position, message: impl Into<String>) {
        let mut path = String::new();
        for frame in &self.stack {
            match &frame.open {
                Open::Sequence(items) => path.push_str(&format!("[{}]", items.len())),
                Open::Mapping { key: Some(Key { kind: KeyKind::Word(key), .. }), .. } => {
                    push_key(&mut path, key);
                }
                Open::Mapping { .. } => {}
            }
        }
        self.report.problem(at, &path, message);
    }

    fn alias(&mut self, id: usize, at: Position) -> Result<Built, Refused> {
        let Some((size, height)) = self.anchors.get(&id).map(|a| (a.size, a.height)) else {
            self.problem(at, "this alias stands inside the value it refers to");
            return Ok(Built { node: Node { at, value: Value::Empty }, size: 1, height: 1 });
        };
        self.charge(size)?;
        if self.stack.len() + height > MAX_DEPTH {
            return Err(too_deep());
        }
        let value = self.anchors.get(&id).map_or(Value::Empty, |a| a.node.value.clone());
        Ok(Built { node: Node { at, value }, size, height })
    }

    fn charge(&mut self, nodes: usize) -> Result<(), Refused> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(Refused(format!(
            "the file has more than {MAX_NODES} values once its aliases are expanded"
        )))
    }

    fn refuse_tag(&self, tag: Option<&Tag>, at: Position) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            let tag = shown(&tag.to_string());
            self.problem(at, format!("the tag {tag} means nothing here (remove it)"));
        }
    }

    /// Reports keys that stand twice, and adds what merge keys bring and the mapping lacks.
    fn resolve(&self, entries: Vec<Entry>, merged: Vec<Node>) -> Vec<Entry> {
        let mut seen: HashMap<String, u32> = HashMap::with_capacity(entries.len());
        let mut own = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(line) = seen.get(&entry.key) {
                let key = shown(&entry.key);
                self.problem(
                    entry.at,
                    format!("the key {key} stands twice (first in line {line})"),
                );
            } else {
                seen.insert(entry.key.clone(), entry.at.line);
                own.push(entry);
            }
        }
        let mut taken: HashSet<String> = seen.into_keys().collect();
        for node in merged {
            self.merge(node, &mut own, &mut taken);
        }
        own
    }

    fn merge(&self, node: Node, own: &mut Vec<Entry>, taken: &mut HashSet<String>) {
        match node.value {
            Value::Mapping(entries) => {
                own.extend(entries.into_iter().filter(|entry| taken.insert(entry.key.clone())));
            }
            Value::Sequence(items)
                if items.iter().all(|i| matches!(i.value, Value::Mapping(_))) =>
            {
                for item in items {
                    self.merge(item, own, taken);
                }
            }
            _ => self.problem(
                node.at,
                "`<<` can merge mappings only (expected an alias of one, or a list of such)",
            ),
        }
    }
}

/// The parser's words, with a cure for what YAML makes of text that everybody types once.
fn explain(info: &str) -> String {
    let cure = if info.contains("unknown anchor") {
        " (text that begins with `*` needs quotes, as \"*.example.com\")"
    } else if info.contains("unexpected character") {
        " (text that begins with a sign needs quotes)"
    } else if info.contains("tab") {
        " (indent with spaces)"
    } else {
        ""
    };
    format!("this is not valid YAML: {info}{cure}")
}

fn too_deep() -> Refused {
    Refused(format!("the values are nested more than {MAX_DEPTH} levels deep"))
}

fn position(marker: Marker) -> Position {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position { line: count(marker.line()).max(1), column: count(marker.col()).saturating_add(1) }
}
