//! The client's half of HTTP/1.1: is this the response that was asked for, whole and not longer?
//!
//! A proxy that cuts corners must not look fast, so every answer's status and body length are
//! checked. The body's bytes are counted and dropped.

use super::tally::Failure;

/// How far a response has been read.
#[derive(Debug, Default)]
pub(crate) enum Response {
    /// Within the head; the bytes of it that came so far.
    #[default]
    Nothing,
    /// Part of the head.
    Head(Vec<u8>),
    /// Within the body: bytes still to come, and if the connection closes after them.
    Body(usize, bool),
    /// Whole; true if the proxy closes the connection after it.
    Done(bool),
}

impl Response {
    /// Takes the bytes of one read; an empty slice is the end of the stream.
    pub(crate) fn feed(self, bytes: &[u8], expected: usize) -> Result<Self, Failure> {
        if bytes.is_empty() {
            return Err(match self {
                Self::Nothing => Failure::Unanswered,
                _ => Failure::Truncated,
            });
        }
        match self {
            Self::Nothing => head(bytes, expected),
            Self::Head(mut before) => {
                before.extend_from_slice(bytes);
                head(&before, expected)
            }
            Self::Body(left, closes) => body(left, closes, bytes.len()),
            Self::Done(_) => Err(Failure::Surplus),
        }
    }
}

fn head(bytes: &[u8], expected: usize) -> Result<Response, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let status = response.parse(bytes).map_err(|_| Failure::Malformed)?;
    let httparse::Status::Complete(end) = status else {
        return Ok(Response::Head(bytes.to_vec()));
    };
    if response.code != Some(200) {
        return Err(Failure::Status);
    }
    let mut length = None;
    let mut closes = response.version == Some(0);
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            length = std::str::from_utf8(header.value).ok().and_then(|text| text.parse().ok());
        } else if header.name.eq_ignore_ascii_case("connection") {
            closes = header.value.eq_ignore_ascii_case(b"close");
        }
    }
    if length != Some(expected) {
        return Err(Failure::Length);
    }
    body(expected, closes, bytes.len() - end)
}

fn body(left: usize, closes: bool, came: usize) -> Result<Response, Failure> {
    match left.checked_sub(came) {
        Some(0) => Ok(Response::Done(closes)),
        Some(left) => Ok(Response::Body(left, closes)),
        None => Err(Failure::Surplus),
    }
}
