//! Backends that speak HTTP/2 (RFC 9113): requests share connections, each as a stream of its own.
//!
//! ```text
//! obtain -> Trunks: room on a trunk? --> Ticket -> Stream: one exchange
//!                   none: open one, up to so many, or wait in line
//! ```
//!
//! Frames, header compression and flow control are the `h2` crate's, as they are towards clients.
//! What is here is what it leaves open: how many requests a connection takes, when there is to be
//! another one, what a backend's leaving means for those under way, and how a request that is held as
//! HTTP/1.1 writes it becomes a stream.

mod line;
mod request;
mod stream;
mod trunk;
mod trunks;

pub(crate) use line::Turn;
pub(crate) use stream::Stream;
pub(crate) use trunk::Ticket;
pub(crate) use trunks::{Opening, Place, Trunks};
