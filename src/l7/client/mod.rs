//! The client half: connections to backends, and responses read from them, strictly.
//!
//! A backend is trusted no further than a client: an ambiguous response could poison the next
//! one on a shared connection, so it is refused and its connection closed.

mod destination;
mod head;
pub(crate) mod http1;
pub(crate) mod http2;
mod pool;

pub use head::{Response, ResponseBody, parse_response};
pub(crate) use pool::{IdlePool, Link, Upstream};
