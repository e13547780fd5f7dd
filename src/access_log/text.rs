//! Turns any bytes into one JSON string that is safe to print and bounded in length.
//!
//! The bytes come from peers, so they may be invalid UTF-8, hold terminal control sequences, or
//! text that reorders what is shown around it. JSON has no way to hold a raw byte, so an invalid
//! byte becomes the four characters `\xNN` and a backslash becomes two: a reader who undoes these
//! two has the bytes back exactly.

use crate::model::misleads;

/// A text's length in the line, in bytes, without its quotes; a longer one is cut at a character
/// and ends in `…` (three more bytes).
pub const MAX_TEXT_BYTES: usize = 1024;

/// Shown at the end of a text that was cut.
const CUT: &str = "…";

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Bytes that stand for themselves inside a JSON string: printable ASCII but `"` and `\`.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// Appends `bytes` as a quoted JSON string.
pub(super) fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    if bytes.len() <= MAX_TEXT_BYTES && bytes.iter().all(|byte| PLAIN[usize::from(*byte)]) {
        out.extend_from_slice(bytes);
    } else {
        append_escaped(out, bytes);
    }
    out.push(b'"');
}

fn append_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    let end = out.len() + MAX_TEXT_BYTES;
    // A byte in is at least a byte out, so nothing past the limit can matter; four more bytes
    // keep a character that begins before the limit whole.
    let bytes = &bytes[..bytes.len().min(MAX_TEXT_BYTES + 4)];
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if !append_within(out, end, Escaped::character(character).as_bytes()) {
                return;
            }
        }
        for byte in chunk.invalid() {
            if !append_within(out, end, Escaped::byte(*byte).as_bytes()) {
                return;
            }
        }
    }
}

/// Appends `piece` if it ends within `end`; else marks the cut and says so.
fn append_within(out: &mut Vec<u8>, end: usize, piece: &[u8]) -> bool {
    let fits = out.len() + piece.len() <= end;
    out.extend_from_slice(if fits { piece } else { CUT.as_bytes() });
    fits
}

/// One character or byte as it is written: at most six bytes.
struct Escaped {
    bytes: [u8; 6],
    len: usize,
}

impl Escaped {
    fn character(character: char) -> Self {
        match character {
            '"' => Self::new(br#"\""#),
            // `\\` in the text, and each backslash again escaped for JSON.
            '\\' => Self::new(br"\\\\"),
            _ if misleads(character) => Self::unicode(character as u32),
            _ => {
                let mut bytes = [0; 6];
                let len = character.encode_utf8(&mut bytes).len();
                Self { bytes, len }
            }
        }
    }

    /// An invalid byte: `\xNN` in the text, so `\\xNN` in JSON.
    fn byte(byte: u8) -> Self {
        Self::new(&[b'\\', b'\\', b'x', hex(byte >> 4), hex(byte)])
    }

    /// `\uNNNN`; every character that [`misleads`] is in the basic plane.
    fn unicode(code: u32) -> Self {
        let digit = |shift: u32| hex((code >> shift) as u8);
        Self::new(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)])
    }

    fn new(text: &[u8]) -> Self {
        let mut bytes = [0; 6];
        bytes[..text.len()].copy_from_slice(text);
        Self { bytes, len: text.len() }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn hex(nibble: u8) -> u8 {
    HEX[usize::from(nibble & 0xf)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        append(&mut out, bytes);
        serde_json::from_slice(&out).expect("valid JSON string")
    }

    /// Undoes `\\` and `\xNN`, as the module's documentation says a reader can.
    fn restored(text: &str) -> Vec<u8> {
        let mut bytes = text.bytes();
        let mut out = Vec::new();
        while let Some(byte) = bytes.next() {
            if byte != b'\\' {
                out.push(byte);
                continue;
            }
            match bytes.next().expect("a lone backslash is never written") {
                b'x' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    let digits = std::str::from_utf8(&digits).unwrap();
                    out.push(u8::from_str_radix(digits, 16).unwrap());
                }
                other => out.push(other),
            }
        }
        out
    }

    #[test]
    fn what_could_mislead_a_reader_is_escaped() {
        let mut out = Vec::new();
        append(&mut out, "a\"b\n\x1b[31m\u{202e}\u{85}é".as_bytes());
        assert_eq!(String::from_utf8(out).unwrap(), r#""a\"b\u000a\u001b[31m\u202e\u0085é""#,);
    }

    #[test]
    fn an_invalid_byte_and_its_spelling_stay_distinct() {
        assert_eq!(decoded(b"\xff"), r"\xff");
        assert_eq!(decoded(br"\xff"), r"\\xff");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let text = "é".repeat(600);
        assert_eq!(decoded(text.as_bytes()), format!("{}…", "é".repeat(512)));
        assert_eq!(decoded(&[b'a'; MAX_TEXT_BYTES]).len(), MAX_TEXT_BYTES);
        assert_eq!(decoded(&[b'a'; MAX_TEXT_BYTES + 1]).len(), MAX_TEXT_BYTES + CUT.len());
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
            prop_assert_eq!(restored(&decoded(&bytes)), bytes);
        }

        #[test]
        fn the_length_is_bounded(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let mut out = Vec::new();
            append(&mut out, &bytes);
            prop_assert!(out.len() <= MAX_TEXT_BYTES + CUT.len() + 2);
            prop_assert!(serde_json::from_slice::<String>(&out).is_ok());
        }
    }
}
