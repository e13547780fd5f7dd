//! Black-box tests: the real binary between scripted clients and scripted backends, byte by byte.
//!
//! Each case starts its own process on free ports and plays both sides from one thread, so that a
//! test reads as the conversation it is about. Nothing sleeps to be right: every step waits for
//! the bytes, the connection or the line it needs, and a bounded wait that ends fails the case
//! with all that the process said.

#![expect(clippy::expect_used, reason = "a harness that cannot go on fails its test")]
#![expect(clippy::print_stderr, reason = "a failed test shows what the process said")]

mod access_log;
mod actions;
mod admin_api;
mod backend_tls;
mod bench;
mod bodies;
mod breakers;
mod budgets;
mod bulk;
mod bulkheads;
mod chaos;
mod client_certificates;
mod clients;
mod compression;
mod deadlines;
mod degradation;
mod drains;
mod events;
mod explaining;
mod failover;
mod faults;
mod harness;
mod http2;
mod http2_backends;
mod identity;
mod injected;
mod leaving;
mod lifecycle;
mod limits;
mod memory;
mod orders;
mod peers;
mod persistence;
mod planning;
mod properties;
mod rate_limits;
mod reload;
mod replaying;
mod rescue;
mod restarting;
mod restarts;
mod retries;
mod routing;
mod shedding;
mod slow_clients;
mod strict_requests;
mod strict_responses;
mod tcp;
mod tls;
mod tls_clients;
mod udp;
mod upgrades;
mod webhooks;
mod worst_moments;
