//! What the head of a stream means, read so strictly that HTTP/1.1 says the same.
//!
//! The frame layer has refused what is no head at all: pseudo-headers that are missing, repeated or
//! out of place, names with capitals, control characters in values, headers about the connection. What
//! is left to refuse is what HTTP/1.1 would read differently (RFC 9113 §8.2, §8.3, §10.3).

use crate::l7::headers::{Known, Lengths, known};
use crate::l7::http1::{Body, Facts, Request};
use crate::model::BadRequest;
use crate::table::normalise_host;

/// What is known of a head beside its fields.
#[derive(Clone, Copy)]
pub(super) struct Head<'b> {
    /// The stream ends with it: there is no body.
    pub(super) ended: bool,
    /// Fields it may have.
    pub(super) fields_max: usize,
    /// What an extended CONNECT asks for (RFC 8441 §4), if it is one.
    pub(super) protocol: Option<&'b str>,
}

/// Reads the meaning of a head.
pub(super) fn facts<'b>(
    request: &Request<'_, 'b>,
    head: Head<'b>,
) -> Result<Facts<'b>, BadRequest> {
    if request.headers.len() > head.fields_max {
        return Err(BadRequest::TooManyHeaders);
    }
    if request.method == "CONNECT" || (head.protocol.is_some() && head.ended) {
        return Err(BadRequest::Method);
    }
    let (path, query) = split(request.method, request.target)?;
    let mut found = Found::default();
    for field in request.headers {
        found.take(field.name, field.value)?;
    }
    let authority = match (request.authority, found.host) {
        (Some(authority), Some(host)) if !authority.as_bytes().eq_ignore_ascii_case(host) => {
            return Err(BadRequest::Host);
        }
        (Some(authority), _) => authority,
        (None, Some(host)) => std::str::from_utf8(host).map_err(|_| BadRequest::Host)?,
        (None, None) => return Err(BadRequest::Host),
    };
    normalise_host(authority.as_bytes(), &mut String::new()).map_err(|_| BadRequest::Host)?;
    let body = match (head.ended, found.lengths.content_length) {
        // What follows belongs to the other protocol.
        (_, None) if head.protocol.is_some() => Body::None,
        _ if head.protocol.is_some() => return Err(BadRequest::ContentLength),
        (true, Some(1..)) => return Err(BadRequest::ContentLength),
        (true, _) | (false, Some(0)) => Body::None,
        (false, Some(length)) => Body::Length(length),
        (false, None) => Body::Stream,
    };
    Ok(Facts {
        authority: Some(authority),
        path,
        query,
        body,
        keep_alive: true,
        expect_continue: found.expect_continue && body != Body::None,
        upgrade: head.protocol.map(str::as_bytes),
        is_connect: head.protocol.is_some(),
        lists: false,
    })
}

#[derive(Default)]
struct Found<'b> {
    host: Option<&'b [u8]>,
    lengths: Lengths,
    expect_continue: bool,
}

impl<'b> Found<'b> {
    fn take(&mut self, name: &str, value: &'b [u8]) -> Result<(), BadRequest> {
        let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        if blank(value.first()) || blank(value.last()) {
            return Err(BadRequest::Header);
        }
        match known(name) {
            Some(Known::Host) if self.host.is_some() => return Err(BadRequest::Host),
            Some(Known::Host) => self.host = Some(value),
            Some(Known::ContentLength) => {
                let taken = self.lengths.content_length(value);
                taken.map_err(|_| BadRequest::ContentLength)?;
            }
            Some(Known::Expect) if value.eq_ignore_ascii_case(b"100-continue") => {
                self.expect_continue = true;
            }
            Some(Known::Expect) => return Err(BadRequest::Expectation),
            // They are about a connection, and this request has none of its own.
            Some(
                Known::Connection | Known::KeepAlive | Known::TransferEncoding | Known::Upgrade,
            ) => return Err(BadRequest::Header),
            _ => {}
        }
        Ok(())
    }
}

/// Splits `:path` into path and query.
fn split<'b>(method: &str, target: &'b str) -> Result<(&'b str, &'b str), BadRequest> {
    if target == "*" && method == "OPTIONS" {
        return Ok(("*", ""));
    }
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !target.starts_with('/') || !target.bytes().all(plain) {
        return Err(BadRequest::Target);
    }
    Ok(target.split_at(memchr::memchr(b'?', target.as_bytes()).unwrap_or(target.len())))
}

#[cfg(test)]
mod tests {
    use httparse::Header;

    use super::*;
    use crate::l7::version::Version;

    fn read(
        target: &str,
        authority: Option<&str>,
        fields: &[(&str, &str)],
        ended: bool,
    ) -> Result<String, BadRequest> {
        let fields: Vec<Header<'_>> =
            fields.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        let (method, version) = ("POST", Version::Http2);
        let request = Request { method, authority, target, version, headers: &fields };
        let facts = facts(&request, Head { ended, fields_max: 4, protocol: None })?;
        let authority = facts.authority.unwrap_or_default();
        Ok(format!("{authority} {} {} {:?}", facts.path, facts.query, facts.body))
    }

    #[test]
    fn a_body_is_as_long_as_its_head_or_its_stream_says() {
        let body = |fields: &[_], ended| read("/a?b", Some("h"), fields, ended);
        assert_eq!(body(&[], true).as_deref(), Ok("h /a ?b None"));
        assert_eq!(body(&[], false).as_deref(), Ok("h /a ?b Stream"));
        assert_eq!(body(&[("content-length", "3")], false).as_deref(), Ok("h /a ?b Length(3)"));
        assert_eq!(body(&[("content-length", "0")], false).as_deref(), Ok("h /a ?b None"));
        for (fields, ended) in [
            (&[("content-length", "3")][..], true),
            (&[("content-length", "+3")], false),
            (&[("content-length", "3"), ("content-length", "3")], false),
        ] {
            assert_eq!(body(fields, ended), Err(BadRequest::ContentLength), "{fields:?}");
        }
    }

    #[test]
    fn there_is_one_authority() {
        let host = |authority, fields: &[_]| read("/", authority, fields, true);
        assert_eq!(host(None, &[("host", "a")]).as_deref(), Ok("a /  None"));
        assert_eq!(host(Some("A"), &[("host", "a")]).as_deref(), Ok("A /  None"));
        for (authority, fields) in [
            (None, &[][..]),
            (Some("a"), &[("host", "b")]),
            (Some("a"), &[("host", "a:80")]),
            (Some("user@a"), &[]),
            (None, &[("host", "a"), ("host", "a")]),
            (None, &[("host", "")]),
        ] {
            assert_eq!(host(authority, fields), Err(BadRequest::Host), "{authority:?} {fields:?}");
        }
    }

    #[test]
    fn what_a_connection_of_http1_would_read_is_refused() {
        for (name, value) in [
            ("connection", "close"),
            ("connection", "x-forwarded-for"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("keep-alive", "timeout=5"),
            ("x-a", " padded"),
            ("x-a", "padded\t"),
        ] {
            let read = read("/", Some("h"), &[(name, value)], true);
            assert_eq!(read, Err(BadRequest::Header), "{name}: {value}");
        }
        for target in ["", "*", "a", "http://h/", "/a b", "/a#b", "/\u{e4}"] {
            assert_eq!(read(target, Some("h"), &[], true), Err(BadRequest::Target), "{target}");
        }
        let many = [("a", "b"); 5];
        assert_eq!(read("/", Some("h"), &many, true), Err(BadRequest::TooManyHeaders));
    }
}
