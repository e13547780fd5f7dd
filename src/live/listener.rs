//! A listening address: its sockets, one per worker, and its counters.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use crossbeam_utils::CachePadded;

use super::{Counter, Visitors};
use crate::model::{AcceptPause, ConnectionRefused, Transport};

/// What is counted about one listening address, by one worker.
#[derive(Debug, Default)]
pub struct ListenerCounters {
    /// Connections accepted.
    pub accepted: Counter,
    /// Times accepting paused, indexed by [`AcceptPause`].
    pub pauses: [Counter; AcceptPause::ALL.len()],
    /// Connections closed at once, indexed by [`ConnectionRefused`].
    pub refused: [Counter; ConnectionRefused::ALL.len()],
    /// Requests answered, by class of their final status, index 0 = 1xx (`101`) … 4 = 5xx.
    pub responses: [Counter; 5],
    /// Exchanges that ended without any response.
    pub unanswered: Counter,
}

/// What a worker listens at.
#[derive(Debug)]
pub enum Socket {
    /// Connections come in.
    Stream(TcpListener),
    /// Datagrams come in.
    Datagram(UdpSocket),
}

/// One bound address of a listener.
#[derive(Debug)]
pub struct Listener {
    /// The listener's name.
    pub name: Arc<str>,
    /// As configured; the port may be 0.
    pub bind: SocketAddr,
    /// As bound.
    pub local: SocketAddr,
    /// What comes in there.
    pub transport: Transport,
    /// Who has connections open here.
    pub visitors: Visitors,
    open: CachePadded<AtomicU32>,
    handshakes: CachePadded<AtomicU32>,
    sockets: Box<[Mutex<Option<Socket>>]>,
    workers: Box<[CachePadded<ListenerCounters>]>,
}

impl Listener {
    /// Takes over the sockets bound to one address, one per worker.
    #[must_use]
    pub fn new(
        name: Arc<str>,
        bind: SocketAddr,
        local: SocketAddr,
        transport: Transport,
        sockets: Vec<Socket>,
    ) -> Self {
        let workers = sockets.iter().map(|_| CachePadded::default()).collect();
        let sockets = sockets.into_iter().map(|socket| Mutex::new(Some(socket))).collect();
        let (visitors, open, handshakes) = Default::default();
        Self { name, bind, local, transport, visitors, open, handshakes, sockets, workers }
    }

    /// Hands worker `index` its socket, once.
    pub fn take_socket(&self, index: usize) -> Option<Socket> {
        self.sockets[index].lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The counters that worker `index` writes.
    #[must_use]
    pub fn worker(&self, index: usize) -> &ListenerCounters {
        &self.workers[index]
    }

    /// All workers' counters, to be summed by a reader.
    pub fn workers(&self) -> impl Iterator<Item = &ListenerCounters> {
        self.workers.iter().map(|padded| &**padded)
    }

    /// Open client connections or flows, over all workers.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.open.load(SeqCst)
    }

    /// Counts a connection in, unless `max` are open.
    pub fn open_one(&self, max: u32) -> bool {
        take(&self.open, max)
    }

    /// Counts a connection out.
    pub fn closed(&self) {
        self.open.fetch_sub(1, SeqCst);
    }

    /// TLS handshakes under way, over all workers.
    #[must_use]
    pub fn handshakes(&self) -> u32 {
        self.handshakes.load(SeqCst)
    }

    /// Counts a handshake in, unless `max` are under way.
    pub fn begin_handshake(&self, max: u32) -> bool {
        take(&self.handshakes, max)
    }

    /// Counts a handshake out, however it ended.
    pub fn end_handshake(&self) {
        self.handshakes.fetch_sub(1, SeqCst);
    }
}

/// Adds one, unless it is `max` already.
fn take(count: &AtomicU32, max: u32) -> bool {
    count.fetch_update(SeqCst, SeqCst, |now| (now < max).then_some(now + 1)).is_ok()
}
