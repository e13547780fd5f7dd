//! Who the client is: what backends are told, and whom we believe about it.
//!
//! A header that names the client is worth as much as the peer that sent it. From a trusted proxy
//! it is kept and extended; from anyone else it is dropped and written anew, so that nothing a
//! client sends can be mistaken for something a proxy said.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use httparse::Header;
use ipnet::IpNet;

use crate::config::HeaderEdits;

use super::edits::{append, is_edited};
use super::name::{Known, known};

/// The sender of a request, as far as headers tell of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// The peer of the connection.
    pub(crate) peer: SocketAddr,
    /// The peer is a trusted proxy.
    pub(crate) trusted: bool,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// The authority the client asked for.
    pub(crate) authority: &'a str,
    /// The request's id.
    pub(crate) id: &'a str,
}

/// Is the peer one whose claims are believed?
pub(crate) fn is_trusted(peer: IpAddr, trusted: &[IpNet]) -> bool {
    let peer = peer.to_canonical();
    trusted.iter().any(|net| net.contains(&peer))
}

/// The client's address: the peer's, or behind trusted proxies the last one they cannot vouch for.
pub(crate) fn client_address(peer: IpAddr, trusted: &[IpNet], headers: &[Header<'_>]) -> IpAddr {
    let mut client = peer.to_canonical();
    if !is_trusted(client, trusted) {
        return client;
    }
    let chain =
        headers.iter().rev().filter(|header| known(header.name) == Some(Known::ForwardedFor));
    for hop in chain.flat_map(|header| header.value.rsplit(|byte| *byte == b',')) {
        let Some(address) = parse_hop(hop) else { break };
        client = address;
        if !is_trusted(client, trusted) {
            break;
        }
    }
    client
}

fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let address = text.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

/// A request id given by a trusted peer, if it is one: 1 to 64 token characters.
pub(crate) fn given_id<'b>(headers: &[Header<'b>]) -> Option<&'b str> {
    let header = headers.iter().find(|header| known(header.name) == Some(Known::RequestId))?;
    let id = std::str::from_utf8(header.value).ok()?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (!id.is_empty() && id.len() <= 64 && id.bytes().all(is_token)).then_some(id)
}

/// Writes `X-Forwarded-*`, `Forwarded` and the request id, but for what the route edits.
pub(crate) fn append_identity(
    out: &mut Vec<u8>,
    origin: &Origin<'_>,
    headers: &[Header<'_>],
    edits: &HeaderEdits,
) {
    let ip = IpText::new(origin.peer.ip().to_canonical());
    let mut lines = Lines { out, origin, headers, edits };
    lines.chain("X-Forwarded-For", Known::ForwardedFor, |out| out.extend_from_slice(ip.bytes()));
    lines.claim("X-Forwarded-Proto", Known::ForwardedProto, origin.scheme);
    lines.claim("X-Forwarded-Host", Known::ForwardedHost, origin.authority);
    lines.chain("Forwarded", Known::Forwarded, |out| {
        let (open, close) = if ip.is_v6 { ("\"[", "]\"") } else { ("", "") };
        for part in ["for=", open] {
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(ip.bytes());
        for part in [close, ";host=\"", origin.authority, "\";proto=", origin.scheme] {
            out.extend_from_slice(part.as_bytes());
        }
    });
    if !is_edited(edits, "X-Request-Id") {
        append(lines.out, "X-Request-Id", origin.id.as_bytes());
    }
}

/// Identity headers on their way into a head.
struct Lines<'o, 'a, 'b> {
    out: &'o mut Vec<u8>,
    origin: &'a Origin<'a>,
    headers: &'a [Header<'b>],
    edits: &'a HeaderEdits,
}

impl<'a, 'b> Lines<'_, 'a, 'b> {
    /// What a trusted peer said under this name; nothing from anyone else.
    fn given(&self, name: Known) -> impl Iterator<Item = &'b [u8]> + use<'a, 'b> {
        let headers = if self.origin.trusted { self.headers } else { &[] };
        headers.iter().filter(move |header| known(header.name) == Some(name)).map(|h| h.value)
    }

    /// A header to which each hop adds its element.
    fn chain(&mut self, name: &str, kind: Known, write: impl Fn(&mut Vec<u8>)) {
        if is_edited(self.edits, name) {
            return;
        }
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        for value in self.given(kind) {
            self.out.extend_from_slice(value);
            self.out.extend_from_slice(b", ");
        }
        write(self.out);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A header that the first hop sets.
    fn claim(&mut self, name: &str, kind: Known, ours: &str) {
        if !is_edited(self.edits, name) {
            let value = self.given(kind).next().unwrap_or(ours.as_bytes());
            append(self.out, name, value);
        }
    }
}

/// An address as text, formatted once; IPv4, the common case, without the formatting machinery.
struct IpText {
    text: [u8; 45],
    len: usize,
    is_v6: bool,
}

impl IpText {
    fn new(ip: IpAddr) -> Self {
        let mut text = [0; 45];
        let mut rest = &mut text[..];
        match ip {
            IpAddr::V4(v4) => {
                for (index, octet) in v4.octets().into_iter().enumerate() {
                    let mut digits = itoa::Buffer::new();
                    let digits = digits.format(octet).as_bytes();
                    let dot: &[u8] = if index > 0 { b"." } else { b"" };
                    for part in [dot, digits] {
                        let (into, after) = rest.split_at_mut(part.len());
                        into.copy_from_slice(part);
                        rest = after;
                    }
                }
            }
            // The longest form of an IPv6 address has 45 bytes, so writing cannot fail.
            IpAddr::V6(v6) => drop(write!(rest, "{v6}")),
        }
        let len = 45 - rest.len();
        Self { text, len, is_v6: ip.is_ipv6() }
    }

    fn bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(name: &'a str, value: &'a str) -> Header<'a> {
        Header { name, value: value.as_bytes() }
    }

    #[test]
    fn the_client_is_the_last_address_no_trusted_proxy_vouches_for() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let chain =
            [header("X-Forwarded-For", "6.6.6.6, 1.2.3.4"), header("x-forwarded-for", "10.0.0.7")];
        let client = |peer: &str, headers: &[Header<'_>]| {
            client_address(peer.parse().unwrap(), &trusted, headers).to_string()
        };
        assert_eq!(client("10.0.0.1", &chain), "1.2.3.4");
        assert_eq!(client("9.9.9.9", &chain), "9.9.9.9");
        assert_eq!(client("::ffff:10.0.0.1", &chain), "1.2.3.4");
        assert_eq!(client("10.0.0.1", &[header("X-Forwarded-For", "junk, 10.0.0.9")]), "10.0.0.9");
        assert_eq!(
            client("10.0.0.1", &[header("X-Forwarded-For", "[2001:db8::1]:99")]),
            "2001:db8::1"
        );
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn a_given_id_must_be_a_short_token() {
        assert_eq!(given_id(&[header("X-Request-Id", "abc-123")]), Some("abc-123"));
        for bad in ["", "a b", "a\"b", &"x".repeat(65)] {
            assert_eq!(given_id(&[header("X-Request-Id", bad)]), None, "{bad}");
        }
    }
}
