//! Reads a recording, line by line.

use std::io::{BufRead, BufReader, Read};

use super::wire::Line;
use crate::events::Corrupt;

/// Bytes of one line; the first of a process holds what it took over.
const LINE_BYTES: u64 = 256 * 1024 * 1024;

/// Every line with its number, from 1; `None` for one that was not written whole, because the process
/// died or the disk was full.
pub fn lines(from: impl Read) -> impl Iterator<Item = Result<(usize, Option<Line>), Corrupt>> {
    let mut from = BufReader::new(from);
    let mut text = Vec::new();
    let mut number = 0;
    std::iter::from_fn(move || {
        number += 1;
        text.clear();
        let read = from.by_ref().take(LINE_BYTES).read_until(b'\n', &mut text);
        match read {
            Err(error) => Some(Err(Corrupt { line: number, problem: error.to_string() })),
            Ok(0) => None,
            Ok(length) if length as u64 == LINE_BYTES => {
                let problem = format!("longer than {LINE_BYTES} bytes");
                Some(Err(Corrupt { line: number, problem }))
            }
            Ok(_) => Some(parse(&text, number).map(|line| (number, line))),
        }
    })
}

/// One line; `None` if its end is missing.
fn parse(text: &[u8], number: usize) -> Result<Option<Line>, Corrupt> {
    match serde_json::from_slice(text) {
        Ok(line) if text.ends_with(b"\n") => Ok(Some(line)),
        Ok(_) => Ok(None),
        Err(error) if error.is_eof() => Ok(None),
        Err(error) => Err(Corrupt { line: number, problem: error.to_string() }),
    }
}
