//! Asks the backends how they are, and reports what was seen. It judges nothing: a verdict needs
//! more than one answer, and belongs to [`health`](crate::health).
//!
//! Probing well has its own problems: a thousand backends asked ten times a second must not cost
//! a core, use up the ports, fill the backends' logs or arrive as a herd; and a busy prober must
//! not take its own slowness for a backend's. So
//!
//! - one task (`schedule`) holds every probe's next due time in one heap and starts what is due;
//! - each kind of probe (`connect`, `ping`; `status_line`, `banner`, `tls`, `grpc`, `agent`; `http`;
//!   `transaction`, `postgres`, `redis`) is one function: connect, ask, judge one answer;
//! - every probe runs inside one `attempt`, which owns the timeout and looks at the socket once
//!   more before it calls one;
//! - what this machine lacks (descriptors, ports, memory, time) voids a result and never counts
//!   against a backend (`fault`).

mod agent;
mod answer;
mod attempt;
mod banner;
mod connect;
mod fault;
mod grpc;
mod http;
mod http2_tasks;
mod ping;
mod postgres;
mod redis;
mod schedule;
mod status_line;
#[cfg(test)]
mod tests;
mod tls;
mod transaction;
mod values;

pub use schedule::run;

use std::sync::Arc;
use std::time::Duration;

use attempt::{Attempt, attempt};
use fault::Fault;
use schedule::Check;
use tls::Tls;

use crate::model::{AgentReport, ProbeKind};

/// What an answer says beyond that it is as expected.
type Answer = Option<AgentReport>;

/// Makes one attempt of a check.
async fn once(tls: Arc<Tls>, check: Arc<Check>, limit: Duration) -> Attempt<Answer> {
    match &check.kind {
        ProbeKind::Connect => {
            let work = async { connect::probe(&check.target.address).await.map(|()| None) };
            attempt(limit, work).await
        }
        // Boxed, so that the many connects do not carry the size of the others.
        _ => Box::pin(attempt(limit, ask(&tls, &check))).await,
    }
}

/// Asks what is more than a connect.
async fn ask(tls: &Tls, check: &Check) -> Result<Answer, Fault> {
    let (target, address) = (&check.target, &check.target.address);
    match &check.kind {
        ProbeKind::Connect => connect::probe(address).await?,
        ProbeKind::Ping => ping::probe(address).await?,
        ProbeKind::StatusLine { host, path, tls: ask } => {
            status_line::probe(tls, target, ask.as_ref(), (host, path)).await?;
        }
        ProbeKind::Banner { prefix } => banner::probe(target, prefix).await?,
        ProbeKind::TlsHello { server_name } => tls.hello(target, server_name).await?,
        ProbeKind::Grpc(ask) => grpc::probe(tls, target, ask).await?,
        ProbeKind::Agent { port, send } => {
            return agent::probe(address, *port, send).await.map(Some);
        }
        ProbeKind::Http(ask) => http::probe(tls, target, ask).await?,
        ProbeKind::Transaction(transaction) => {
            transaction::probe(tls, target, transaction).await?;
        }
        ProbeKind::Postgres(ask) => postgres::probe(target, ask).await?,
        ProbeKind::Redis(ask) => redis::probe(target, ask).await?,
    }
    Ok(None)
}
