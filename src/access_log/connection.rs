//! One forwarded connection as one JSON line.

use std::net::SocketAddr;

use super::Line;
use super::entry::{address, key, number, some_text};
use crate::model::{ForwardEnded, UnixMillis};

/// What the access log says about one forwarded connection; everything is borrowed from it.
///
/// As with an [`Entry`](super::Entry), every key is always present and in this order:
///
/// ```json
/// {"time":"2026-11-21T02:27:04.123Z","listener":"db","client":"192.0.2.7","client_port":40312,
///  "protocol":"tcp","server_name":null,"route":"routes[0]","pool":"postgres","backend":"pg1","attempts":1,
///  "bytes_in":180,"bytes_out":512,"total_us":1830,"connect_us":210,"ended":"done"}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ConnectionEntry<'a> {
    /// When it was accepted.
    pub time: UnixMillis,
    /// The listener's name.
    pub listener: &'a str,
    /// The client.
    pub client: SocketAddr,
    /// `tcp`.
    pub protocol: &'a str,
    /// The server name of its TLS hello, where routes depend on it.
    pub server_name: Option<&'a str>,
    /// The route's name, if one took it.
    pub route: Option<&'a str>,
    /// The pool's name, if it came to one.
    pub pool: Option<&'a str>,
    /// The last backend tried, if any was.
    pub backend: Option<&'a str>,
    /// Backends tried.
    pub attempts: u32,
    /// Bytes that went from the client to the backend.
    pub bytes_in: u64,
    /// Bytes that went from the backend to the client.
    pub bytes_out: u64,
    /// From accept to the end, in microseconds.
    pub total_us: u64,
    /// How long opening the connection to the backend took, in microseconds; `None` = there is none.
    pub connect_us: Option<u64>,
    /// Why it ended.
    pub ended: ForwardEnded,
}

impl Line for ConnectionEntry<'_> {
    fn append(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":\"");
        out.extend_from_slice(&self.time.rfc3339());
        out.push(b'"');
        some_text(out, "listener", Some(self.listener.as_bytes()));
        key(out, "client");
        address(out, self.client.ip());
        let port = self.client.port();
        number(out, "client_port", (port != 0).then_some(port));
        some_text(out, "protocol", Some(self.protocol.as_bytes()));
        some_text(out, "server_name", self.server_name.map(str::as_bytes));
        some_text(out, "route", self.route.map(str::as_bytes));
        some_text(out, "pool", self.pool.map(str::as_bytes));
        some_text(out, "backend", self.backend.map(str::as_bytes));
        number(out, "attempts", Some(self.attempts));
        number(out, "bytes_in", Some(self.bytes_in));
        number(out, "bytes_out", Some(self.bytes_out));
        number(out, "total_us", Some(self.total_us));
        number(out, "connect_us", self.connect_us);
        some_text(out, "ended", Some(self.ended.name().as_bytes()));
        out.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_documented() {
        let entry = ConnectionEntry {
            time: UnixMillis(1_795_228_024_123),
            listener: "db",
            client: "192.0.2.7:40312".parse().unwrap(),
            protocol: "tcp",
            server_name: Some("a.example"),
            route: Some("routes[0]"),
            pool: Some("postgres"),
            backend: Some("pg1"),
            attempts: 1,
            bytes_in: 180,
            bytes_out: 512,
            total_us: 1830,
            connect_us: Some(210),
            ended: ForwardEnded::Done,
        };
        let expected = concat!(
            r#"{"time":"2026-11-21T02:27:04.123Z","listener":"db","client":"192.0.2.7","#,
            r#""client_port":40312,"protocol":"tcp","server_name":"a.example","route":"routes[0]","#,
            r#""pool":"postgres","#,
            r#""backend":"pg1","attempts":1,"bytes_in":180,"bytes_out":512,"total_us":1830,"#,
            r#""connect_us":210,"ended":"done"}"#,
        );
        let mut out = Vec::new();
        entry.append(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}\n"));
    }
}
