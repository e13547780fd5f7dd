//! Writes a header, for a backend that shall know who its client is.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::{Ends, SIGNATURE, TLV_ALPN, TLV_AUTHORITY, Told};
use crate::model::ProxyVersion;

/// Appends a header.
pub fn write(out: &mut Vec<u8>, version: ProxyVersion, told: &Told) {
    let ends = told.ends.map(alike);
    match version {
        ProxyVersion::V1 => write_v1(out, ends),
        ProxyVersion::V2 => write_v2(out, ends, told),
    }
}

/// A header has one family for both ends: with one end of each, both are written as IPv6.
fn alike(Ends { client, server }: Ends) -> Ends {
    let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    let (client, server) = (plain(client), plain(server));
    if client.is_ipv4() == server.is_ipv4() {
        return Ends { client, server };
    }
    let wide = |end: SocketAddr| match end.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), end.port()),
        IpAddr::V6(_) => end,
    };
    Ends { client: wide(client), server: wide(server) }
}

fn write_v1(out: &mut Vec<u8>, ends: Option<Ends>) {
    // Writing to a Vec cannot fail.
    let _ = match ends {
        None => write!(out, "PROXY UNKNOWN\r\n"),
        Some(Ends { client, server }) => {
            let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
            let (from, to) = (client.ip(), server.ip());
            write!(out, "PROXY {family} {from} {to} {} {}\r\n", client.port(), server.port())
        }
    };
}

fn write_v2(out: &mut Vec<u8>, ends: Option<Ends>, told: &Told) {
    let start = out.len();
    out.extend_from_slice(SIGNATURE);
    out.push(0x21);
    match ends {
        None => out.extend_from_slice(&[0x00, 0, 0]),
        Some(Ends { client, server }) => {
            out.push(if client.is_ipv4() { 0x11 } else { 0x21 });
            out.extend_from_slice(&[0, 0]);
            for ip in [client.ip(), server.ip()] {
                match ip {
                    IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
                    IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
                }
            }
            out.extend_from_slice(&client.port().to_be_bytes());
            out.extend_from_slice(&server.port().to_be_bytes());
            field(out, TLV_ALPN, told.alpn.as_deref());
            field(out, TLV_AUTHORITY, told.authority.as_deref());
        }
    }
    // At most 36 bytes of addresses and two fields of at most 258.
    let length = (out.len() - start - 16) as u16;
    out[start + 14..start + 16].copy_from_slice(&length.to_be_bytes());
}

fn field(out: &mut Vec<u8>, kind: u8, value: Option<&[u8]>) {
    let Some(value) = value.filter(|value| value.len() <= 255) else { return };
    out.extend_from_slice(&[kind, 0, value.len() as u8]);
    out.extend_from_slice(value);
}
