//! The HTTP/2 server half: many exchanges with one client at once (RFC 9113).
//!
//! The connection itself (frames, header compression, flow control, the states of streams) is the
//! `h2` crate's, which is also beneath hyper; it is used directly because an exchange wants what is
//! hidden there: interim responses, resets with a reason, a window that is opened only when the
//! backend took what came, and to be told at once when a client gives a stream up.
//!
//! Each request becomes an [exchange](super::exchange) of its own, the same as that of HTTP/1.1. What
//! HTTP/1.1 could not say, or would say differently, is refused before it gets there.

mod body;
mod connection;
mod facts;
mod meter;
mod peer;
mod prepare;
mod stream;
mod wire;

pub(crate) use body::{fields, poll_room};
pub(crate) use connection::{CONNECTION_WINDOW, SEND_BUFFER, STREAM_WINDOW, serve};
pub(crate) use meter::Meter;
pub(crate) use stream::Stream;
pub(crate) use wire::{Metered, Wire};

/// What a connection without TLS begins with if it speaks HTTP/2 (RFC 9113 §3.4), as far as it looks
/// like a head of HTTP/1.1.
pub(crate) const PREFACE_HEAD: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";
