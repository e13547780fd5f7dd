//! Parses a response head and says where its body ends.

use std::mem::MaybeUninit;
use std::time::Duration;

use httparse::Header;

use crate::l7::headers::{Known, Lengths, elements, known};
use crate::l7::version::Version;
use crate::model::BadResponse;

/// A response head, borrowed from the bytes it came in.
#[derive(Debug)]
pub struct Response<'h, 'b> {
    /// 100..=599.
    pub status: u16,
    /// The reason phrase; may be empty.
    pub reason: &'b str,
    /// The version.
    pub version: Version,
    /// The header fields in order.
    pub headers: &'h [Header<'b>],
    /// The framing headers.
    pub lengths: Lengths,
    /// The backend will take another request on this connection.
    pub keep_alive: bool,
    /// `Connection` names headers, which are not passed on.
    pub(crate) lists: bool,
    /// How long the backend says it keeps an idle connection.
    pub keep_alive_timeout: Option<Duration>,
    /// Its stream ends with it, where the protocol has streams.
    pub(crate) ended: bool,
}

/// Where a response's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseBody {
    /// There is none.
    None,
    /// After this many bytes, at least one.
    Length(u64),
    /// At the last chunk.
    Chunked,
    /// At the connection's end.
    Close,
    /// At the end of its stream.
    Stream,
    /// At the end of its stream, which has come with the head.
    Empty,
}

impl Response<'_, '_> {
    /// Where the body ends (RFC 9112 §6.3), for an answer to this kind of request.
    #[must_use]
    pub fn body(&self, to_head: bool) -> ResponseBody {
        if to_head || self.status < 200 || self.status == 204 || self.status == 304 {
            return ResponseBody::None;
        }
        match self.lengths {
            _ if self.version == Version::Http2 && self.ended => ResponseBody::Empty,
            _ if self.version == Version::Http2 => ResponseBody::Stream,
            Lengths { chunked: true, .. } => ResponseBody::Chunked,
            Lengths { content_length: Some(0), .. } => ResponseBody::None,
            Lengths { content_length: Some(length), .. } => ResponseBody::Length(length),
            Lengths { content_length: None, .. } => ResponseBody::Close,
        }
    }
}

/// Parses a whole head (as found by [`HeadScan`](crate::l7::http1::HeadScan)) into `room`, which
/// bounds the field count.
///
/// # Errors
/// The head is not one by RFC 9112 §4 and §5, or its framing contradicts itself.
pub fn parse_response<'h, 'b>(
    head: &'b [u8],
    room: &'h mut [MaybeUninit<Header<'b>>],
) -> Result<Response<'h, 'b>, BadResponse> {
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, head, room)
        .map_err(refusal)?;
    if parsed != httparse::Status::Complete(head.len()) {
        return Err(BadResponse::Header);
    }
    let (Some(status @ 100..=599), Some(minor)) = (response.code, response.version) else {
        return Err(BadResponse::StatusLine);
    };
    let version = Version::of_minor(minor);
    let reason = response.reason.unwrap_or_default();
    let headers: &'h [Header<'b>] = response.headers;
    read_headers(status, reason, version, headers)
}

fn read_headers<'h, 'b>(
    status: u16,
    reason: &'b str,
    version: Version,
    headers: &'h [Header<'b>],
) -> Result<Response<'h, 'b>, BadResponse> {
    let (mut lengths, mut close, mut keep) = (Lengths::default(), false, false);
    let (mut lists, mut keep_alive_timeout) = (false, None);
    for header in headers {
        match known(header.name) {
            Some(Known::ContentLength) => {
                lengths.content_length(header.value).map_err(|_| BadResponse::Framing)?;
            }
            Some(Known::TransferEncoding) => {
                lengths.transfer_encoding(header.value).map_err(|_| BadResponse::Framing)?;
            }
            Some(Known::Connection) => {
                for option in elements(header.value) {
                    match option {
                        _ if option.eq_ignore_ascii_case("close") => close = true,
                        _ if option.eq_ignore_ascii_case("keep-alive") => keep = true,
                        _ => lists = true,
                    }
                }
            }
            Some(Known::KeepAlive) => keep_alive_timeout = timeout(header.value),
            _ => {}
        }
    }
    let lengths = lengths.check(version).map_err(|_| BadResponse::Framing)?;
    let keep_alive = (version >= Version::Http11 || keep) && !close;
    Ok(Response {
        status,
        reason,
        version,
        headers,
        lengths,
        keep_alive,
        lists,
        keep_alive_timeout,
        ended: false,
    })
}

/// The seconds of `Keep-Alive: timeout=5, max=100`.
fn timeout(value: &[u8]) -> Option<Duration> {
    let seconds = elements(value).find_map(|element| {
        let (name, value) = element.split_once('=')?;
        name.trim().eq_ignore_ascii_case("timeout").then_some(value.trim())
    })?;
    seconds.parse::<u32>().ok().map(|seconds| Duration::from_secs(u64::from(seconds)))
}

fn refusal(error: httparse::Error) -> BadResponse {
    match error {
        httparse::Error::TooManyHeaders => BadResponse::TooLarge,
        httparse::Error::HeaderName | httparse::Error::HeaderValue => BadResponse::Header,
        _ => BadResponse::StatusLine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(head: &str, to_head: bool) -> Result<(ResponseBody, bool), BadResponse> {
        let mut room = [const { MaybeUninit::uninit() }; 8];
        parse_response(head.as_bytes(), &mut room)
            .map(|response| (response.body(to_head), response.keep_alive))
    }

    #[test]
    fn bodies_end_as_the_rules_say() {
        let head = |line: &str, fields: &str| format!("HTTP/1.1 {line}\r\n{fields}\r\n");
        let cases = [
            (head("200 OK", "Content-Length: 5\r\n"), ResponseBody::Length(5)),
            (head("200 OK", "Content-Length: 0\r\n"), ResponseBody::None),
            (head("200 OK", "Transfer-Encoding: chunked\r\n"), ResponseBody::Chunked),
            (head("200 OK", ""), ResponseBody::Close),
            (head("204 No Content", "Content-Length: 5\r\n"), ResponseBody::None),
            (head("304 Not Modified", "Content-Length: 5\r\n"), ResponseBody::None),
            (head("103 Early Hints", ""), ResponseBody::None),
        ];
        for (text, expected) in cases {
            assert_eq!(body(&text, false), Ok((expected, true)), "{text}");
        }
        let answer = body("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true);
        assert_eq!(answer, Ok((ResponseBody::None, true)));
    }

    #[test]
    fn ambiguous_responses_are_refused() {
        for (head, reason) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
                BadResponse::Framing,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                BadResponse::Framing,
            ),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", BadResponse::Framing),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", BadResponse::Framing),
            ("HTTP/1.1 99 Odd\r\n\r\n", BadResponse::StatusLine),
            ("HTTP/1.1 600 Odd\r\n\r\n", BadResponse::StatusLine),
            ("HTTP/2 200 OK\r\n\r\n", BadResponse::StatusLine),
            ("ICY 200 OK\r\n\r\n", BadResponse::StatusLine),
            ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", BadResponse::Header),
            ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", BadResponse::Header),
        ] {
            assert_eq!(body(head, false), Err(reason), "{head}");
        }
    }

    #[test]
    fn the_backends_keep_alive_timeout_is_read() {
        assert_eq!(timeout(b"timeout=5, max=9"), Some(Duration::from_secs(5)));
        assert_eq!(timeout(b"max=9"), None);
        assert_eq!(timeout(b"timeout=-1"), None);
    }
}
