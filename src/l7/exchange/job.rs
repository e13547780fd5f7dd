//! What an exchange has to do: everything that outlives the request's own bytes.

use std::sync::Arc;
use std::time::Duration;

use crate::config::OnDown;
use crate::l7::budget::Budget;
use crate::l7::headers::WebSocketKey;
use crate::l7::version::Version;
use crate::live::{PoolId, UnderWay};
use crate::model::Coding;
use crate::table::{Lease, Pool, Route};

use super::{Fault, Upload};

/// A request on its way to a backend.
#[derive(Debug)]
pub(crate) struct Job {
    /// The first backend, chosen by the table the request was routed by.
    pub(crate) lease: Option<Lease>,
    /// It counts as under way in its pool, where that is counted.
    pub(crate) under_way: Option<UnderWay>,
    /// What is done to it on purpose before it goes to a backend.
    pub(crate) fault: Fault,
    /// The pool, to be looked up in the newest table at each further try.
    pub(crate) pool: PoolId,
    /// The pool's settings.
    pub(crate) policy: PoolPolicy,
    /// What ip-hash hashes.
    pub(crate) key: Option<u64>,
    /// The bytes for the backend: its head, and as much of the body as came with the request.
    pub(crate) head: Vec<u8>,
    /// How long an answer is waited for.
    pub(crate) budget: Budget,
    /// What is still to come of the body.
    pub(crate) upload: Upload,
    /// What does not change on the way.
    pub(crate) terms: Terms,
}

/// The parts of a job that do not change.
#[derive(Debug)]
pub(crate) struct Terms {
    /// The route.
    pub(crate) route: Arc<Route>,
    /// What the client speaks.
    pub(crate) version: Version,
    /// The client can take another response.
    pub(crate) keep_alive: bool,
    /// The response has no body, whatever its head says.
    pub(crate) to_head: bool,
    /// The request may be sent again.
    pub(crate) idempotent: bool,
    /// Its body is one side of a conversation (gRPC): silence is not slowness.
    pub(crate) converses: bool,
    /// The client waits for `100 Continue`.
    pub(crate) expects: bool,
    /// It is a call of gRPC.
    pub(crate) is_call: bool,
    /// The protocol the request asks to change to, if the route lets it pass.
    pub(crate) upgrade: Option<Arc<str>>,
    /// The key of its handshake, where the proxy made it: the client takes any success for the switch.
    pub(crate) key: Option<Box<WebSocketKey>>,
    /// What the answer says of plain HTTP.
    pub(crate) hsts: Option<Arc<str>>,
    /// The coding that the client would take the answer in, where the route compresses.
    pub(crate) coding: Option<Coding>,
    /// Bytes of a response head.
    pub(crate) head_bytes: usize,
    /// Header fields of a response.
    pub(crate) headers: usize,
}

/// A pool's settings for upstream connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolPolicy {
    /// Time for opening one.
    pub(crate) connect: Duration,
    /// How long an idle one is kept.
    pub(crate) idle: Duration,
    /// The oldest idle one that takes a request which must not be sent twice.
    pub(crate) unsafe_reuse_age: Duration,
    /// How many idle ones are kept per backend.
    pub(crate) idle_connections: u32,
    /// What becomes of the request if its backend goes down and it may not be sent elsewhere.
    pub(crate) on_down: OnDown,
    /// How many requests it has at once at most.
    pub(crate) concurrent: Option<u32>,
    /// A client that half-closes has left.
    pub(crate) abort_on_close: bool,
}

impl From<&Pool> for PoolPolicy {
    fn from(pool: &Pool) -> Self {
        Self {
            connect: pool.timeouts.connect,
            idle: pool.timeouts.idle,
            unsafe_reuse_age: pool.unsafe_reuse_age,
            idle_connections: u32::try_from(pool.idle_connections).unwrap_or(u32::MAX),
            on_down: pool.on_down,
            concurrent: pool.concurrent,
            abort_on_close: pool.abort_on_close,
        }
    }
}
