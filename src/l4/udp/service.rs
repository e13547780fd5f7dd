//! The flows of one listening address on one worker, with their sockets.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::poll_fn;
use std::io;
use std::net::UdpSocket;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use tokio::sync::Notify;

use super::flow::Held;
use super::flows::{Admission, Ends, Flow, FlowId, Flows, Over};
use crate::balance::ip_hash;
use crate::config::Protocol;
use crate::config::defaults::DRAIN_DEADLINE;
use crate::l4::stays::{Stay, ends_at};
use crate::l4::worker::Worker;
use crate::live::Place;
use crate::model::{Address, ConnectionRefused, DatagramDropped, ForwardEnded};
use crate::net::{Correspondent, Datagrams, Run};
use crate::table::{Forward, Guest, Lease, Limited, Listener, Seating, Table};
use crate::worker::{Acceptor, DrainKey, Entered, listener_id};

/// While nothing new is taken, a flow is over when nothing was said for so long.
const QUIET: Duration = Duration::from_secs(1);

/// A listening address, served.
#[derive(Debug)]
pub(in crate::l4) struct Service {
    worker: Rc<Worker>,
    acceptor: Rc<Acceptor>,
    socket: Datagrams,
    /// Bound to all addresses: answers must say which one was asked.
    everywhere: bool,
    flows: RefCell<Flows<Held>>,
    /// A drain was seen in the last table.
    draining: Cell<bool>,
    /// Notified when nothing new is taken and the last flow has ended.
    over: Notify,
}

/// Where a new flow goes.
struct Chosen {
    lease: Lease,
    place: Option<Place>,
    forward: Arc<Forward>,
    pool: Arc<str>,
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Service {
    /// Takes a bound socket over.
    ///
    /// # Errors
    /// What the system says of it.
    pub(in crate::l4) fn new(
        worker: &Rc<Worker>,
        acceptor: &Rc<Acceptor>,
        socket: UdpSocket,
    ) -> io::Result<Rc<Self>> {
        let idle = worker
            .with_table(|table, _| acceptor.with_listener(table, |listener, _| idle(listener)));
        Ok(Rc::new(Self {
            worker: Rc::clone(worker),
            acceptor: Rc::clone(acceptor),
            socket: Datagrams::new(socket)?,
            everywhere: acceptor.live.local.ip().is_unspecified(),
            flows: RefCell::new(Flows::new(idle)),
            draining: Cell::new(false),
            over: Notify::new(),
        }))
    }

    /// Serves until the address is closed and its last flow has ended.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub(in crate::l4) async fn run(self: Rc<Self>) -> io::Result<()> {
        tokio::select! {
            error = self.receive() => Err(error),
            () = self.over.notified() => Ok(()),
        }
    }

    /// Nothing new is taken any more.
    fn is_closing(&self) -> bool {
        self.acceptor.removed.get() || self.worker.closing.get()
    }

    /// Takes what clients send, until the socket fails. Nothing that a client does comes back as
    /// an error there.
    async fn receive(self: &Rc<Self>) -> io::Error {
        poll_fn(|cx| {
            loop {
                let batch = &mut *self.worker.datagrams.borrow_mut();
                if let Err(error) = ready!(self.socket.poll_receive(cx, batch)) {
                    return Poll::Ready(error);
                }
                let now = now();
                batch.runs().for_each(|run| self.forward(&run, now));
            }
        })
        .await
    }

    /// Takes a client's datagrams to its flow's backend.
    fn forward(self: &Rc<Self>, run: &Run<'_>, now: Instant) {
        let local = run.to.filter(|to| self.everywhere && !to.is_multicast());
        let ends = Ends { client: run.from, local };
        if !self.pass_joined(ends, run, now) {
            run.datagrams().for_each(|bytes| self.forward_one(ends, bytes, now));
        }
    }

    /// Passes on what came together in one go, if its flow is known and the way takes it so.
    fn pass_joined(&self, ends: Ends, run: &Run<'_>, now: Instant) -> bool {
        let mut flows = self.flows.borrow_mut();
        let Some(id) = flows.of(&ends) else { return false };
        let Some(flow) = flows.get(id) else { return false };
        match self.socket.pass_joined(&flow.held.backend, run) {
            Ok(true) => {}
            Err(error) if is_unreachable(&error) => {
                // It was an earlier one that came back; these may still be delivered elsewhere.
                drop(flows);
                self.unreachable(id, now);
                return false;
            }
            Ok(false) | Err(_) => return false,
        }
        let bytes = run.datagrams().map(<[u8]>::len).sum::<usize>();
        flow.held.lease.live.worker(self.worker.index).bytes_sent.add(bytes as u64);
        flows.sent(id, bytes, now);
        self.tell(&flows, id);
        true
    }

    /// Takes a client's datagram to its flow's backend.
    fn forward_one(self: &Rc<Self>, ends: Ends, bytes: &[u8], now: Instant) {
        let Some(id) = self.flow(ends, &[], now) else { return };
        let Err(error) = self.send(id, bytes, now) else { return };
        if !is_unreachable(&error) {
            return self.drop_one(lost(&error));
        }
        // It was an earlier datagram that came back; this one may still be delivered elsewhere.
        let refused = self.flows.borrow().get(id).map(|flow| flow.held.lease.live.id);
        self.unreachable(id, now);
        let Some(id) = self.flow(ends, refused.as_slice(), now) else { return };
        if let Err(error) = self.send(id, bytes, now) {
            self.drop_one(lost(&error));
        }
    }

    fn send(&self, id: FlowId, bytes: &[u8], now: Instant) -> io::Result<()> {
        let mut flows = self.flows.borrow_mut();
        let Some(flow) = flows.get(id) else { return Ok(()) };
        flow.held.backend.send(bytes)?;
        let counters = flow.held.lease.live.worker(self.worker.index);
        counters.bytes_sent.add(bytes.len() as u64);
        flows.sent(id, bytes.len(), now);
        self.tell(&flows, id);
        Ok(())
    }

    /// The flow between these ends, opened if need be and if it may; `tried` = backends that it
    /// should not go to.
    fn flow(self: &Rc<Self>, ends: Ends, tried: &[u64], now: Instant) -> Option<FlowId> {
        if let Some(id) = self.flows.borrow_mut().of(&ends) {
            return Some(id);
        }
        let opened = self.enter(&ends, now).and_then(|entered| {
            let chosen = self.chosen(&ends, tried)?;
            self.open(ends, chosen, entered, now)
        });
        opened.map_err(|why| self.drop_one(why)).ok()
    }

    /// Counts a flow in, instead of one that has not proven itself if need be.
    fn enter(&self, ends: &Ends, now: Instant) -> Result<Entered, DatagramDropped> {
        if self.is_closing() {
            return Err(DatagramDropped::Closing);
        }
        let admitted = self.acceptor.admit(ends.client).map_err(|why| match why {
            ConnectionRefused::Denied => DatagramDropped::Denied,
            ConnectionRefused::PerClient => DatagramDropped::PerClient,
            ConnectionRefused::Memory => DatagramDropped::NoRoom,
        })?;
        let max = self.acceptor.connections_max();
        let room = self.acceptor.live.open() < max;
        let admission = self.flows.borrow_mut().admit(ends, room);
        if let Admission::Instead(flow) = admission {
            self.ended(&flow, ForwardEnded::Evicted, now);
        }
        admitted.enter(max).ok_or(DatagramDropped::NoRoom)
    }

    fn chosen(&self, ends: &Ends, tried: &[u64]) -> Result<Chosen, DatagramDropped> {
        self.worker.with_table(|table, picker| {
            let forward = self
                .acceptor
                .with_listener(table, |listener, _| listener.forward(None).map(Arc::clone));
            let forward = forward.ok_or(DatagramDropped::NoBackend)?;
            let pool = table.pool(forward.split.choose(picker));
            let pool = pool.ok_or(DatagramDropped::NoBackend)?;
            if pool.admits(forward.policy.priority, picker, self.worker.index).is_err() {
                return Err(DatagramDropped::Shed);
            }
            let key = ip_hash::address_key(ends.client.ip());
            let (takes, key) = (Limited::Connections, Some(key));
            let guest = Guest { takes, key, tried, in_line: false };
            let mut seating = pool.seat(picker, &guest);
            if matches!(seating, Seating::None) && !tried.is_empty() {
                // There is no other.
                seating = pool.seat(picker, &Guest { tried: &[], ..guest });
            }
            match seating {
                Seating::Taken(lease, place) => {
                    let pool = Arc::clone(&pool.name);
                    Ok(Chosen { lease, place, forward, pool })
                }
                Seating::Full => Err(DatagramDropped::NoRoom),
                Seating::None => Err(DatagramDropped::NoBackend),
            }
        })
    }

    fn open(
        self: &Rc<Self>,
        ends: Ends,
        chosen: Chosen,
        entered: Entered,
        now: Instant,
    ) -> Result<FlowId, DatagramDropped> {
        let Chosen { lease, place, forward, pool } = chosen;
        let counters = lease.live.worker(self.worker.index);
        counters.requests.add(1);
        let connected = match &lease.address {
            Address::Inet(address) => Correspondent::connect(*address),
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        };
        let backend = connected.map(Rc::new).map_err(|_| DatagramDropped::Unsent)?;
        counters.connects.add(1);
        self.acceptor.live.worker(self.worker.index).accepted.add(1);
        let mut flows = self.flows.borrow_mut();
        let time = (self.worker.clock)();
        // The task learns its flow's name when it first runs, which is after this.
        let answers = tokio::task::spawn_local(Rc::clone(self).answers(ends, Rc::clone(&backend)));
        let answers = answers.abort_handle();
        let (_place, _entered, stay) = (place, entered, None);
        let held = Held { backend, lease, _place, _entered, forward, pool, time, answers, stay };
        Ok(flows.open(ends, held, now))
    }

    /// Passes a backend's answers on, in their order.
    async fn answers(self: Rc<Self>, ends: Ends, backend: Rc<Correspondent>) {
        let Admission::Known(id) = self.flows.borrow_mut().admit(&ends, true) else { return };
        let answers = poll_fn(|cx| {
            loop {
                let batch = &mut *self.worker.datagrams.borrow_mut();
                if let Err(error) = ready!(self.socket.poll_answers(cx, &backend, batch)) {
                    return Poll::Ready(error);
                }
                let now = now();
                batch.runs().for_each(|run| self.answer(id, ends, &run, now));
            }
        });
        let error = tokio::select! {
            error = answers => error,
            error = backend.failed() => error,
        };
        if is_unreachable(&error) {
            self.unreachable(id, now());
            return;
        }
        let ended = self.flows.borrow_mut().end(id);
        if let Some(flow) = ended {
            self.ended(&flow, ForwardEnded::BackendReset, now());
        }
    }

    fn answer(&self, id: FlowId, ends: Ends, run: &Run<'_>, now: Instant) {
        let joined = self.socket.send_joined(ends.client, ends.local, run).unwrap_or(false);
        let sent = run.datagrams().filter(|bytes| {
            let sent = match joined {
                true => Ok(()),
                false => self.socket.send(ends.client, ends.local, bytes),
            };
            sent.map_err(|error| self.drop_one(lost(&error))).is_ok()
        });
        let (count, bytes) =
            sent.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes.len()));
        if count == 0 {
            return;
        }
        let mut flows = self.flows.borrow_mut();
        flows.answered(id, bytes, now);
        if let Some(flow) = flows.get(id) {
            let counters = flow.held.lease.live.worker(self.worker.index);
            counters.bytes_received.add(bytes as u64);
        }
        self.tell(&flows, id);
    }

    /// Tells the ledger what has moved, if a drain is held open.
    fn tell(&self, flows: &Flows<Held>, id: FlowId) {
        let Some(flow) = flows.get(id) else { return };
        if let Some(stay) = flow.held.stay {
            self.worker.stays.moved(stay, flow.bytes_in, flow.bytes_out);
        }
    }

    /// The network said that nobody listens there: as good as a refused connection.
    fn unreachable(&self, id: FlowId, now: Instant) {
        let ended = self.flows.borrow_mut().end(id);
        let Some(flow) = ended else { return };
        flow.held.lease.live.worker(self.worker.index).connect_failures.add(1);
        self.worker.suspects.notify_one();
        self.ended(&flow, ForwardEnded::Unreachable, now);
    }

    fn drop_one(&self, why: DatagramDropped) {
        self.worker.counters().dropped_datagrams[why as usize].add(1);
    }

    fn ended(&self, flow: &Flow<Held>, ended: ForwardEnded, now: Instant) {
        self.worker.with_table(|table, _| self.ended_in(table, flow, ended, now));
    }

    fn ended_in(&self, table: &Table, flow: &Flow<Held>, ended: ForwardEnded, now: Instant) {
        self.acceptor.with_listener(table, |listener, _| {
            Held::finish(flow, ended, &self.worker, listener, now);
        });
    }

    /// Ends what is due; called at each round of upkeep.
    pub(in crate::l4) fn tick(&self) {
        let now = now();
        if self.is_closing() {
            self.flows.borrow_mut().set_idle(QUIET);
        }
        loop {
            let over = self.flows.borrow_mut().over(now);
            let Some((flow, over)) = over else { break };
            let ended = match over {
                Over::Idle => ForwardEnded::Idle,
                Over::Due => ForwardEnded::Drained,
            };
            self.ended(&flow, ended, now);
        }
        if self.is_closing() && self.flows.borrow().is_empty() {
            self.over.notify_one();
        }
    }

    /// Looks at a new table: backends may be down or drained, and times may have changed.
    pub(in crate::l4) fn follow(&self, table: &Table) {
        let now = now();
        let idle = self.acceptor.with_listener(table, |listener, _| idle(listener));
        if !self.is_closing() {
            self.flows.borrow_mut().set_idle(idle);
        }
        let down: HashSet<u64> = table.down().map(|backend| backend.live.id).collect();
        let drains = !self.worker.drains.all().is_empty() || self.acceptor.removed.get();
        if down.is_empty() && !drains && !self.draining.replace(drains) {
            return;
        }
        self.draining.set(drains);
        let flows: Vec<(FlowId, u64)> = {
            let flows = self.flows.borrow();
            flows.iter().map(|(id, flow)| (id, flow.held.lease.live.id)).collect()
        };
        for (id, backend) in flows {
            // There is no connection to be spared: the next datagram goes to another backend.
            let dead = down.contains(&backend).then(|| self.flows.borrow_mut().end(id)).flatten();
            match dead {
                Some(flow) => self.ended_in(table, &flow, ForwardEnded::BackendDown, now),
                None => self.heed_drain(id, backend, now),
            }
        }
    }

    /// Sees whether a flow is drained, and until when it may stay.
    fn heed_drain(&self, id: FlowId, backend: u64, now: Instant) {
        let listener = listener_id(&self.acceptor.live);
        let drain = self.worker.drains.of(listener, backend);
        let mut flows = self.flows.borrow_mut();
        let Some(flow) = flows.get_mut(id) else { return };
        let until = match (drain, flow.held.stay) {
            (Some((key, since, until)), stay) => {
                let stay = stay.unwrap_or_else(|| self.worker.stays.enter(stay_of(flow, key)));
                flow.held.stay = Some(stay);
                let opened = tokio::time::Instant::from_std(flow.opened);
                Some(ends_at(opened, since, until, stay).into_std())
            }
            (None, Some(stay)) => {
                self.worker.stays.leave(stay);
                flow.held.stay = None;
                None
            }
            // Gone from the configuration.
            (None, None) if self.acceptor.removed.get() => Some(now + DRAIN_DEADLINE),
            (None, None) => None,
        };
        flows.end_by(id, until);
    }
}

impl Drop for Service {
    /// The process ends, and its flows with it.
    fn drop(&mut self) {
        let now = now();
        let all: Vec<FlowId> = self.flows.borrow().iter().map(|(id, _)| id).collect();
        for id in all {
            let ended = self.flows.borrow_mut().end(id);
            if let Some(flow) = ended {
                self.ended(&flow, ForwardEnded::Shutdown, now);
            }
        }
    }
}

fn idle(listener: &Listener) -> Duration {
    match &listener.settings.protocol {
        Protocol::Udp(udp) => udp.idle,
        Protocol::Http | Protocol::Tcp(_) => QUIET,
    }
}

fn stay_of(flow: &Flow<Held>, drain: DrainKey) -> Stay {
    Stay {
        drain: Some(drain),
        client: flow.ends.client,
        protocol: "udp",
        route: Arc::clone(&flow.held.forward.policy.name),
        started: tokio::time::Instant::from_std(flow.opened),
        bytes_in: flow.bytes_in,
        bytes_out: flow.bytes_out,
    }
}

/// Did the network say that nobody listens?
fn is_unreachable(error: &io::Error) -> bool {
    let says = [Errno::CONNREFUSED, Errno::HOSTUNREACH, Errno::NETUNREACH];
    says.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// How a datagram that could not be sent is counted.
fn lost(error: &io::Error) -> DatagramDropped {
    if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) {
        DatagramDropped::TooLarge
    } else {
        DatagramDropped::Unsent
    }
}
