//! Source files as the rules see them: without comments, literals and test modules.
//!
//! No parser: a scan that knows comments and literals is enough to find words and paths in code
//! that rustc and rustfmt have already accepted.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file in three views.
pub(crate) struct Source {
    /// Relative to the package, with `/`.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// Comments, strings and characters blanked; same lines.
    pub(crate) code: String,
    /// `code` without its test modules.
    pub(crate) shipped: String,
}

impl Source {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let code = blank_text(&text);
        let relative = path.strip_prefix(root()).expect("listed below the package");
        let path = relative.to_str().expect("file names are UTF-8").replace('\\', "/");
        let mut source = Self { path, text, code, shipped: String::new() };
        if !source.is_test() {
            source.shipped = blank_tests(&source.code);
        }
        source
    }

    /// The file is a test module as a whole.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The top-level module the file belongs to; `None` for `lib.rs`.
    pub(crate) fn module(&self) -> Option<&str> {
        let inner = self.path.strip_prefix("src/")?;
        let first = inner.split('/').next()?.trim_end_matches(".rs");
        (first != "lib").then_some(first)
    }

    /// The names of all modules on the file's path.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.path.trim_start_matches("src/").trim_end_matches(".rs").split('/')
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn files_below(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            if path.is_dir() {
                if path.file_name().is_none_or(|name| name != "target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| extensions.iter().any(|want| e == *want)) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

pub(crate) fn sources() -> Vec<Source> {
    files_below("src", &["rs"]).iter().map(|path| Source::read(path)).collect()
}

/// Blanks comments, string and character literals, keeping every newline.
pub(crate) fn blank_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_word = false;
    while let Some(first) = rest.chars().next() {
        let skipped = literal_or_comment(rest, after_word).unwrap_or(0);
        let (taken, blank) =
            if skipped > 0 { (&rest[..skipped], true) } else { (&rest[..first.len_utf8()], false) };
        out.extend(taken.chars().map(|c| if blank && c != '\n' { ' ' } else { c }));
        after_word = first.is_alphanumeric() || first == '_';
        rest = &rest[taken.len()..];
    }
    out
}

/// The length of the comment or literal that `rest` begins with, if it begins with one.
fn literal_or_comment(rest: &str, after_word: bool) -> Option<usize> {
    let end_at = |from: usize, end: &str| {
        rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len())
    };
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(end_at(2, "*/"));
    }
    if !after_word {
        let raw = rest.trim_start_matches('b');
        if let Some(hashes) = raw.strip_prefix('r') {
            let count = hashes.len() - hashes.trim_start_matches('#').len();
            if hashes[count..].starts_with('"') {
                let close = format!("\"{}", "#".repeat(count));
                return Some(end_at(rest.len() - hashes.len() + count + 1, &close));
            }
        }
    }
    if rest.starts_with('"') {
        return Some(quoted_len(rest, '"'));
    }
    // 'a' and '\n' are characters; 'a without a closing quote is a lifetime.
    let mut chars = rest.strip_prefix('\'')?.chars();
    let first = chars.next()?;
    (first == '\\' || chars.next() == Some('\'')).then(|| quoted_len(rest, '\''))
}

fn quoted_len(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// Blanks the items marked `#[cfg(test)]`.
pub(crate) fn blank_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let end = item_end(&out, start);
        let blank: String =
            out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blank);
    }
    out
}

/// Where the item that begins at `start` ends: behind its body, or its semicolon.
pub(crate) fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code[start..].char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if c == '}' && depth == 0 {
                    return start + at + 1;
                }
            }
            ';' if depth == 0 => return start + at + 1,
            _ => {}
        }
    }
    code.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands in `code` as a whole word.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let inner_start = word.chars().next().is_some_and(is_word);
        let inner_end = word.chars().next_back().is_some_and(is_word);
        let continues =
            inner_start && before.is_some_and(is_word) || inner_end && after.is_some_and(is_word);
        !continues
    })
}

pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The top-level modules named by `crate::…` paths, groups included, with where they stand.
pub(crate) fn imports(code: &str, crate_name: &str) -> Vec<(usize, String)> {
    let prefix = format!("{crate_name}::");
    let mut found = Vec::new();
    for at in words(code, &prefix) {
        if code[..at].ends_with('$') {
            continue;
        }
        let path = &code[at + prefix.len()..];
        let Some(group) = path.strip_prefix('{') else {
            found.push((at, leading_word(path)));
            continue;
        };
        let mut depth = 0_usize;
        let mut expects_name = true;
        for (offset, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => expects_name = true,
                _ if expects_name && is_word(c) => {
                    found.push((at, leading_word(&group[offset..])));
                    expects_name = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn leading_word(text: &str) -> String {
    text.chars().take_while(|c| is_word(*c)).collect()
}
