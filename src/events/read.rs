//! Reading a log back, for who wants to know what happened, or to decide it again.

use std::io::{BufRead, BufReader, Read};

use super::wire::Line;

/// Bytes of one line; what is written is far shorter.
const LINE_BYTES: u64 = 16 * 1024 * 1024;

/// A line that is not one of ours.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Corrupt {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// Every line of a log, in order. A line that was torn by a crash or a full disk is left out.
///
/// # Errors
/// The first line that cannot be understood.
pub fn read(from: impl Read) -> Result<Vec<Line>, Corrupt> {
    let mut from = BufReader::new(from);
    let mut lines = Vec::new();
    let mut text = Vec::new();
    for number in 1.. {
        let corrupt = |problem: String| Corrupt { line: number, problem };
        text.clear();
        let read = from.by_ref().take(LINE_BYTES).read_until(b'\n', &mut text);
        read.map_err(|error| corrupt(error.to_string()))?;
        if !text.ends_with(b"\n") {
            if text.len() as u64 == LINE_BYTES {
                return Err(corrupt(format!("longer than {LINE_BYTES} bytes")));
            }
            break;
        }
        match serde_json::from_slice(&text) {
            Ok(line) => lines.push(line),
            // Nothing, or the beginning of a line.
            Err(error) if error.is_eof() => {}
            Err(error) => return Err(corrupt(error.to_string())),
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Chain;
    use crate::events::wire::Event;
    use crate::model::UnixMillis;

    #[test]
    fn what_was_written_is_read_and_a_torn_end_is_left_out() {
        let mut chain = Chain::default();
        let event = Event::Published { generation: 2, moves: Vec::new(), because: Vec::new() };
        let lines = [5, 6].map(|at| chain.next(UnixMillis(at), event.clone()));
        let mut text: Vec<u8> = lines.iter().flat_map(Line::text).collect();
        assert_eq!(read(&*text).unwrap(), lines);
        text.truncate(text.len() - 3);
        assert_eq!(read(&*text).unwrap(), lines[..1]);
        text.push(b'\n');
        text.extend(lines[1].text());
        assert_eq!(read(&*text).unwrap(), lines);
    }

    #[test]
    fn a_line_that_is_not_ours_is_named() {
        let error = read(&b"{\"seq\":1}\n"[..]).unwrap_err();
        assert_eq!(error.line, 1);
        let text = [&br#"{"seq":1,"at":"","at_ms":0,"inputs":"","kind":"none"}"#[..], b"\n"];
        assert!(read(&*text.concat()).unwrap_err().to_string().contains("none"));
    }
}
