//! The way in: a file or a text becomes a config, or the list of what is wrong with it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::problem::Report;
use super::raw::{self, Position};
use super::{Config, Problem, Problems, check};

/// A valid config, with what is doubtful about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The config.
    pub config: Config,
    /// What is allowed, but probably not meant; in the order of lines.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads a config file. Relative paths in it are relative to the current directory.
    ///
    /// # Errors
    /// Every problem of the file at once, or the one reason why it cannot be read.
    pub fn load(path: &Path) -> Result<Loaded, Problems> {
        Self::parse(&text_of(path)?, Some(path))
    }

    /// Reads a config from text that came from `origin`, or from no file.
    ///
    /// # Errors
    /// Every problem of the text at once.
    pub fn parse(text: &str, origin: Option<&Path>) -> Result<Loaded, Problems> {
        let report = Report::new(origin);
        let config = raw::read(text, &report).and_then(|root| check::check(&root, &report, origin));
        // No config without a problem: whoever returns `None` has reported why.
        let Some(config) = config else { return Err(report.refuse()) };
        let warnings = report.finish()?;
        Ok(Loaded { config, warnings })
    }
}

/// The text of a file that people write.
pub(super) fn text_of(path: &Path) -> Result<String, Problems> {
    let bytes = read(path).map_err(|why| Problems::with_file(path, why))?;
    String::from_utf8(bytes).map_err(|error| {
        let report = Report::new(Some(path));
        let valid = error.utf8_error().valid_up_to();
        report.problem(
            end_of(&error.as_bytes()[..valid]),
            "",
            "the text is not UTF-8 from here on",
        );
        report.refuse()
    })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(raw::MAX_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 > raw::MAX_BYTES => {
            Err(format!("the file is larger than {} bytes", raw::MAX_BYTES))
        }
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err("there is no such file".to_owned())
        }
        Err(error) => Err(format!("the file cannot be read: {error}")),
    }
}

/// The place behind these bytes.
fn end_of(bytes: &[u8]) -> Position {
    let text = String::from_utf8_lossy(bytes);
    let line = text.bytes().filter(|b| *b == b'\n').count();
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
    Position { line: count(line), column: count(column) }
}
