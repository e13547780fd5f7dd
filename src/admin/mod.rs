//! Whoever reaches the admin API can see everything and may be able to stop a reload; whoever
//! sits at the machine must always be able to.
//!
//! So the unix socket (mode 0600) is the operator's door: it needs no token, and it has its own
//! places, so that nobody on the network can keep the operator out. TCP is for reading; a change
//! needs an operator's bearer token, and a page in somebody's browser gets nothing at all (foreign
//! `Host` or `Origin`). Each connection carries one request and is bounded in time and size.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /health` | 200 while the process lives |
//! | `GET /ready` | 200, or 503 while it should not be sent traffic |
//! | `GET /status` | [`view::Status`] |
//! | `GET /health/detailed` | [`view::Status`] with the single results of every check; `?backend=NAME` or `?backend=POOL/NAME` only of that backend, 422 with the nearest names if there is none |
//! | `GET /drains` | [`view::Drains`]: what holds each drain open |
//! | `GET /events` | [`view::Events`], the newest 100; `?limit=N` for another number, up to 1,000 |
//! | `GET /metrics` | Prometheus' text format, see [`metrics::names`](crate::metrics::names) |
//! | `GET /orders` | [`view::Orders`] |
//! | `POST /orders` | takes [`view::Give`], answers [`view::Given`]; 422 with every problem, 409 if a pool would be left with nothing |
//! | `POST /webhooks/alertmanager` | takes [`view::Alerts`], answers [`view::Heeded`]; 400 malformed, 422 unmapped |
//! | `POST /reload/confirm` | [`view::Confirmed`]; 409 if no reload waits for it |
//! | `POST /rollback` | [`view::Reloaded`]; 409 if there is nothing to go back to |
//! | `POST /explain` | asks [`explain::view::Question`](crate::explain::view::Question), gets [`Explanation`](crate::explain::view::Explanation); 422 with what does not fit |
//! | `POST /reload`, `?confirm_ms=N` to have it taken back unless confirmed | [`view::Reloaded`]; 422 with every problem, 409 while draining |
//!
//! Every error is [`view::Failed`]: 401 token missing or wrong, 403 not allowed, 404 no such path,
//! 405 wrong method, 413 body too large, 503 no answer in time.

mod access;
mod alerts;
mod api;
pub mod client;
mod collect;
mod error;
mod explain;
mod orders;
mod origin;
mod plan;
mod server;
mod socket;
mod source;
mod state;
#[cfg(test)]
mod tests;
mod versions;
pub mod view;

pub use access::{Door, Peer};
pub use api::router;
pub use server::{BindError, Server};
pub use socket::SocketError;
pub use source::Source;
pub use state::{State, Tallies};
