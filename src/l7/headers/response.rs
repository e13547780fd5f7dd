//! Writes a response head for a client, straight into the bytes that will be sent.

use crate::config::HeaderEdits;
use crate::l7::client::Response;

use super::edits::{append, is_edited, put_edits};
use super::name::{Known, is_listed, known};

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
        if passes {
            put(header.name, header.value);
        }
    }
    put_framing(side, &mut put);
    put("Via", response.version.via());
    put_edits(side.edits, &mut put);
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
