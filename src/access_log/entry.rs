//! One request as one JSON line.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use super::text;
use crate::model::{Ended, UnixMillis};

/// The longest line an [`Entry`] can make, its newline included, in bytes.
pub const MAX_LINE_BYTES: usize = 12 * 1024;

/// What the access log says about one exchange; everything is borrowed from the exchange.
///
/// A line is one JSON object with every key always present, in this order, `null` where there is
/// nothing to say:
///
/// ```json
/// {"time":"2026-11-21T02:27:04.123Z","listener":"web","client":"192.0.2.7","client_port":40312,
///  "request_id":"5b1f","method":"GET","host":"example.com","path":"/a?b=c","protocol":"HTTP/1.1",
///  "route":"api","pool":"api","backend":"a1","status":200,"attempts":1,"retried_after":null,
///  "bytes_in":0,"bytes_out":512,"total_us":1830,"connect_us":null,"first_byte_us":1702,
///  "queued_us":null,"ended":"done","user_agent":"curl/8.5.0"}
/// ```
///
/// Each text takes at most 1,024 bytes ([`MAX_TEXT_BYTES`](super::MAX_TEXT_BYTES)) of the line and
/// ends in `…` when it was cut. An invalid UTF-8 byte is shown as `\xNN` and a backslash as `\\`
/// (both once more escaped for JSON); control characters and those that reorder text as `\uNNNN`.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When the request's first byte arrived.
    pub time: UnixMillis,
    /// The listener's name.
    pub listener: &'a str,
    /// The client; behind trusted proxies the one they name, with port 0 (shown as `null`) where
    /// they name none.
    pub client: SocketAddr,
    /// The request id, as forwarded.
    pub request_id: &'a [u8],
    /// The method, as received.
    pub method: &'a [u8],
    /// The host, as received; empty = none.
    pub host: &'a [u8],
    /// The target, as received.
    pub path: &'a [u8],
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub protocol: &'a str,
    /// The route's name, if one matched.
    pub route: Option<&'a str>,
    /// The pool's name, if the route leads to one.
    pub pool: Option<&'a str>,
    /// The last backend tried, if any was.
    pub backend: Option<&'a str>,
    /// The final status sent to the client; 0 = none was (shown as `null`).
    pub status: u16,
    /// Tries sent to backends.
    pub attempts: u32,
    /// Why the try before the last one ended, if there was one.
    pub retried_after: Option<Ended>,
    /// Body bytes received from the client.
    pub bytes_in: u64,
    /// Body bytes sent to the client.
    pub bytes_out: u64,
    /// From the request's first byte to the exchange's end, in microseconds.
    pub total_us: u64,
    /// How long opening the upstream connection took, in microseconds; `None` = one was reused.
    pub connect_us: Option<u64>,
    /// From the last try sent to its response's first byte, in microseconds.
    pub first_byte_us: Option<u64>,
    /// How long it waited for a place on its route, in its pool or at a backend, in microseconds;
    /// `None` = it did not.
    pub queued_us: Option<u64>,
    /// Why the exchange ended.
    pub ended: Ended,
    /// The `User-Agent` header, if there was one.
    pub user_agent: Option<&'a [u8]>,
}

/// What is one line of the log.
pub trait Line {
    /// Appends the line and its newline: at most [`MAX_LINE_BYTES`].
    fn append(&self, out: &mut Vec<u8>);
}

impl Line for Entry<'_> {
    fn append(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":\"");
        out.extend_from_slice(&self.time.rfc3339());
        out.push(b'"');
        self.append_request(out);
        self.append_routing(out);
        self.append_outcome(out);
        out.extend_from_slice(b"}\n");
    }
}

impl Entry<'_> {
    fn append_request(&self, out: &mut Vec<u8>) {
        some_text(out, "listener", Some(self.listener.as_bytes()));
        key(out, "client");
        address(out, self.client.ip());
        let port = self.client.port();
        number(out, "client_port", (port != 0).then_some(port));
        some_text(out, "request_id", Some(self.request_id));
        some_text(out, "method", Some(self.method));
        some_text(out, "host", Some(self.host));
        some_text(out, "path", Some(self.path));
        some_text(out, "protocol", Some(self.protocol.as_bytes()));
    }

    fn append_routing(&self, out: &mut Vec<u8>) {
        some_text(out, "route", self.route.map(str::as_bytes));
        some_text(out, "pool", self.pool.map(str::as_bytes));
        some_text(out, "backend", self.backend.map(str::as_bytes));
        number(out, "status", (self.status != 0).then_some(self.status));
        number(out, "attempts", Some(self.attempts));
        some_text(out, "retried_after", self.retried_after.map(|why| why.name().as_bytes()));
    }

    fn append_outcome(&self, out: &mut Vec<u8>) {
        number(out, "bytes_in", Some(self.bytes_in));
        number(out, "bytes_out", Some(self.bytes_out));
        number(out, "total_us", Some(self.total_us));
        number(out, "connect_us", self.connect_us);
        number(out, "first_byte_us", self.first_byte_us);
        number(out, "queued_us", self.queued_us);
        some_text(out, "ended", Some(self.ended.name().as_bytes()));
        some_text(out, "user_agent", self.user_agent);
    }
}

/// Appends `,"name":`.
pub(super) fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

pub(super) fn some_text(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    key(out, name);
    match value {
        Some(bytes) => text::append(out, bytes),
        None => out.extend_from_slice(b"null"),
    }
}

pub(super) fn number(out: &mut Vec<u8>, name: &str, value: Option<impl itoa::Integer>) {
    key(out, name);
    match value {
        Some(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
}

/// An address in quotes; IPv4, the common case, without the formatting machinery.
pub(super) fn address(out: &mut Vec<u8>, ip: IpAddr) {
    out.push(b'"');
    match ip {
        IpAddr::V4(v4) => {
            for (index, octet) in v4.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                out.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
            }
        }
        // Writing to a Vec cannot fail.
        IpAddr::V6(v6) => drop(write!(out, "{v6}")),
    }
    out.push(b'"');
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::access_log) fn sample() -> Entry<'static> {
        Entry {
            time: UnixMillis(1_795_228_024_123),
            listener: "web",
            client: "192.0.2.7:40312".parse().unwrap(),
            request_id: b"5b1f",
            method: b"GET",
            host: b"example.com",
            path: b"/a?b=c",
            protocol: "HTTP/1.1",
            route: Some("api"),
            pool: Some("api"),
            backend: Some("a1"),
            status: 200,
            attempts: 1,
            retried_after: None,
            bytes_in: 0,
            bytes_out: 512,
            total_us: 1830,
            connect_us: None,
            first_byte_us: Some(1702),
            queued_us: None,
            ended: Ended::Done,
            user_agent: Some(b"curl/8.5.0"),
        }
    }

    fn line(entry: &Entry<'_>) -> String {
        let mut out = Vec::new();
        entry.append(&mut out);
        assert_eq!(out.pop(), Some(b'\n'));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_as_documented() {
        let expected = concat!(
            r#"{"time":"2026-11-21T02:27:04.123Z","listener":"web","client":"192.0.2.7","#,
            r#""client_port":40312,"request_id":"5b1f","method":"GET","host":"example.com","#,
            r#""path":"/a?b=c","protocol":"HTTP/1.1","route":"api","pool":"api","backend":"a1","#,
            r#""status":200,"attempts":1,"retried_after":null,"bytes_in":0,"#,
            r#""bytes_out":512,"total_us":1830,"connect_us":null,"first_byte_us":1702,"queued_us":null,"ended":"done","user_agent":"curl/8.5.0"}"#,
        );
        assert_eq!(line(&sample()), expected);
    }

    #[test]
    fn what_is_absent_is_null() {
        let entry = Entry {
            client: "[2001:db8::1]:0".parse().unwrap(),
            route: None,
            pool: None,
            backend: None,
            status: 0,
            first_byte_us: None,
            queued_us: None,
            user_agent: None,
            ..sample()
        };
        let parsed: serde_json::Value = serde_json::from_str(&line(&entry)).unwrap();
        assert_eq!(parsed["client"], "2001:db8::1");
        for name in
            ["client_port", "route", "pool", "backend", "status", "first_byte_us", "user_agent"]
        {
            assert!(parsed[name].is_null(), "{name}");
        }
    }

    #[test]
    fn the_longest_line_keeps_its_bound_and_stays_valid() {
        let hostile = [0xff; 9000];
        let name = "\u{202e}".repeat(3000);
        let entry = Entry {
            listener: &name,
            client: "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535".parse().unwrap(),
            request_id: &hostile,
            method: &hostile,
            host: &hostile,
            path: &hostile,
            protocol: &name,
            route: Some(&name),
            pool: Some(&name),
            backend: Some(&name),
            status: u16::MAX,
            attempts: u32::MAX,
            retried_after: Some(Ended::UpstreamTimeout),
            bytes_in: u64::MAX,
            bytes_out: u64::MAX,
            total_us: u64::MAX,
            connect_us: Some(u64::MAX),
            first_byte_us: Some(u64::MAX),
            queued_us: Some(u64::MAX),
            user_agent: Some(&hostile),
            ..sample()
        };
        let line = line(&entry);
        assert!(line.len() < MAX_LINE_BYTES, "{}", line.len());
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(parsed["path"].as_str().unwrap().starts_with(r"\xff\xff"));
        assert_eq!(line.lines().count(), 1);
    }
}
