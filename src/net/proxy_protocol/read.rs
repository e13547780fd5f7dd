//! Reads a header from the bytes that have arrived so far.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::checksum::crc32c;
use super::{
    Ends, HEADER_BYTES, LINE_BYTES, PREFIX, SIGNATURE, TLV_ALPN, TLV_AUTHORITY, TLV_CRC32C, Told,
};
use crate::model::BadProxyHeader;

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A header of this many bytes.
    Header(usize, Told),
    /// What may become a header; more is needed to tell.
    Partial,
    /// No header: the client's own bytes.
    Absent,
}

/// Reads a header.
///
/// # Errors
/// It begins as one and is none.
pub fn read(bytes: &[u8]) -> Result<Read, BadProxyHeader> {
    if begins(bytes, SIGNATURE) {
        read_v2(bytes)
    } else if begins(bytes, PREFIX) {
        read_v1(bytes)
    } else {
        Ok(Read::Absent)
    }
}

/// Are these the first bytes of `whole`, or all of it and more?
fn begins(bytes: &[u8], whole: &[u8]) -> bool {
    let n = bytes.len().min(whole.len());
    bytes[..n] == whole[..n]
}

fn read_v1(bytes: &[u8]) -> Result<Read, BadProxyHeader> {
    let window = &bytes[..bytes.len().min(LINE_BYTES)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < LINE_BYTES {
            Ok(Read::Partial)
        } else {
            Err(BadProxyHeader::Line)
        };
    };
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| BadProxyHeader::Line)?;
    let told = |ends| Ok(Read::Header(end + 2, Told { ends, ..Told::default() }));
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        // Whatever follows is to be ignored.
        ["PROXY", "UNKNOWN", ..] => told(None),
        ["PROXY", "TCP4", client, server, client_port, server_port] => {
            let ip = |text: &str| text.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
            told(Some(ends_v1(ip(client), ip(server), client_port, server_port)?))
        }
        ["PROXY", "TCP6", client, server, client_port, server_port] => {
            let ip = |text: &str| text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
            told(Some(ends_v1(ip(client), ip(server), client_port, server_port)?))
        }
        ["PROXY", "TCP4" | "TCP6", ..] => Err(BadProxyHeader::Line),
        _ => Err(BadProxyHeader::Family),
    }
}

fn ends_v1(
    client: Option<IpAddr>,
    server: Option<IpAddr>,
    client_port: &str,
    server_port: &str,
) -> Result<Ends, BadProxyHeader> {
    let (Some(client), Some(server)) = (client, server) else {
        return Err(BadProxyHeader::Address);
    };
    let port = |text: &str| {
        // As written by a proxy: no sign, no leading zero.
        let plain = text == "0" || !text.starts_with('0');
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let port = text.parse::<u16>().ok().filter(|_| plain && digits);
        port.ok_or(BadProxyHeader::Address)
    };
    Ok(Ends {
        client: SocketAddr::new(client, port(client_port)?),
        server: SocketAddr::new(server, port(server_port)?),
    })
}

fn read_v2(bytes: &[u8]) -> Result<Read, BadProxyHeader> {
    let Some(&[version_command, family, high, low]) = bytes.get(12..16) else {
        return Ok(Read::Partial);
    };
    let length = 16 + usize::from(u16::from_be_bytes([high, low]));
    if version_command >> 4 != 2 {
        return Err(BadProxyHeader::Version);
    }
    if length > HEADER_BYTES {
        return Err(BadProxyHeader::TooLong);
    }
    let Some(header) = bytes.get(..length) else { return Ok(Read::Partial) };
    let body = &header[16..];
    let told = match version_command & 0x0f {
        // The proxy's own connection, as for a health check.
        0 => Told::default(),
        1 => {
            let (ends, fields) = ends_v2(family, body)?;
            Told { ends, ..read_fields(header, fields)? }
        }
        _ => return Err(BadProxyHeader::Command),
    };
    Ok(Read::Header(length, told))
}

/// The addresses, and where the fields after them begin.
fn ends_v2(family: u8, body: &[u8]) -> Result<(Option<Ends>, usize), BadProxyHeader> {
    let port = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    match family {
        // Unspecified: nothing is known of where anything would begin.
        0x00 => Ok((None, body.len())),
        0x11 if body.len() >= 12 => {
            let ip = |at: usize| {
                let bytes: [u8; 4] = std::array::from_fn(|i| body[at + i]);
                IpAddr::from(bytes)
            };
            let ends = Ends {
                client: SocketAddr::new(ip(0), port(8)),
                server: SocketAddr::new(ip(4), port(10)),
            };
            Ok((Some(ends), 12))
        }
        0x21 if body.len() >= 36 => {
            let ip = |at: usize| {
                let bytes: [u8; 16] = std::array::from_fn(|i| body[at + i]);
                IpAddr::from(bytes)
            };
            let ends = Ends {
                client: SocketAddr::new(ip(0), port(32)),
                server: SocketAddr::new(ip(16), port(34)),
            };
            Ok((Some(ends), 36))
        }
        // A unix socket: there is a proxy on this path that has no addresses to tell.
        0x31 if body.len() >= 216 => Ok((None, 216)),
        0x11 | 0x21 | 0x31 => Err(BadProxyHeader::Address),
        _ => Err(BadProxyHeader::Family),
    }
}

/// The fields of type, length and value, from `start` of the header's body on.
fn read_fields(header: &[u8], start: usize) -> Result<Told, BadProxyHeader> {
    let mut told = Told::default();
    let mut at = 16 + start;
    while at < header.len() {
        let Some(&[kind, high, low]) = header.get(at..at + 3) else {
            return Err(BadProxyHeader::Field);
        };
        let value = at + 3..at + 3 + usize::from(u16::from_be_bytes([high, low]));
        let Some(bytes) = header.get(value.clone()) else { return Err(BadProxyHeader::Field) };
        match kind {
            TLV_ALPN | TLV_AUTHORITY => {
                let kept = if kind == TLV_ALPN { &mut told.alpn } else { &mut told.authority };
                if bytes.is_empty() || bytes.len() > 255 || kept.replace(bytes.into()).is_some() {
                    return Err(BadProxyHeader::Field);
                }
            }
            TLV_CRC32C => {
                let said: [u8; 4] = bytes.try_into().map_err(|_| BadProxyHeader::Field)?;
                if u32::from_be_bytes(said) != crc32c(header, value.clone()) {
                    return Err(BadProxyHeader::Checksum);
                }
            }
            _ => {}
        }
        at = value.end;
    }
    Ok(told)
}
