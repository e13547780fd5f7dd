//! A listening address: its sockets, one per worker, and its counters.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crossbeam_utils::CachePadded;

use super::Counter;
use crate::model::Transport;

/// What is counted about one listening address, by one worker.
#[derive(Debug, Default)]
pub struct ListenerCounters {
    /// Connections accepted.
    pub accepted: Counter,
    /// Times accepting paused because as many were open as may.
    pub full: Counter,
    /// Connections closed at once because their clients may not connect.
    pub denied: Counter,
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
    open: CachePadded<AtomicU32>,
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
        Self { name, bind, local, transport, open: CachePadded::default(), sockets, workers }
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
        self.open.load(Relaxed)
    }

    /// Counts a connection in.
    pub fn opened(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    /// Counts a connection out.
    pub fn closed(&self) {
        self.open.fetch_sub(1, Relaxed);
    }
}
