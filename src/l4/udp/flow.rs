//! What a flow holds at its backend, and what is told of it when it ends.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::AbortHandle;

use crate::access_log::ConnectionEntry;
use crate::live::Place;
use crate::model::{ForwardEnded, UnixMillis};
use crate::net::Correspondent;
use crate::table::{Forward, Lease, Listener};

use super::flows::Flow;
use crate::l4::worker::Worker;
use crate::worker::Entered;

/// What a flow has been given.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) backend: Rc<Correspondent>,
    pub(super) lease: Lease,
    /// Given back when the flow ends.
    pub(super) _place: Option<Place>,
    pub(super) forward: Arc<Forward>,
    pub(super) pool: Arc<str>,
    /// When its first datagram came.
    pub(super) time: UnixMillis,
    /// Passes its backend's answers on.
    pub(super) answers: AbortHandle,
    /// Counts it as open.
    pub(super) _entered: Entered,
    /// Its number among the [`Stays`](crate::l4::stays::Stays), while it holds a drain open.
    pub(super) stay: Option<u32>,
}

impl Held {
    /// Counts the flow out and logs it.
    pub(super) fn finish(
        flow: &Flow<Self>,
        ended: ForwardEnded,
        worker: &Worker,
        listener: &Listener,
        now: Instant,
    ) {
        let held = &flow.held;
        held.answers.abort();
        if let Some(stay) = held.stay {
            worker.stays.leave(stay);
        }
        worker.counters().forwarded[ended as usize].add(1);
        let Some(log) = &listener.settings.access_log else { return };
        let entry = ConnectionEntry {
            time: held.time,
            listener: &listener.settings.name,
            client: flow.ends.client,
            protocol: "udp",
            server_name: None,
            route: Some(&held.forward.policy.name),
            pool: Some(&held.pool),
            backend: Some(&held.lease.name),
            attempts: 1,
            bytes_in: flow.bytes_in,
            bytes_out: flow.bytes_out,
            total_us: now.saturating_duration_since(flow.opened).as_micros() as u64,
            connect_us: None,
            ended,
        };
        worker.log(&log.path, &entry);
    }
}
