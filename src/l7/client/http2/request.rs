//! A request as HTTP/1.1 writes it, read back to be sent as a stream.
//!
//! Every request is written once and held in that one form: whichever backend a try goes to, and
//! whatever that one speaks. What is read here was written by this proxy, so nothing in it is in doubt
//! but whether HTTP/2 can say it, too.

use std::io;

use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{HeaderMap, Method, Request, Uri};

use crate::l7::chunked::{Decoder, Step, trailers};
use crate::l7::headers::{Known, known};
use crate::l7::http1::{self, HeadScan, facts, parse_request};
use crate::l7::http2::fields;
use crate::model::BadRequest;

/// What is still to come of a request's body.
#[derive(Debug)]
pub(super) enum Body {
    Length(u64),
    Chunked(Decoder),
    Over,
}

/// The next of a body.
pub(super) struct Next<'b> {
    /// To be sent.
    pub(super) data: &'b [u8],
    /// It ends there, with these trailers.
    pub(super) end: Option<HeaderMap>,
    /// What follows.
    pub(super) rest: &'b [u8],
}

/// Reads the head that `bytes` begin with; says what follows it, and where.
///
/// # Errors
/// HTTP/2 cannot say it.
pub(super) fn head(bytes: &[u8], secure: bool) -> Result<(Request<()>, Body, &[u8]), BadRequest> {
    let end = HeadScan::default().find_end(bytes).ok().flatten().ok_or(BadRequest::Header)?;
    let (head, rest) = bytes.split_at(end);
    let mut room = Vec::new();
    room.resize_with(memchr::memchr_iter(b'\n', head).count(), std::mem::MaybeUninit::uninit);
    let parsed = parse_request(head, &mut room)?;
    let facts = facts(&parsed)?;
    let body = match facts.body {
        http1::Body::Length(length) => Body::Length(length),
        http1::Body::Chunked => Body::Chunked(Decoder::default()),
        http1::Body::None | http1::Body::Stream => Body::Over,
    };
    let mut request = Request::new(());
    *request.method_mut() =
        Method::from_bytes(parsed.method.as_bytes()).map_err(|_| BadRequest::Method)?;
    *request.uri_mut() = uri(facts.authority.unwrap_or_default(), parsed.target, secure)?;
    *request.headers_mut() = fields(|put| {
        for field in parsed.headers.iter().filter(|field| passes(field.name)) {
            put(field.name, field.value);
        }
    });
    Ok((request, body, rest))
}

fn passes(name: &str) -> bool {
    match known(name) {
        // The first is told beside the fields, the others are about an HTTP/1.1 connection.
        Some(
            Known::Host
            | Known::Connection
            | Known::TransferEncoding
            | Known::Upgrade
            | Known::KeepAlive,
        ) => false,
        Some(Known::Hop) => name.eq_ignore_ascii_case("te"),
        _ => true,
    }
}

fn uri(authority: &str, target: &str, secure: bool) -> Result<Uri, BadRequest> {
    let authority = Authority::try_from(authority).map_err(|_| BadRequest::Host)?;
    let target = PathAndQuery::try_from(target).map_err(|_| BadRequest::Target)?;
    let scheme = if secure { Scheme::HTTPS } else { Scheme::HTTP };
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(target);
    uri.build().map_err(|_| BadRequest::Target)
}

impl Body {
    /// Takes the next piece of data, and the end if it follows at once.
    ///
    /// # Errors
    /// These are no bytes of the body.
    pub(super) fn next<'b>(&mut self, bytes: &'b [u8]) -> io::Result<Next<'b>> {
        let next = match self {
            Self::Length(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= n as u64;
                let (data, rest) = bytes.split_at(n);
                Next { data, end: (*left == 0).then(HeaderMap::new), rest }
            }
            Self::Chunked(decoder) => chunk(decoder, bytes)?,
            Self::Over => return Err(io::ErrorKind::InvalidInput.into()),
        };
        if next.end.is_some() {
            *self = Self::Over;
        }
        Ok(next)
    }
}

fn chunk<'b>(decoder: &mut Decoder, bytes: &'b [u8]) -> io::Result<Next<'b>> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let (mut data, mut at) = (&bytes[..0], 0);
    loop {
        let mut ahead = *decoder;
        let step = ahead.step(&bytes[at..]).map_err(|_| invalid())?;
        let (n, end) = match step {
            Step::Data(_) if !data.is_empty() => break,
            // Only whole chunks are written.
            Step::More if at < bytes.len() => return Err(invalid()),
            Step::More => break,
            Step::Framing(n) => (n, false),
            Step::Data(n) => {
                data = &bytes[at..at + n];
                (n, false)
            }
            Step::End(n) => (n, true),
        };
        *decoder = ahead;
        let piece = &bytes[at..at + n];
        at += n;
        if end {
            let fields = fields(|put| trailers(piece, put));
            return Ok(Next { data, end: Some(fields), rest: &bytes[at..] });
        }
    }
    Ok(Next { data, end: None, rest: &bytes[at..] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, BadRequest> {
        let (request, body, rest) = head(text.as_bytes(), false)?;
        let fields: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let (method, uri) = (request.method(), request.uri());
        Ok(format!("{method} {uri} [{}] {body:?} {}", fields.join(" "), rest.len()))
    }

    #[test]
    fn a_head_says_the_same_without_its_connection() {
        let text = "PUT /a?b HTTP/1.1\r\nHost: x:80\r\nX-Env: dev\r\nTE: trailers\r\n\
                    Content-Length: 3\r\n\r\nabc";
        let told = "PUT http://x:80/a?b [x-env=dev te=trailers content-length=3] Length(3) 3";
        assert_eq!(shown(text).as_deref(), Ok(told));
        let text = "OPTIONS * HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(shown(text).unwrap().starts_with("OPTIONS http://x* [] Chunked"), "{text}");
    }

    #[test]
    fn what_http2_cannot_say_is_refused() {
        let target = "GET /a<b> HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(shown(target), Err(BadRequest::Target));
        let host = "GET / HTTP/1.1\r\nHost: x y\r\n\r\n";
        assert_eq!(shown(host), Err(BadRequest::Host));
    }

    /// Takes a body apart: its pieces, joined by `|`, and its trailers.
    fn pieces(mut body: Body, bytes: &[u8]) -> (String, Option<usize>) {
        let (mut rest, mut said, mut end) = (bytes, Vec::new(), None);
        while !rest.is_empty() {
            let next = body.next(rest).unwrap();
            said.push(String::from_utf8_lossy(next.data).into_owned());
            end = next.end.map(|fields| fields.len());
            rest = next.rest;
        }
        (said.join("|"), end)
    }

    #[test]
    fn a_bodys_end_comes_with_its_last_piece() {
        let chunked = || Body::Chunked(Decoder::default());
        assert_eq!(pieces(Body::Length(5), b"hello"), ("hello".to_owned(), Some(0)));
        assert_eq!(pieces(Body::Length(6), b"hello"), ("hello".to_owned(), None));
        let all = b"2\r\nhe\r\n3\r\nllo\r\n0\r\nx-sum: 1\r\n\r\n";
        assert_eq!(pieces(chunked(), all), ("he|llo".to_owned(), Some(1)));
        assert_eq!(pieces(chunked(), b"2\r\nhe\r\n"), ("he".to_owned(), None));
        assert_eq!(pieces(chunked(), b"0\r\n\r\n"), (String::new(), Some(0)));
    }
}
