//! Chunked transfer coding, decoded without I/O and written anew.
//!
//! Chunks are never passed through as they came: sizes are re-written and extensions dropped, so
//! that whatever a lenient reader behind us would make of odd framing, it never sees any
//! (RFC 9112 §7.1).

use super::headers::{Known, append, known};
use super::http1::HeadScan;

/// Longest chunk-size line, extensions included.
const LINE_MAX: usize = 1024;
/// Bytes of chunk extensions in one body.
const EXTENSIONS_MAX: usize = 16 * 1024;
/// Longest trailer section.
const TRAILERS_MAX: usize = 8 * 1024;
/// Trailer fields in one body.
const TRAILER_FIELDS_MAX: usize = 64;

/// Why chunk framing was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// A size line, or the end of a chunk, out of grammar or limits.
    Chunk,
    /// The trailer section out of grammar or limits.
    Trailer,
}

/// What the first bytes of the input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Not enough to tell: read more.
    More,
    /// This many bytes of framing: consume them.
    Framing(usize),
    /// This many bytes of data: pass them on, then consume them.
    Data(usize),
    /// This many bytes of trailer section, its final empty line included: the end of the body.
    End(usize),
}

/// Decodes a chunked body piece by piece.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoder {
    state: State,
    extensions: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailers(HeadScan),
    Done,
}

impl Decoder {
    /// Says what `input` begins with. The input must begin after what earlier steps consumed.
    ///
    /// # Errors
    /// The framing is malformed or exceeds a limit.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, ChunkError> {
        match &mut self.state {
            State::Size => self.size_line(input),
            State::Data(_) if input.is_empty() => Ok(Step::More),
            State::Data(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= n as u64;
                if *left == 0 {
                    self.state = State::DataEnd;
                }
                Ok(Step::Data(n))
            }
            State::DataEnd => match input {
                [b'\r', b'\n', ..] => {
                    self.state = State::Size;
                    Ok(Step::Framing(2))
                }
                [] | [b'\r'] => Ok(Step::More),
                _ => Err(ChunkError::Chunk),
            },
            State::Trailers(scan) => match scan.find_end(input) {
                Ok(Some(end)) if end <= TRAILERS_MAX => {
                    check_trailers(&input[..end])?;
                    self.state = State::Done;
                    Ok(Step::End(end))
                }
                Ok(None) if input.len() < TRAILERS_MAX => Ok(Step::More),
                _ => Err(ChunkError::Trailer),
            },
            State::Done => Ok(Step::More),
        }
    }

    /// Was the end of the body seen?
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    fn size_line(&mut self, input: &[u8]) -> Result<Step, ChunkError> {
        let Some(newline) = memchr::memchr(b'\n', input) else {
            // What cannot be a size line any more is refused before it is whole.
            let digits = input.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            let plausible = matches!(&input[digits..], [] | [b'\r'] | [b';', ..]);
            let fits = input.len() < LINE_MAX && digits <= 15;
            let begun = digits > 0 || input.is_empty();
            return if plausible && fits && begun {
                Ok(Step::More)
            } else {
                Err(ChunkError::Chunk)
            };
        };
        if newline >= LINE_MAX {
            return Err(ChunkError::Chunk);
        }
        let line = input[..newline].strip_suffix(b"\r").ok_or(ChunkError::Chunk)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, extension) = line.split_at(digits);
        // Fifteen digits always fit into a u64 with room to spare.
        if digits == 0 || digits > 15 || !is_extension(extension) {
            return Err(ChunkError::Chunk);
        }
        self.extensions += extension.len();
        if self.extensions > EXTENSIONS_MAX {
            return Err(ChunkError::Chunk);
        }
        let size = size.iter().fold(0_u64, |size, digit| {
            size << 4 | u64::from(char::from(*digit).to_digit(16).unwrap_or_default())
        });
        self.state = match size {
            0 => State::Trailers(HeadScan::default()),
            _ => State::Data(size),
        };
        Ok(Step::Framing(newline + 1))
    }
}

fn is_extension(bytes: &[u8]) -> bool {
    let printable = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    bytes.first().is_none_or(|first| *first == b';') && bytes.iter().all(printable)
}

fn check_trailers(section: &[u8]) -> Result<(), ChunkError> {
    let mut room = [httparse::EMPTY_HEADER; TRAILER_FIELDS_MAX];
    match httparse::parse_headers(section, &mut room) {
        Ok(httparse::Status::Complete((end, _))) if end == section.len() => Ok(()),
        _ => Err(ChunkError::Trailer),
    }
}

/// Appends the line that begins a chunk of `size` bytes.
pub(crate) fn begin_chunk(out: &mut Vec<u8>, size: usize) {
    let mut digits = [0_u8; 16];
    let mut at = digits.len();
    let mut rest = size;
    while rest > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// Appends the last chunk, with the trailers that may pass of a section as found by [`Decoder`].
pub(crate) fn end_chunks(out: &mut Vec<u8>, section: &[u8]) {
    end_chunks_with(out, |put| trailers(section, put));
}

/// Appends the last chunk, with those trailers that `give` gives and that may pass.
pub(crate) fn end_chunks_with(out: &mut Vec<u8>, give: impl FnOnce(&mut dyn FnMut(&str, &[u8]))) {
    out.extend_from_slice(b"0\r\n");
    give(&mut |name, value| {
        if may_trail(name) {
            append(out, name, value);
        }
    });
    out.extend_from_slice(b"\r\n");
}

/// Gives `put` the trailers of a section, as found by [`Decoder`].
pub(crate) fn trailers(section: &[u8], put: &mut dyn FnMut(&str, &[u8])) {
    let mut room = [httparse::EMPTY_HEADER; TRAILER_FIELDS_MAX];
    if let Ok(httparse::Status::Complete((_, trailers))) =
        httparse::parse_headers(section, &mut room)
    {
        for trailer in trailers {
            put(trailer.name, trailer.value);
        }
    }
}

/// May a field of this name be a trailer? Those that frame, route or authenticate may not (RFC 9110
/// §6.5.1).
pub(crate) fn may_trail(name: &str) -> bool {
    let refused =
        ["cookie", "set-cookie", "cache-control", "content-type", "content-encoding", "te"];
    let refused = refused.iter().any(|refused| name.eq_ignore_ascii_case(refused));
    !refused && matches!(known(name), None | Some(Known::Via))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A body's data, and the bytes that followed it.
    type Decoded = (Vec<u8>, Vec<u8>);

    /// Decodes `input` in pieces of at most `piece` bytes; `None` if the body goes on behind it.
    fn decode(input: &[u8], piece: usize) -> Result<Option<Decoded>, ChunkError> {
        let (mut decoder, mut data) = (Decoder::default(), Vec::new());
        let (mut start, mut end) = (0, 0);
        loop {
            match decoder.step(&input[start..end])? {
                Step::More if end == input.len() => return Ok(None),
                Step::More => end = input.len().min(end + piece),
                Step::Framing(n) => start += n,
                Step::Data(n) => {
                    data.extend_from_slice(&input[start..start + n]);
                    start += n;
                }
                Step::End(n) => return Ok(Some((data, input[start + n..].to_vec()))),
            }
        }
    }

    #[test]
    fn a_body_is_decoded_however_it_is_cut() {
        let input = b"5;name=\"v\"\r\nhello\r\n00A\r\n, trailer!\r\n0\r\nX: y\r\n\r\nnext";
        for piece in 1..input.len() {
            let (data, rest) = decode(input, piece).unwrap().unwrap();
            assert_eq!(data, b"hello, trailer!");
            assert!(b"next".starts_with(&rest), "nothing of the next message is consumed");
        }
    }

    #[test]
    fn framing_out_of_grammar_is_refused() {
        let long_extension = format!("1;{}\r\nx\r\n", "a".repeat(LINE_MAX));
        for input in [
            "\r\n",
            "g\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            " 1\r\n",
            "1 \r\n",
            "1\n",
            "1 ;a\r\n",
            "1\r\nxy",
            "1\r\nx\n",
            "1;a\x01\r\n",
            "ffffffffffffffff\r\n",
            "1000000000000000\r\n",
            "5\rhello",
            &long_extension,
        ] {
            assert_eq!(decode(input.as_bytes(), 1), Err(ChunkError::Chunk), "{input:?}");
            assert_eq!(decode(input.as_bytes(), 4096), Err(ChunkError::Chunk), "{input:?}");
        }
        for input in ["0\r\nX : y\r\n\r\n", "0\r\n: y\r\n\r\n", "0\r\nX: y\n\r\n", "0\r\nx\r\n\r\n"]
        {
            assert_eq!(decode(input.as_bytes(), 1), Err(ChunkError::Trailer), "{input:?}");
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let extensions = format!("1;{}\r\nx\r\n", "a".repeat(900)).repeat(20);
        assert_eq!(decode(extensions.as_bytes(), 4096), Err(ChunkError::Chunk));
        let trailers = format!("0\r\n{}", "X: y\r\n".repeat(2000));
        assert_eq!(decode(trailers.as_bytes(), 4096), Err(ChunkError::Trailer));
    }

    #[test]
    fn trailers_that_frame_or_route_are_dropped() {
        let mut out = Vec::new();
        end_chunks(&mut out, b"X-Sum: 1\r\nContent-Length: 5\r\nHost: b\r\nCookie: c\r\n\r\n");
        assert_eq!(out, b"0\r\nX-Sum: 1\r\n\r\n");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8), piece in 1_usize..50) {
            let mut out = Vec::new();
            for chunk in &chunks {
                begin_chunk(&mut out, chunk.len());
                out.extend_from_slice(chunk);
                out.extend_from_slice(b"\r\n");
            }
            end_chunks(&mut out, b"\r\n");
            let (data, rest) = decode(&out, piece).unwrap().unwrap();
            prop_assert_eq!(data, chunks.concat());
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn hostile_bytes_never_panic_or_loop(input in prop::collection::vec(any::<u8>(), 0..400), piece in 1_usize..50) {
            let _ = decode(&input, piece);
        }
    }
}
