//! What is wrong with a file, said so that its author can mend it without asking.
//!
//! Every mistake is collected, not only the first: a person who fixes one line, runs `check` again
//! and is told about the next has been let down. Each problem names its place twice, as line and
//! column for an editor and as a path for a reader, and ends with the cure.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::raw::Position;

/// Characters of the file's own text that a message repeats at most.
const SHOWN_CHARS: usize = 60;

/// Problems kept; a file with more is reported up to here, with a count of the rest.
const KEPT: usize = 1_000;

/// One thing that is wrong, or doubtful, in a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file; `None` for text that came from elsewhere.
    pub file: Option<Arc<Path>>,
    /// The line, from 1; 0 when the whole file is meant.
    pub line: u32,
    /// The column in characters, from 1; 0 when the whole file is meant.
    pub column: u32,
    /// The place as a path, as `listeners.web.routes[0].match.host`; empty for the whole file.
    pub path: String,
    /// What is wrong and what would be right; one line, without control characters.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display())?,
            None => f.write_str("config")?,
        }
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Everything that is wrong with a config, in the order of its lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// A single problem with a file as a whole: it cannot be read.
    pub(super) fn with_file(file: &Path, message: String) -> Self {
        let file = Some(Arc::from(file));
        Self(vec![Problem { file, line: 0, column: 0, path: String::new(), message }])
    }

    /// The problems, in the order of their lines.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    /// One problem per line, without a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Collects problems and warnings while a file is read; shared by all readers of one run.
#[derive(Debug)]
pub(super) struct Report {
    file: Option<Arc<Path>>,
    found: RefCell<Found>,
}

#[derive(Debug, Default)]
struct Found {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    dropped: usize,
}

impl Report {
    /// Empty, for the text of this file.
    pub(super) fn new(file: Option<&Path>) -> Self {
        Self { file: file.map(Arc::from), found: RefCell::default() }
    }

    /// Adds a mistake: the config will not be accepted.
    pub(super) fn problem(&self, at: Position, path: &str, message: impl Into<String>) {
        let mut found = self.found.borrow_mut();
        if found.problems.len() < KEPT {
            let problem = self.place(at, path, message.into());
            found.problems.push(problem);
        } else {
            found.dropped += 1;
        }
    }

    /// Adds a doubt: the config is accepted, but probably does not do what was meant.
    pub(super) fn warning(&self, at: Position, path: &str, message: impl Into<String>) {
        let mut found = self.found.borrow_mut();
        if found.warnings.len() < KEPT {
            let warning = self.place(at, path, message.into());
            found.warnings.push(warning);
        }
    }

    fn place(&self, at: Position, path: &str, message: String) -> Problem {
        let file = self.file.clone();
        Problem { file, line: at.line, column: at.column, path: path.to_owned(), message }
    }

    /// The warnings, if there is no problem; otherwise the problems.
    pub(super) fn finish(self) -> Result<Vec<Problem>, Problems> {
        if !self.found.borrow().problems.is_empty() {
            return Err(self.refuse());
        }
        let mut warnings = self.found.into_inner().warnings;
        in_line_order(&mut warnings);
        Ok(warnings)
    }

    /// The problems, where at least one has been reported.
    pub(super) fn refuse(self) -> Problems {
        let Found { mut problems, dropped, .. } = self.found.into_inner();
        in_line_order(&mut problems);
        if dropped > 0 {
            let message = format!("{dropped} more problems are not shown");
            let (line, column, path) = (0, 0, String::new());
            problems.push(Problem { file: self.file, line, column, path, message });
        }
        Problems(problems)
    }
}

/// Stable, so that two problems of one place stay in the order they were found in; what an alias
/// brings in twice is told once.
fn in_line_order(problems: &mut Vec<Problem>) {
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup();
}

/// Text of the file, quoted, escaped and cut short for a message.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(SHOWN_CHARS) + 2);
    out.push('"');
    for (i, c) in text.chars().enumerate() {
        if i == SHOWN_CHARS {
            out.push('…');
            break;
        }
        match c {
            '"' => out.push_str("\\\""),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The name that was probably meant by what was typed, if one is near enough.
pub fn nearest<'c>(typed: &str, names: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let typed: String = typed.chars().take(SHOWN_CHARS).collect();
    names
        .into_iter()
        .map(|name| (strsim::osa_distance(&typed, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
