//! A listener: where clients connect, and what they may do there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::{Clients, ProxyHeaders, RateLimit, Route, Tcp, TlsTermination, Udp};
use crate::model::Transport;

/// Where clients connect.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Unique in the config.
    pub name: Arc<str>,
    /// At least one address; port 0 = any free port, the same for all workers.
    pub bind: Vec<SocketAddr>,
    /// What is spoken.
    pub protocol: Protocol,
    /// Whether TLS is spoken, and with which certificates; only of HTTP.
    pub tls: Option<Arc<TlsTermination>>,
    /// Clients whose TLS is not ended here: how they are forwarded as bytes.
    pub passthrough: Option<Tcp>,
    /// What a client that speaks HTTP/2 may do; `None` = nobody may. Only of HTTP.
    pub http2: Option<Http2>,
    /// Whether proxies in front say who the client is; `None` = nobody is believed.
    pub proxy_protocol: Option<ProxyHeaders>,
    /// Peers whose identity headers (`X-Forwarded-*`, `Forwarded`, request id) are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `None` = off; the default is standard output.
    pub access_log: Option<AccessLog>,
    /// Deadlines of a client connection.
    pub timeouts: ListenerTimeouts,
    /// Limits of a client connection.
    pub limits: ListenerLimits,
    /// Which clients may connect; `None` = all.
    pub clients: Option<Arc<Clients>>,
    /// How many requests may come; all must hold.
    pub rate_limits: Vec<RateLimit>,
    /// How paths are normalised before they are matched and forwarded.
    pub paths: PathOptions,
    /// Headers that tell backends who a client has proved to be, on any listener of the file: none of
    /// them is taken from a client here.
    pub reserved_headers: Arc<[Arc<str>]>,
    /// First match wins; no match = 404. Empty unless the protocol is HTTP.
    pub routes: Vec<Route>,
}

impl Listener {
    /// How connections are forwarded as bytes: all of them, or those whose TLS is passed through.
    #[must_use]
    pub fn tcp(&self) -> Option<&Tcp> {
        match &self.protocol {
            Protocol::Http => self.passthrough.as_ref(),
            Protocol::Tcp(tcp) => Some(tcp),
            Protocol::Udp(_) => None,
        }
    }
}

/// What a client may do that speaks HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2 {
    /// Streams that are open at once on its connection.
    pub max_streams: u32,
}

/// What a listener speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP.
    Http,
    /// Whatever client and backend speak, over TCP.
    Tcp(Tcp),
    /// Whatever client and backend speak, over UDP.
    Udp(Udp),
}

impl Protocol {
    /// How it comes in.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self {
            Self::Http | Self::Tcp(_) => Transport::Tcp,
            Self::Udp(_) => Transport::Udp,
        }
    }
}

/// Where access-log lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// The destination.
    pub path: LogPath,
}

/// A log's destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogPath {
    /// Standard output.
    Stdout,
    /// A file, opened for appending and reopened on SIGUSR1.
    File(PathBuf),
}

/// Deadlines of a client connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerTimeouts {
    /// Whole request head, from its first byte.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
}

/// Limits of a client connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Bytes of a request or response head, 1 KiB..=64 KiB.
    pub head_bytes: usize,
    /// Header fields of a head, ≤ 1000.
    pub headers: usize,
    /// Open connections or flows, all workers together.
    pub connections: u32,
    /// Likewise of one client (an IPv4 address, or a /64 of IPv6), ≤ `connections`; `None` = no limit
    /// of its own.
    pub per_client: Option<u32>,
    /// TLS handshakes under way, all workers together, ≤ `connections`; `None` = no limit of its own.
    pub handshakes: Option<u32>,
}

/// What is done with the ambiguous parts of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathOptions {
    /// `%2F` and `%5C`.
    pub escaped_slash: EscapedSlash,
    /// `//` becomes `/`.
    pub merge_slashes: bool,
    /// A raw `\` is refused with 400; `false` keeps it (as `%5C`).
    pub reject_backslash: bool,
}

/// What is done with an escaped slash (`%2F`) or backslash (`%5C`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscapedSlash {
    /// Matched and forwarded as typed (the default).
    Keep,
    /// Refused with 400.
    Reject,
    /// Decoded to `/`, before dot segments are removed.
    Decode,
}
