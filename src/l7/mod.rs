//! The HTTP data plane: from a client's bytes to a backend's and back.
//!
//! ```text
//! accept -> http1, http2 -> request head -> desk: route -> exchange -> client -> backend
//!                 ^                                            |
//!                 +-------------- response, streamed ----------+
//! ```
//!
//! One [worker](crate::worker) per core runs all of this on one thread, with upstream connections
//! of its own. It reads the table, and tells what it saw by counters only.
//! What every exchange has in common (retries, deadlines, headers, the log) lives in `exchange`
//! and `headers`; the protocols' halves know nothing of it.

mod asked;
mod budget;
mod caller;
pub mod chunked;
pub mod client;
mod compress;
mod desk;
mod error;
mod exchange;
mod grpc;
pub mod headers;
pub mod http1;
mod http2;
mod io;
mod leaving;
mod limits;
mod local;
mod record;
mod request_id;
mod retry;
mod seat;
mod version;
mod waits;
mod worker;

pub use version::Version;
pub use worker::{Http, Readiness};
