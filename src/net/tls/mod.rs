//! TLS with clients and backends: the record layer beneath a [`Stream`](super::Stream), and whom it speaks for.
//!
//! Whoever serves a connection reads and writes plain bytes on the halves of its stream, and does
//! not know whether they are encrypted on the way. What is encrypted costs copies and memory, so
//! the state of a connection holds no buffers: records are opened and sealed in one [`Scratch`] per
//! worker, and only what does not go on at once (part of a record, bytes that the socket does not
//! take) is kept.
//!
//! RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2), by rustls with aws-lc-rs.

mod context;
mod handshake;
mod identity;
mod scratch;
mod server;
mod session;
mod side;
#[cfg(test)]
mod tests;

pub use context::Context;
pub(super) use handshake::{accept, connect};
pub use identity::{Agreement, ClientIdentity};
pub use scratch::Scratch;
pub use server::{ClientContext, Server};
pub(super) use session::Session;
