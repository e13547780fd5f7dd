//! The PROXY protocol: what a proxy in front says of the client, before the client's own bytes.
//!
//! Whoever may send such a header may claim to be anyone, so it is only read from configured
//! sources, and strictly: a header that could be read in two ways is refused, never guessed at.
//! Reading and writing are pure; both versions of
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt> are known.

mod checksum;
mod read;
mod write;

pub use read::{Read, read};
pub use write::write;

use std::net::SocketAddr;

/// What is said of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Who connected, and to which address; `None` = the proxy speaks for itself, or will not say.
    pub ends: Option<Ends>,
    /// The server name the client asked for, at most 255 bytes.
    pub authority: Option<Box<[u8]>>,
    /// The protocol that was agreed on, at most 255 bytes.
    pub alpn: Option<Box<[u8]>>,
}

/// The two ends of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The client's.
    pub client: SocketAddr,
    /// The one it connected to.
    pub server: SocketAddr,
}

/// What every header of version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// What every header of version 1 begins with.
const PREFIX: &[u8; 6] = b"PROXY ";
/// Bytes of a version 1 header, its CRLF included.
const LINE_BYTES: usize = 107;
/// Bytes of a version 2 header that are read: addresses and the fields that proxies send, a client
/// certificate's texts among them, fit well.
pub const HEADER_BYTES: usize = 2048;
const TLV_ALPN: u8 = 0x01;
const TLV_AUTHORITY: u8 = 0x02;
const TLV_CRC32C: u8 = 0x03;

#[cfg(test)]
mod tests;
