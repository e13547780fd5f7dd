//! The HTTP/1.1 server half: reads requests from clients, strictly.
//!
//! Nothing ambiguous gets past here (RFC 9112 §3, §5, §6): what this proxy and a backend could read
//! differently is refused, never repaired.

mod connection;
mod doze;
mod facts;
mod head;
mod linger;
mod peer;
mod prepare;

pub(crate) use connection::Connection;
pub use facts::{Body, Facts, facts};
pub use head::{BareNewline, HeadScan, Request, parse_request};
