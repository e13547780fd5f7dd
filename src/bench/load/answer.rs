//! Reads one answer from whatever pieces it comes in, and knows where it ends.
//!
//! The rules are those of the proxy's own client half: an answer it would refuse is no good answer
//! here. The body is counted and dropped.

use std::mem::MaybeUninit;

use crate::bench::measure::Fault;
use crate::l7::chunked::{Decoder, Step};
use crate::l7::client::{ResponseBody, parse_response};
use crate::l7::http1::HeadScan;

/// Bytes of a head, and of framing held back.
const HEAD_MAX: usize = 64 * 1024;
const FIELDS_MAX: usize = 128;

/// How far an answer has been read.
#[derive(Debug)]
pub(super) struct Answer {
    state: State,
    /// What came but cannot be read before more comes.
    held: Vec<u8>,
    /// The request was HEAD.
    to_head: bool,
}

#[derive(Debug)]
enum State {
    Head(HeadScan),
    Body { status: u16, keep: bool, rest: Rest },
}

#[derive(Debug)]
enum Rest {
    Length(u64),
    Chunked(Decoder),
    Close,
}

/// A whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) status: u16,
    /// The connection takes another request.
    pub(super) keep: bool,
}

impl Answer {
    /// Nothing read yet.
    pub(super) fn new(to_head: bool) -> Self {
        Self { state: State::Head(HeadScan::default()), held: Vec::new(), to_head }
    }

    /// Takes the bytes of one read; an empty slice is the end of the stream. `None` = go on.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Whole>, Fault> {
        if bytes.is_empty() {
            return self.end();
        }
        if self.held.is_empty() {
            let (used, whole) = self.advance(bytes)?;
            return self.hold(&bytes[used..], whole);
        }
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(bytes);
        let (used, whole) = self.advance(&joined)?;
        self.hold(&joined[used..], whole)
    }

    fn hold(&mut self, left: &[u8], whole: Option<Whole>) -> Result<Option<Whole>, Fault> {
        // Bytes behind a whole answer belong to no request of ours.
        if left.len() > HEAD_MAX || (whole.is_some() && !left.is_empty()) {
            return Err(Fault::Malformed);
        }
        self.held.extend_from_slice(left);
        Ok(whole)
    }

    fn end(&mut self) -> Result<Option<Whole>, Fault> {
        match &self.state {
            State::Head(_) if self.held.is_empty() => Err(Fault::Unanswered),
            State::Body { status, rest: Rest::Close, .. } => {
                Ok(Some(Whole { status: *status, keep: false }))
            }
            _ => Err(Fault::Truncated),
        }
    }

    /// Reads what can be read; how many bytes that were.
    fn advance(&mut self, input: &[u8]) -> Result<(usize, Option<Whole>), Fault> {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            match &mut self.state {
                State::Head(scan) => {
                    let end = scan.find_end(rest).map_err(|_| Fault::Malformed)?;
                    let Some(end) = end else { return Ok((used, None)) };
                    used += end;
                    self.state = head(&rest[..end], self.to_head)?;
                }
                State::Body { status, keep, rest: body } => {
                    let (step, done) = body.advance(rest)?;
                    used += step;
                    if done {
                        return Ok((used, Some(Whole { status: *status, keep: *keep })));
                    }
                    if step == 0 {
                        return Ok((used, None));
                    }
                }
            }
        }
    }
}

impl Rest {
    /// How much of `input` was read, and whether the body has ended.
    fn advance(&mut self, input: &[u8]) -> Result<(usize, bool), Fault> {
        match self {
            Self::Close => Ok((input.len(), false)),
            Self::Length(left) => {
                let step = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= step as u64;
                Ok((step, *left == 0))
            }
            Self::Chunked(decoder) => match decoder.step(input).map_err(|_| Fault::Malformed)? {
                Step::More => Ok((0, false)),
                Step::Framing(n) | Step::Data(n) => Ok((n, false)),
                Step::End(n) => Ok((n, true)),
            },
        }
    }
}

/// What follows this head: another one after an interim answer, else the body.
fn head(bytes: &[u8], to_head: bool) -> Result<State, Fault> {
    let mut room = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let response = parse_response(bytes, &mut room).map_err(|_| Fault::Malformed)?;
    let (status, keep) = (response.status, response.keep_alive);
    // Nothing that could switch protocols was asked for.
    if status == 101 {
        return Err(Fault::Malformed);
    }
    if status < 200 {
        return Ok(State::Head(HeadScan::default()));
    }
    let rest = match response.body(to_head) {
        ResponseBody::None | ResponseBody::Empty => Rest::Length(0),
        ResponseBody::Length(length) => Rest::Length(length),
        ResponseBody::Chunked => Rest::Chunked(Decoder::default()),
        ResponseBody::Close | ResponseBody::Stream => Rest::Close,
    };
    Ok(State::Body { status, keep, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in pieces and then the end of the stream, as far as it is asked for.
    fn read(input: &str, piece: usize) -> Result<Whole, Fault> {
        let mut answer = Answer::new(false);
        for bytes in input.as_bytes().chunks(piece).chain([&[][..]]) {
            if let Some(whole) = answer.feed(bytes)? {
                return Ok(whole);
            }
        }
        panic!("the end of the stream is always an answer")
    }

    #[test]
    fn answers_end_where_their_framing_says_however_they_are_cut() {
        for (input, status, keep) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 200, false),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, true),
            (
                "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno",
                404,
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
                200,
                true,
            ),
            ("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, false),
        ] {
            for piece in [1, 2, 3, 7, 1000] {
                assert_eq!(read(input, piece), Ok(Whole { status, keep }), "{input:?} by {piece}");
            }
        }
    }

    #[test]
    fn what_is_no_whole_answer_is_told_apart() {
        for (input, fault) in [
            ("", Fault::Unanswered),
            ("HTTP/1.1 200 OK\r\nContent-", Fault::Truncated),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", Fault::Truncated),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                Fault::Truncated,
            ),
            ("SSH-2.0-x\r\n\r\n", Fault::Malformed),
            ("HTTP/1.1 101 Switching\r\n\r\n", Fault::Malformed),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
                Fault::Malformed,
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", Fault::Malformed),
        ] {
            assert_eq!(read(input, 1000), Err(fault), "{input:?}");
        }
        let surplus = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy";
        assert_eq!(Answer::new(false).feed(surplus.as_bytes()), Err(Fault::Malformed));
        let endless = "a".repeat(HEAD_MAX + 1);
        assert_eq!(Answer::new(false).feed(endless.as_bytes()), Err(Fault::Malformed));
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(Answer::new(true).feed(head), Ok(Some(Whole { status: 200, keep: true })));
    }
}
