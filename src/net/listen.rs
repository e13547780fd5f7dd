//! Opens listening sockets, one per worker on the same address.
//!
//! `SO_REUSEPORT` lets the kernel spread connections over the workers' sockets, but it would also
//! let a second instance bind the same port and silently take half of the traffic. So the first
//! socket binds and listens *without* it, which fails if anyone listens there, and only then is
//! marked, which lets the other workers' sockets join. There is no moment at which two instances both succeed.
//!
//! Where the client speaks first, as in HTTP, the kernel keeps a connection to itself until something
//! has arrived on it: one wake-up instead of two, and no waiting for a request that is not there yet.
//! Measured with a new connection per request that is a fifth of the whole cost. A client that
//! connects and stays silent is handed out after about a second.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Socket, Type};

use super::descriptor::defer_accept;
use crate::config::{Listener, Protocol};

/// How long, in seconds, the kernel waits for a client's first bytes before it hands the connection
/// out without.
const FIRST_BYTES_S: i32 = 1;

/// Who sends the first bytes on a listener's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstWord {
    /// The client, as in HTTP and TLS.
    Client,
    /// The client or the server, as the protocol behind has it.
    Either,
}

impl FirstWord {
    /// Who does on this listener. A proxy in front that must introduce its client, or a client that
    /// is routed by its TLS hello, speaks first whatever comes then.
    #[must_use]
    pub fn on(listener: &Listener) -> Self {
        let introduced = listener.proxy_protocol.as_ref().is_some_and(|it| it.required);
        match &listener.protocol {
            Protocol::Http => Self::Client,
            Protocol::Tcp(tcp) if introduced || tcp.asks_for_hello() => Self::Client,
            Protocol::Tcp(_) | Protocol::Udp(_) => Self::Either,
        }
    }

    /// Has a listening socket go by it.
    pub(super) fn apply(self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let wait_s = match self {
            Self::Client => FIRST_BYTES_S,
            Self::Either => 0,
        };
        defer_accept(socket, wait_s)
    }
}

/// The accept queue asked for; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Opens `count` listening sockets on `address`; with port 0, all on the same free port.
///
/// Accepted connections inherit `TCP_NODELAY` from the listener, which saves a system call each.
///
/// # Errors
/// The address is in use (also by another instance of this program) or may not be bound.
pub fn listen(
    address: SocketAddr,
    count: usize,
    first_word: FirstWord,
) -> io::Result<Vec<TcpListener>> {
    let first = open(address, first_word)?;
    first.bind(&address.into())?;
    claim(&first)?;
    let bound = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..count {
        let socket = open(address, first_word)?;
        socket.set_reuse_port(true)?;
        socket.bind(&bound)?;
        sockets.push(socket);
    }
    for socket in &sockets[1..] {
        socket.listen(BACKLOG)?;
    }
    Ok(sockets.into_iter().map(TcpListener::from).collect())
}

/// Opens `count` sockets for datagrams to `address`; with port 0, all on the same free port. The
/// kernel spreads clients over them, each always to the same one.
///
/// # Errors
/// The address is in use (also by another instance of this program) or may not be bound.
pub fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<UdpSocket>> {
    let first = open_for_datagrams(address)?;
    // Bound alone first, which fails if anyone is; only then may others of ours join.
    first.bind(&address.into())?;
    first.set_reuse_port(true)?;
    let bound = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..count {
        let socket = open_for_datagrams(address)?;
        socket.set_reuse_port(true)?;
        socket.bind(&bound)?;
        sockets.push(socket);
    }
    Ok(sockets.into_iter().map(UdpSocket::from).collect())
}

fn open_for_datagrams(address: SocketAddr) -> io::Result<Socket> {
    let (domain, kind) = (Domain::for_address(address), Type::DGRAM.nonblocking().cloexec());
    let socket = Socket::new(domain, kind, Some(socket2::Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// Takes the address for this instance alone, then lets others of ours join. Two that only *bound*
/// it, which `SO_REUSEADDR` allows, meet here, and one fails.
fn claim(socket: &Socket) -> io::Result<()> {
    socket.listen(BACKLOG)?;
    socket.set_reuse_port(true)
}

fn open(address: SocketAddr, first_word: FirstWord) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking().cloexec(),
        Some(socket2::Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Without it a restart would have to wait for TIME_WAIT; it does not allow a second listener.
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    first_word.apply(socket.as_fd())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_workers_share_one_free_port() {
        let sockets = listen("127.0.0.1:0".parse().unwrap(), 3, FirstWord::Client).unwrap();
        let ports: Vec<u16> = sockets.iter().map(|s| s.local_addr().unwrap().port()).collect();
        assert_eq!(ports.len(), 3);
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0));
    }

    #[test]
    fn a_second_instance_fails_although_reuse_port_would_let_it_bind() {
        let first = listen("127.0.0.1:0".parse().unwrap(), 2, FirstWord::Client).unwrap();
        let address = first[0].local_addr().unwrap();
        let error = listen(address, 2, FirstWord::Client).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        listen(address, 2, FirstWord::Client).unwrap();
    }

    #[test]
    fn sockets_for_datagrams_share_a_port_among_one_instance_only() {
        let first = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let address = first[0].local_addr().unwrap();
        assert!(first.iter().all(|socket| socket.local_addr().unwrap() == address));
        assert_eq!(bind(address, 3).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        bind(address, 2).unwrap();
    }

    #[test]
    fn of_two_instances_that_start_at_once_one_fails() {
        let address = "127.0.0.1:0".parse().unwrap();
        let one = open(address, FirstWord::Client).unwrap();
        one.bind(&address.into()).unwrap();
        let other = open(address, FirstWord::Client).unwrap();
        other.bind(&one.local_addr().unwrap()).unwrap();
        claim(&one).unwrap();
        assert_eq!(claim(&other).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
