//! The key of a WebSocket handshake, for clients that have none.
//!
//! Over HTTP/2 a client opens a WebSocket by an extended CONNECT (RFC 8441), which has no
//! `Sec-WebSocket-Key`: the stream itself proves that its peer understands. Its backend speaks HTTP/1.1
//! and has to prove it by an answer to a key (RFC 6455 §4.2.2), so the proxy makes one and checks the
//! answer in the client's place.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What every server appends to the key (RFC 6455 §1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A key, and the one answer to it.
#[derive(Debug)]
pub(crate) struct WebSocketKey {
    /// What the backend is sent.
    pub(crate) key: String,
    /// What it has to answer.
    pub(crate) accept: String,
}

impl WebSocketKey {
    /// `nonce` is to be random; it need not be secret.
    pub(crate) fn new(nonce: u128) -> Self {
        let key = STANDARD.encode(nonce.to_be_bytes());
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
        Self { key, accept: STANDARD.encode(hash) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_one_of_the_rfc() {
        // RFC 6455 §1.3: "the sample nonce".
        let key = WebSocketKey::new(u128::from_be_bytes(*b"the sample nonce"));
        assert_eq!(key.key, "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(key.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
