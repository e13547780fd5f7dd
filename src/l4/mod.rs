//! Forwarding without understanding: bytes between clients and backends.
//!
//! ```text
//! accept -> first try -------------------------------------------------------------> passage (bytes both ways)
//!        `-> dial (hello if routes ask, wait for a place, connect, try another) -´
//! datagram -> flow (known, or chosen for once) -> its backend, and its answers back
//! ```
//!
//! A database, a broker, anything encrypted end to end is balanced under the same health, shares
//! and drains as HTTP is; only what is inside stays unknown. So a try can be repeated only as long
//! as nothing was sent, which is while connecting, and after that a failure on one side is passed
//! on to the other as what it was.

mod attempt;
mod client;
mod dial;
mod hello;
mod passage;
mod plane;
mod serving;
mod stays;
mod udp;
mod worker;

pub use plane::Forwarder;
