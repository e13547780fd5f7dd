//! Writes a response head for a client, straight into the bytes that will be sent.

use crate::config::HeaderEdits;
use crate::l7::client::Response;
use crate::l7::compress::Compressed;

use httparse::Header;

use super::edits::{append, is_edited, put_edits};
use super::name::{Known, is_listed, known};

/// RFC 6797.
pub(crate) const HSTS: &str = "Strict-Transport-Security";

/// How the client will find the end of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientFraming {
    /// By status or method there is no body; a `Content-Length` tells of what would be there.
    Bodiless(Option<u64>),
    /// By `Content-Length`.
    Length(u64),
    /// By chunks.
    Chunked,
    /// By the end of its stream.
    Stream,
    /// By the connection's end.
    Close,
    /// By neither: the connection changes its protocol (101).
    Upgrade,
}

/// What the client side of an exchange adds to a response.
pub(crate) struct ClientSide<'a> {
    /// How the body ends.
    pub(crate) framing: ClientFraming,
    /// The connection ends after this response.
    pub(crate) close: bool,
    /// The client speaks HTTP/1.0 and asked to keep the connection.
    pub(crate) keep_alive_said: bool,
    /// The route's edits.
    pub(crate) edits: &'a HeaderEdits,
    /// What it says of plain HTTP.
    pub(crate) hsts: Option<&'a str>,
    /// What compression makes of it.
    pub(crate) compressed: Compressed,
}

/// Appends a whole head, its empty line included.
pub(crate) fn write_response(
    out: &mut Vec<u8>,
    response: &Response<'_, '_>,
    side: &ClientSide<'_>,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(response.status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(response.reason.as_bytes());
    out.extend_from_slice(b"\r\n");
    response_fields(response, side, |name, value| append(out, name, value));
    out.extend_from_slice(b"\r\n");
}

/// Gives `put` the fields of a head, in order.
pub(crate) fn response_fields(
    response: &Response<'_, '_>,
    side: &ClientSide<'_>,
    mut put: impl FnMut(&str, &[u8]),
) {
    let listed = |name| response.lists && is_listed(response.headers, name);
    let upgrade = side.framing == ClientFraming::Upgrade;
    for header in response.headers {
        let passes = match known(header.name) {
            Some(Known::Upgrade) => upgrade,
            Some(
                Known::Connection
                | Known::KeepAlive
                | Known::Hop
                | Known::TransferEncoding
                | Known::ContentLength,
            ) => false,
            _ => !listed(header.name) && !is_edited(side.edits, header.name),
        };
        if !passes || side.hsts.is_some() && header.name.eq_ignore_ascii_case(HSTS) {
            continue;
        }
        match side.compressed {
            Compressed::By(_) => put_of_coded(header, &mut put),
            _ => put(header.name, header.value),
        }
    }
    put_framing(side, &mut put);
    put("Via", response.version.via());
    side.hsts.into_iter().for_each(|hsts| put(HSTS, hsts.as_bytes()));
    put_coding(side.compressed, &mut put);
    put_edits(side.edits, &mut put);
}

/// A field of an answer that is sent in another coding than it came in.
fn put_of_coded(header: &Header<'_>, mut put: impl FnMut(&str, &[u8])) {
    let named = |name: &str| header.name.eq_ignore_ascii_case(name);
    // They are about other bytes (RFC 9110 §14.3, RFC 9530).
    if ["accept-ranges", "content-digest", "content-md5", "digest", "content-encoding"]
        .into_iter()
        .any(named)
    {
        return;
    }
    // It means the same, and is not the same (RFC 9110 §8.8.3.3).
    if named("etag") && header.value.starts_with(b"\"") {
        return put(header.name, &[b"W/", header.value].concat());
    }
    put(header.name, header.value);
}

fn put_coding(compressed: Compressed, mut put: impl FnMut(&str, &[u8])) {
    if let Compressed::By(coding) = compressed {
        put("Content-Encoding", coding.name().as_bytes());
    }
    if compressed != Compressed::No {
        put("Vary", b"Accept-Encoding");
    }
}

fn put_framing(side: &ClientSide<'_>, mut put: impl FnMut(&str, &[u8])) {
    match side.framing {
        ClientFraming::Bodiless(Some(length)) | ClientFraming::Length(length) => {
            put("Content-Length", itoa::Buffer::new().format(length).as_bytes());
        }
        ClientFraming::Chunked => put("Transfer-Encoding", b"chunked"),
        ClientFraming::Upgrade => return put("Connection", b"Upgrade"),
        ClientFraming::Bodiless(None) | ClientFraming::Close | ClientFraming::Stream => {}
    }
    if side.close {
        put("Connection", b"close");
    } else if side.keep_alive_said {
        put("Connection", b"keep-alive");
    }
}
