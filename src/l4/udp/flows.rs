//! Which datagrams belong together: a worker's flows at one listening address, without sockets.
//!
//! Nothing in UDP says when a conversation begins or ends. A *flow* is all that one client address
//! and port exchanges with one of ours; it begins with its first datagram and ends when neither
//! side has said anything for the idle time. Whoever can forge source addresses can begin as many
//! as it likes, so their number is limited, and where there is no more room the oldest flow makes
//! way that has not *proven* itself: one that was answered, or still sends after a second, is kept.
//!
//! Time comes in as an argument and every flow that ends comes out, so the same code runs behind
//! sockets and in a simulation.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Who still sends after this long has not forged its address for one datagram.
const PROVEN_AFTER: Duration = Duration::from_secs(1);

/// What tells flows apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ends {
    /// The client.
    pub(super) client: SocketAddr,
    /// Which address of ours it wrote to, where there are several: answers come from there.
    pub(super) local: Option<IpAddr>,
}

/// Names a flow; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FlowId(u64);

/// One flow, and what its keeper holds for it.
#[derive(Debug)]
pub(super) struct Flow<T> {
    pub(super) ends: Ends,
    pub(super) opened: Instant,
    /// Bytes from the client.
    pub(super) bytes_in: u64,
    /// Bytes to the client.
    pub(super) bytes_out: u64,
    pub(super) held: T,
    /// When something was last said.
    seen: Instant,
    proven: bool,
    /// When it ends, whatever is said.
    until: Option<Instant>,
    /// When it is looked at next.
    due: Instant,
}

/// What to do with a datagram from a client.
#[derive(Debug)]
pub(super) enum Admission<T> {
    /// It belongs to this flow.
    Known(FlowId),
    /// It may begin a flow.
    Fresh,
    /// It may begin a flow in place of this one, which has ended.
    Instead(Flow<T>),
    /// There is no room for another flow.
    Full,
}

/// Why a flow has ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Nothing was said for the idle time.
    Idle,
    /// It was told to end by now.
    Due,
}

/// The flows of one address on one worker.
#[derive(Debug)]
pub(super) struct Flows<T> {
    idle: Duration,
    next: u64,
    flows: HashMap<FlowId, Flow<T>>,
    by_ends: HashMap<Ends, FlowId>,
    /// Every flow once, by when it is looked at next.
    agenda: BTreeSet<(Instant, FlowId)>,
    /// Those that have not proven themselves, oldest first.
    unproven: BTreeSet<FlowId>,
}

impl<T> Flows<T> {
    pub(super) fn new(idle: Duration) -> Self {
        Self {
            idle,
            next: 0,
            flows: HashMap::new(),
            by_ends: HashMap::new(),
            agenda: BTreeSet::new(),
            unproven: BTreeSet::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    pub(super) fn get(&self, id: FlowId) -> Option<&Flow<T>> {
        self.flows.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: FlowId) -> Option<&mut Flow<T>> {
        self.flows.get_mut(&id)
    }

    /// The flow between these ends.
    pub(super) fn of(&self, ends: &Ends) -> Option<FlowId> {
        self.by_ends.get(ends).copied()
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (FlowId, &Flow<T>)> {
        self.flows.iter().map(|(id, flow)| (*id, flow))
    }

    /// A client sent a datagram; `room` = another flow may be opened.
    pub(super) fn admit(&mut self, ends: &Ends, room: bool) -> Admission<T> {
        if let Some(id) = self.by_ends.get(ends) {
            return Admission::Known(*id);
        }
        if room {
            return Admission::Fresh;
        }
        let oldest = self.unproven.first().copied();
        oldest.and_then(|id| self.end(id)).map_or(Admission::Full, Admission::Instead)
    }

    /// Opens a flow; there must be none between these ends.
    pub(super) fn open(&mut self, ends: Ends, held: T, now: Instant) -> FlowId {
        let id = FlowId(self.next);
        self.next += 1;
        let due = now + self.idle;
        let flow = Flow {
            ends,
            opened: now,
            bytes_in: 0,
            bytes_out: 0,
            held,
            seen: now,
            proven: false,
            until: None,
            due,
        };
        self.flows.insert(id, flow);
        self.by_ends.insert(ends, id);
        self.agenda.insert((due, id));
        self.unproven.insert(id);
        id
    }

    /// A datagram of this flow went to its backend.
    pub(super) fn sent(&mut self, id: FlowId, bytes: usize, now: Instant) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        flow.bytes_in += bytes as u64;
        flow.seen = now;
        if !flow.proven && now.saturating_duration_since(flow.opened) >= PROVEN_AFTER {
            flow.proven = true;
            self.unproven.remove(&id);
        }
    }

    /// A datagram of this flow went to its client.
    pub(super) fn answered(&mut self, id: FlowId, bytes: usize, now: Instant) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        flow.bytes_out += bytes as u64;
        flow.seen = now;
        if !std::mem::replace(&mut flow.proven, true) {
            self.unproven.remove(&id);
        }
    }

    /// Ends a flow.
    pub(super) fn end(&mut self, id: FlowId) -> Option<Flow<T>> {
        let flow = self.flows.remove(&id)?;
        self.by_ends.remove(&flow.ends);
        self.agenda.remove(&(flow.due, id));
        self.unproven.remove(&id);
        Some(flow)
    }

    /// The next flow that has ended by itself; to be asked until there is none.
    pub(super) fn over(&mut self, now: Instant) -> Option<(Flow<T>, Over)> {
        loop {
            let (due, id) = *self.agenda.first()?;
            if due > now {
                return None;
            }
            let flow = self.flows.get(&id)?;
            let over = if flow.until.is_some_and(|until| until <= now) {
                Over::Due
            } else if flow.seen + self.idle <= now {
                Over::Idle
            } else {
                // Something was said meanwhile: a datagram moves no deadline.
                self.schedule(id);
                continue;
            };
            return self.end(id).map(|flow| (flow, over));
        }
    }

    /// From now on flows end when nothing was said for so long.
    pub(super) fn set_idle(&mut self, idle: Duration) {
        if std::mem::replace(&mut self.idle, idle) != idle {
            let all: Vec<FlowId> = self.flows.keys().copied().collect();
            all.into_iter().for_each(|id| self.schedule(id));
        }
    }

    /// A flow is to end by then, whatever is said; `None` = it may go on.
    pub(super) fn end_by(&mut self, id: FlowId, until: Option<Instant>) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        if flow.until != until {
            flow.until = until;
            self.schedule(id);
        }
    }

    /// Puts a flow where it belongs on the agenda.
    fn schedule(&mut self, id: FlowId) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        self.agenda.remove(&(flow.due, id));
        let quiet = flow.seen + self.idle;
        flow.due = flow.until.map_or(quiet, |until| until.min(quiet));
        self.agenda.insert((flow.due, id));
    }
}
