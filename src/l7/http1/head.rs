//! Finds the end of a head and parses it, each byte once.
//!
//! `httparse` starts from zero at every call and accepts a bare LF, so a dribbled head would cost
//! quadratic time and a smuggled newline would pass. [`HeadScan`] therefore looks for the end
//! incrementally and refuses any LF without its CR; only a whole head is parsed.

use std::mem::MaybeUninit;

use httparse::Header;

use crate::l7::version::Version;
use crate::model::BadRequest;

/// Finds the empty line that ends a head, remembering how far it has looked.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScan {
    /// Bytes looked at.
    seen: usize,
    /// Where the current line began.
    line: usize,
}

/// A LF that is not preceded by CR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BareNewline;

impl HeadScan {
    /// Looks at what is new in `bytes`, which must begin where it began at the last call.
    ///
    /// Returns the head's length, its final empty line included, once it is whole.
    ///
    /// # Errors
    /// A line ends in a bare LF.
    pub fn find_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, BareNewline> {
        for newline in memchr::memchr_iter(b'\n', &bytes[self.seen..]) {
            let at = self.seen + newline;
            if at == 0 || bytes[at - 1] != b'\r' {
                return Err(BareNewline);
            }
            if at - 1 == self.line {
                return Ok(Some(at + 1));
            }
            self.line = at + 1;
        }
        self.seen = bytes.len();
        Ok(None)
    }
}

/// A request head, borrowed from the bytes it came in.
#[derive(Debug)]
pub struct Request<'h, 'b> {
    /// The method, a token.
    pub method: &'b str,
    /// The authority that is asked, where the protocol names it beside the target.
    pub authority: Option<&'b str>,
    /// The target as sent: visible ASCII.
    pub target: &'b str,
    /// The version.
    pub version: Version,
    /// The header fields in order; names are tokens, values free of control characters.
    pub headers: &'h [Header<'b>],
}

/// Parses a whole head (as found by [`HeadScan`]) into `room`, which bounds the field count.
///
/// # Errors
/// The head is not one by RFC 9112 §3 and §5.
pub fn parse_request<'h, 'b>(
    head: &'b [u8],
    room: &'h mut [MaybeUninit<Header<'b>>],
) -> Result<Request<'h, 'b>, BadRequest> {
    let mut request = httparse::Request::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_request_with_uninit_headers(&mut request, head, room)
        .map_err(|error| refusal(error, head))?;
    if parsed != httparse::Status::Complete(head.len()) {
        return Err(BadRequest::Header);
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(BadRequest::RequestLine);
    };
    if !target.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(BadRequest::Target);
    }
    let version = Version::of_minor(minor);
    let authority = None;
    Ok(Request { method, authority, target, version, headers: request.headers })
}

fn refusal(error: httparse::Error, head: &[u8]) -> BadRequest {
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => BadRequest::Header,
        httparse::Error::NewLine => BadRequest::BareNewline,
        httparse::Error::TooManyHeaders => BadRequest::TooManyHeaders,
        httparse::Error::Version if names_a_version(head) => BadRequest::Version,
        httparse::Error::Version => BadRequest::RequestLine,
        httparse::Error::Token | httparse::Error::Status => BadRequest::RequestLine,
    }
}

/// Is the request line's third and last word an HTTP version, though one that is not served?
fn names_a_version(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').skip(2);
    words.next().is_some_and(|word| word.starts_with(b"HTTP/")) && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &[u8]) -> Result<(String, usize), BadRequest> {
        let mut room = [const { MaybeUninit::uninit() }; 8];
        parse_request(head, &mut room)
            .map(|r| (format!("{} {}", r.method, r.target), r.headers.len()))
    }

    #[test]
    fn a_dribbled_head_is_found_at_its_last_byte() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut scan = HeadScan::default();
        for end in 0..head.len() {
            assert_eq!(scan.find_end(&head[..end]), Ok(None), "at {end}");
        }
        assert_eq!(scan.find_end(head), Ok(Some(head.len())));
    }

    #[test]
    fn what_follows_the_head_is_not_part_of_it() {
        let mut scan = HeadScan::default();
        assert_eq!(scan.find_end(b"GET / HTTP/1.1\r\n\r\nbody\n\n"), Ok(Some(18)));
    }

    #[test]
    fn bare_newlines_are_refused() {
        for head in [&b"GET / HTTP/1.1\nHost: a\r\n\r\n"[..], b"\n", b"GET / HTTP/1.1\r\n\n"] {
            assert_eq!(HeadScan::default().find_end(head), Err(BareNewline));
        }
    }

    #[test]
    fn heads_out_of_grammar_are_refused_by_reason() {
        let cases: [(&[u8], BadRequest); 12] = [
            (b"GET  / HTTP/1.1\r\n\r\n", BadRequest::RequestLine),
            (b"GE(T / HTTP/1.1\r\n\r\n", BadRequest::RequestLine),
            (b"GET / HTTP/2.0\r\n\r\n", BadRequest::Version),
            (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", BadRequest::Header),
            (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", BadRequest::Header),
            (b"GET / HTTP/1.1\r\nA: b\x01\r\n\r\n", BadRequest::Header),
            (b"GET / HTTP/1.1\r\nA: b\0\r\n\r\n", BadRequest::Header),
            (b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", BadRequest::Header),
            (b"GET / HTTP/1.1\r\nA\x7f: b\r\n\r\n", BadRequest::Header),
            (b"GET / HTTP/1.1\r\n: b\r\n\r\n", BadRequest::Header),
            (b"GET /\xc3\xa4 HTTP/1.1\r\n\r\n", BadRequest::Target),
            (
                b"GET / HTTP/1.1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\n\r\n",
                BadRequest::TooManyHeaders,
            ),
        ];
        for (head, reason) in cases {
            assert_eq!(parse(head), Err(reason), "{}", head.escape_ascii());
        }
        assert_eq!(parse(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(("GET /x".into(), 1)));
    }
}
