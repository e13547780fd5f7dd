//! A slow disk must never slow a request, and a hostile request must never corrupt the log.
//!
//! Each worker formats one JSON line per request, or per forwarded connection, into a buffer of its own ([`Sink`]); full buffers
//! go to one writer thread ([`Writer`]) through a bounded channel and come back empty, so that in
//! steady state nothing is allocated and no worker ever waits. When the writer cannot keep up,
//! whole batches are dropped and their lines counted: losing log lines is bad, losing latency is
//! worse.
//!
//! What peers sent is escaped so that every line is one valid JSON object of bounded length (see
//! [`Entry`] and [`ConnectionEntry`] for the exact rules).

mod connection;
mod entry;
mod output;
mod sink;
mod text;
mod writer;

pub use connection::ConnectionEntry;
pub use entry::{Entry, Line, MAX_LINE_BYTES};
pub use output::verify;
pub use sink::Sink;
pub use text::MAX_TEXT_BYTES;
pub use writer::{Losses, Writer};
