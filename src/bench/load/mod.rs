//! Sends the requests: one thread that hands each out when it is due.
//!
//! The driver (`run`) waits for the next due moment (`pace`) and puts the request on the `desk`,
//! where the connection that has been idle longest takes it. If all are busy it waits there and its
//! latency grows, as it would for a user. What a connection does with a request is its protocol's
//! business; the driver knows none of it.

mod answer;
mod connect;
mod desk;
mod http1;
mod http2;
mod pace;
mod request;
mod run;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

pub use connect::{Refusal, Server};
pub use pace::{Pace, Precise};
pub use request::{BadRequest, Request};
pub use run::{Measured, Plan, Progress, Protocol, run};
