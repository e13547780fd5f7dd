//! What a request head means: its target, where its body ends, and what becomes of the connection.

use crate::l7::headers::{FramingError, Known, Lengths, OPTIONS_MAX, elements, known};
use crate::l7::version::Version;
use crate::model::BadRequest;
use crate::table::normalise_host;

use super::Request;

/// Where a message's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// After this many bytes, at least one.
    Length(u64),
    /// At the last chunk.
    Chunked,
    /// At the end of its stream, where the protocol has streams.
    Stream,
}

/// What a request head means.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'b> {
    /// The authority asked for: of an absolute-form target, else of `Host`; `None` only for
    /// HTTP/1.0.
    pub authority: Option<&'b str>,
    /// The target's path, not normalised; `*` for the asterisk form.
    pub path: &'b str,
    /// The target's query, with its `?`; else empty.
    pub query: &'b str,
    /// Where the body ends.
    pub body: Body,
    /// The client can take another response on this connection.
    pub keep_alive: bool,
    /// The client waits for `100 Continue` before it sends its body.
    pub expect_continue: bool,
    /// The protocols of `Upgrade`, if the connection asks for one.
    pub upgrade: Option<&'b [u8]>,
    /// It is an extended CONNECT: another protocol, or nothing.
    pub is_connect: bool,
    /// `Connection` names headers, which are not passed on.
    pub(crate) lists: bool,
}

/// Reads the meaning of a request head.
///
/// # Errors
/// The head is ambiguous or asks for what is not served.
pub fn facts<'b>(request: &Request<'_, 'b>) -> Result<Facts<'b>, BadRequest> {
    if request.method == "CONNECT" {
        return Err(BadRequest::Method);
    }
    let (authority, path, query) = split_target(request.method, request.target)?;
    let mut found = Found::default();
    for header in request.headers {
        if let Some(name) = known(header.name) {
            found.take(name, header.value)?;
        }
    }
    let modern = request.version >= Version::Http11;
    let lengths = found.lengths.check(request.version).map_err(framing)?;
    let host = found.host.map(std::str::from_utf8).transpose().map_err(|_| BadRequest::Host)?;
    if host.is_none() && modern {
        return Err(BadRequest::Host);
    }
    // A `Host` that the target overrules must still be one.
    if authority.is_some()
        && let Some(host) = host
    {
        normalise_host(host.as_bytes(), &mut String::new()).map_err(|_| BadRequest::Host)?;
    }
    let body = match lengths {
        Lengths { chunked: true, .. } => Body::Chunked,
        Lengths { content_length: Some(n @ 1..), .. } => Body::Length(n),
        _ => Body::None,
    };
    let persistent = modern || found.keep_alive;
    Ok(Facts {
        authority: authority.or(host),
        path,
        query,
        body,
        keep_alive: persistent && !found.close,
        expect_continue: found.expect_continue && modern && body != Body::None,
        upgrade: found.upgrade.filter(|_| found.upgrade_listed && body == Body::None && modern),
        is_connect: false,
        lists: found.lists,
    })
}

#[derive(Default)]
struct Found<'b> {
    host: Option<&'b [u8]>,
    lengths: Lengths,
    close: bool,
    keep_alive: bool,
    upgrade_listed: bool,
    upgrade: Option<&'b [u8]>,
    expect_continue: bool,
    options: usize,
    lists: bool,
}

impl<'b> Found<'b> {
    fn take(&mut self, name: Known, value: &'b [u8]) -> Result<(), BadRequest> {
        match name {
            Known::Host if self.host.is_some() => return Err(BadRequest::Host),
            Known::Host => self.host = Some(value),
            Known::ContentLength => self.lengths.content_length(value).map_err(framing)?,
            Known::TransferEncoding => self.lengths.transfer_encoding(value).map_err(framing)?,
            Known::Connection => self.connection(value)?,
            Known::Upgrade => self.upgrade = Some(value),
            Known::Expect if value.eq_ignore_ascii_case(b"100-continue") => {
                self.expect_continue = true;
            }
            Known::Expect => return Err(BadRequest::Expectation),
            _ => {}
        }
        Ok(())
    }

    fn connection(&mut self, value: &'b [u8]) -> Result<(), BadRequest> {
        for option in elements(value) {
            self.options += 1;
            // More than anyone has reason to send.
            if self.options > OPTIONS_MAX {
                return Err(BadRequest::Header);
            }
            if option.eq_ignore_ascii_case("close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case("keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case("upgrade") {
                self.upgrade_listed = true;
            } else {
                self.lists = true;
            }
        }
        Ok(())
    }
}

/// Splits a target into authority (absolute form only), path and query (RFC 9112 §3.2).
fn split_target<'b>(
    method: &str,
    target: &'b str,
) -> Result<(Option<&'b str>, &'b str, &'b str), BadRequest> {
    if target == "*" {
        return if method == "OPTIONS" { Ok((None, "*", "")) } else { Err(BadRequest::Target) };
    }
    if memchr::memchr(b'#', target.as_bytes()).is_some() {
        return Err(BadRequest::Target);
    }
    if target.starts_with('/') {
        let (path, query) = split_query(target);
        return Ok((None, path, query));
    }
    let rest = strip_scheme(target).ok_or(BadRequest::Target)?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (path, query) = split_query(rest);
    Ok((Some(authority), if path.is_empty() { "/" } else { path }, query))
}

fn split_query(target: &str) -> (&str, &str) {
    target.split_at(memchr::memchr(b'?', target.as_bytes()).unwrap_or(target.len()))
}

fn strip_scheme(target: &str) -> Option<&str> {
    ["http://", "https://"].iter().find_map(|scheme| {
        let start = target.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &target[scheme.len()..])
    })
}

fn framing(error: FramingError) -> BadRequest {
    match error {
        FramingError::ContentLength => BadRequest::ContentLength,
        FramingError::TransferEncoding => BadRequest::TransferEncoding,
        FramingError::Both => BadRequest::LengthAndCoding,
    }
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use super::*;
    use crate::l7::http1::parse_request;

    fn check<T>(head: &str, look: impl FnOnce(Facts<'_>) -> T) -> Result<T, BadRequest> {
        let mut room = [const { MaybeUninit::uninit() }; 16];
        let request = parse_request(head.as_bytes(), &mut room)?;
        facts(&request).map(look)
    }

    fn with(lines: &str) -> String {
        format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
    }

    #[test]
    fn contradicting_framing_is_refused() {
        use BadRequest::{ContentLength, LengthAndCoding, TransferEncoding};
        for (lines, reason) in [
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", LengthAndCoding),
            ("Content-Length: 1\r\nContent-Length: 1\r\n", ContentLength),
            ("Content-Length: 1, 1\r\n", ContentLength),
            ("Transfer-Encoding: gzip, chunked\r\n", TransferEncoding),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", TransferEncoding),
        ] {
            assert_eq!(check(&with(lines), |_| ()), Err(reason), "{lines}");
        }
        let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(check(old, |_| ()), Err(TransferEncoding));
    }

    #[test]
    fn host_is_there_once() {
        assert_eq!(check("GET / HTTP/1.1\r\n\r\n", |_| ()), Err(BadRequest::Host));
        assert_eq!(check(&with("Host: b\r\n"), |_| ()), Err(BadRequest::Host));
        assert_eq!(check("GET / HTTP/1.0\r\n\r\n", |f| f.authority.is_none()), Ok(true));
    }

    #[test]
    fn targets_are_split() {
        let parts = |target: &str| {
            check(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"), |facts| {
                let authority = facts.authority.unwrap_or_default();
                format!("{authority} {} {}", facts.path, facts.query)
            })
        };
        assert_eq!(parts("/a?b?c").as_deref(), Ok("h /a ?b?c"));
        assert_eq!(parts("http://x:1/a").as_deref(), Ok("x:1 /a "));
        assert_eq!(parts("HTTPS://x?q").as_deref(), Ok("x / ?q"));
        for target in ["*", "a", "ftp://x/", "/a#b", "x:443"] {
            assert_eq!(parts(target), Err(BadRequest::Target), "{target}");
        }
    }

    #[test]
    fn the_connection_ends_when_either_side_says_so() {
        let keeps = |head: &str| check(head, |facts| facts.keep_alive).unwrap();
        assert!(keeps(&with("")));
        assert!(!keeps(&with("Connection: x, Close\r\n")));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    }

    #[test]
    fn other_expectations_are_refused() {
        let head = with("Content-Length: 1\r\nExpect: 100-continue\r\n");
        assert_eq!(check(&head, |facts| facts.expect_continue), Ok(true));
        assert_eq!(check(&with("Expect: x\r\n"), |_| ()), Err(BadRequest::Expectation));
    }
}
