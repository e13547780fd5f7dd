//! Reads a recording, line by line.

use std::io::{BufRead, BufReader, Read};

use super::wire::Line;
use crate::events::Corrupt;

/// Bytes of one line.
const LINE_BYTES: u64 = 64 * 1024 * 1024;

/// Every line with its number, from 1. A last line without its end was torn by a crash and is left
/// out.
pub fn lines(from: impl Read) -> impl Iterator<Item = Result<(usize, Line), Corrupt>> {
    let mut from = BufReader::new(from);
    let mut text = Vec::new();
    let mut number = 0;
    std::iter::from_fn(move || {
        number += 1;
        text.clear();
        let read = from.by_ref().take(LINE_BYTES).read_until(b'\n', &mut text);
        match read {
            Err(error) => Some(Err(Corrupt { line: number, problem: error.to_string() })),
            Ok(_) if text.ends_with(b"\n") => Some(parse(&text, number).map(|line| (number, line))),
            Ok(_) => None,
        }
    })
}

/// One line.
///
/// # Errors
/// It is not one of a recording.
pub fn parse(text: &[u8], number: usize) -> Result<Line, Corrupt> {
    serde_json::from_slice(text)
        .map_err(|error| Corrupt { line: number, problem: error.to_string() })
}
