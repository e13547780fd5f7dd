//! An address whose handshakes never complete, as when a firewall drops them.

use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 8;

/// An address that accepts every connection until told to swallow them: then its queue is full
/// and nobody accepts, so every SYN is dropped.
pub(crate) struct BlackHole {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    swallows: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
    fillers: Vec<TcpStream>,
}

impl BlackHole {
    /// One that swallows from the start.
    pub(crate) fn open() -> Self {
        let mut hole = Self::listening();
        hole.swallow();
        hole
    }

    /// One that accepts for now.
    pub(crate) fn listening() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&any.into()).expect("a free loopback port");
        socket.listen(BACKLOG).expect("a bound socket");
        let listener = TcpListener::from(socket);
        let accepting = listener.try_clone().expect("a file descriptor");
        let swallows = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&swallows);
        let acceptor =
            thread::spawn(
                move || {
                    while accepting.accept().is_ok() && !stop.load(Ordering::SeqCst) {}
                },
            );
        let address = listener.local_addr().expect("a bound socket");
        Self { address, listener, swallows, acceptor: Some(acceptor), fillers: Vec::new() }
    }

    /// Accepts no more, and lets the queue run full.
    pub(crate) fn swallow(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.swallows.store(true, Ordering::SeqCst);
        // The acceptor looks up at the next connection.
        drop(TcpStream::connect(self.address).expect("it still accepts"));
        acceptor.join().expect("the acceptor only accepts");
        let patience = Duration::from_millis(200);
        while let Ok(filler) = TcpStream::connect_timeout(&self.address, patience) {
            self.fillers.push(filler);
        }
    }
}

impl Drop for BlackHole {
    fn drop(&mut self) {
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("the acceptor only accepts");
        }
    }
}
