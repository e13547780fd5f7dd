//! Datagram sockets: many datagrams with one system call, and answers from the address that was asked.
//!
//! A socket bound to all addresses would answer from whichever the route prefers, and the client,
//! who asked another one, would not know the answer as its own. So what it was sent to comes along
//! with each datagram (`IP_PKTINFO`) and goes back with each answer.
//!
//! Receiving takes what is there, up to a [`Batch`], in one `recvmmsg`; the kernel may have joined
//! datagrams of one sender into one (GRO), which are told apart again here. A call that returns
//! less than a batch has emptied the socket, so none is spent on hearing "would block".

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, connect, send, socket_with};
use tokio::io::Interest;

use super::descriptor::{Descriptor, allow_fragments, take_no_time_stamps};

/// Room for one datagram of any size, or for as many as the kernel joins.
const ROOM: usize = 64 * 1024;
/// Datagrams, joined ones counted as one, that are received at once.
const BATCH: usize = 16;

/// What was received at once.
#[derive(Debug)]
pub struct Batch {
    /// Untouched pages of it cost nothing.
    room: Box<[u8]>,
    metas: [RecvMeta; BATCH],
    filled: usize,
}

/// One datagram.
#[derive(Clone, Copy, Debug)]
pub struct Received<'b> {
    /// Who sent it.
    pub from: SocketAddr,
    /// Which of our addresses it was sent to, where the kernel says so.
    pub to: Option<IpAddr>,
    /// What it says.
    pub bytes: &'b [u8],
}

impl Default for Batch {
    fn default() -> Self {
        let room = vec![0; ROOM * BATCH].into_boxed_slice();
        Self { room, metas: [RecvMeta::default(); BATCH], filled: 0 }
    }
}

impl Batch {
    /// The datagrams, in the order in which they came.
    pub fn datagrams(&self) -> impl Iterator<Item = Received<'_>> {
        let filled = self.metas[..self.filled].iter().zip(self.room.chunks_exact(ROOM));
        filled.flat_map(|(meta, room)| {
            let (bytes, stride) = (&room[..meta.len], meta.stride.max(1));
            // An empty datagram is one, too.
            let empty = bytes.is_empty().then_some(bytes);
            let one = |bytes| Received { from: meta.addr, to: meta.dst_ip, bytes };
            empty.into_iter().chain(bytes.chunks(stride)).map(one)
        })
    }

    fn fill(&mut self, state: &UdpSocketState, socket: &Descriptor) -> io::Result<usize> {
        let mut rooms = self.room.chunks_exact_mut(ROOM);
        let mut slices: [IoSliceMut<'_>; BATCH] =
            std::array::from_fn(|_| IoSliceMut::new(rooms.next().unwrap_or_default()));
        self.filled = 0;
        self.filled = state.recv(socket.into(), &mut slices, &mut self.metas)?;
        Ok(self.filled)
    }
}

/// A socket that clients write to.
#[derive(Debug)]
pub struct Datagrams {
    socket: Descriptor,
    state: UdpSocketState,
}

/// A socket that is connected to one backend: nobody else's datagrams come in there.
#[derive(Debug)]
pub struct Correspondent(Descriptor);

impl Datagrams {
    /// Takes a bound socket over.
    ///
    /// # Errors
    /// What the system says of the socket, or what this machine lacks.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        take_no_time_stamps(socket.as_fd())?;
        // Made for QUIC, which finds out by itself what fits on a path; others rely on fragments.
        sockopt::set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::WANT)?;
        if socket.local_addr()?.is_ipv6() {
            sockopt::set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::WANT)?;
            allow_fragments(socket.as_fd())?;
        }
        let socket = Descriptor::new(socket.into());
        socket.watch()?;
        Ok(Self { socket, state })
    }

    /// Receives what clients have sent.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub fn poll_receive(&self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        poll_fill(cx, &self.socket, &self.state, batch)
    }

    /// Receives what a backend has sent.
    ///
    /// # Errors
    /// What the system says of the socket: what came back of datagrams sent before, as a rule.
    pub fn poll_answers(
        &self,
        cx: &mut Context<'_>,
        from: &Correspondent,
        batch: &mut Batch,
    ) -> Poll<io::Result<()>> {
        poll_fill(cx, &from.0, &self.state, batch)
    }

    /// Sends a datagram to a client, from this address of ours.
    ///
    /// # Errors
    /// It was not sent: there is no room, it is too large, or it may not go there.
    pub fn send(&self, to: SocketAddr, from: Option<IpAddr>, bytes: &[u8]) -> io::Result<()> {
        let (destination, contents, src_ip) = (to, bytes, from);
        let transmit = Transmit { destination, ecn: None, contents, segment_size: None, src_ip };
        self.state.try_send((&self.socket).into(), &transmit)
    }
}

impl Correspondent {
    /// Opens a socket to a backend.
    ///
    /// # Errors
    /// What this machine lacks, or that there is no way there.
    pub fn connect(to: SocketAddr) -> io::Result<Self> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::DGRAM, flags, None)?;
        connect(&socket, &to)?;
        Ok(Self(Descriptor::new(socket)))
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// It was not sent; what the network said of one sent before is told here, too.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        send(&self.0, bytes, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Waits for what the network says of datagrams sent before: that nobody listens there, as a
    /// rule. Nothing becomes readable by it.
    pub async fn failed(&self) -> io::Error {
        match self.failure().await {
            Ok(error) | Err(error) => error,
        }
    }

    async fn failure(&self) -> io::Result<io::Error> {
        loop {
            let mut guard = self.0.watch()?.ready(Interest::ERROR).await?;
            if let Err(error) = sockopt::socket_error(&self.0)? {
                return Ok(error.into());
            }
            // It was told elsewhere.
            guard.clear_ready();
        }
    }
}

fn poll_fill(
    cx: &mut Context<'_>,
    socket: &Descriptor,
    state: &UdpSocketState,
    batch: &mut Batch,
) -> Poll<io::Result<()>> {
    let watch = socket.watch()?;
    loop {
        let mut guard = ready!(watch.poll_read_ready(cx))?;
        match batch.fill(state, socket) {
            Ok(n) => {
                if n < BATCH {
                    guard.clear_ready();
                }
                return Poll::Ready(Ok(()));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::Ipv4Addr;

    use super::*;

    fn pair() -> (Datagrams, UdpSocket) {
        let ours = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        // Any of the loopback addresses: not the one that a route would prefer.
        client.connect((Ipv4Addr::new(127, 0, 0, 9), ours.local_addr().unwrap().port())).unwrap();
        (Datagrams::new(ours).unwrap(), client)
    }

    async fn receive(ours: &Datagrams, batch: &mut Batch) {
        poll_fn(|cx| ours.poll_receive(cx, batch)).await.unwrap();
    }

    #[tokio::test]
    async fn each_datagram_comes_whole_in_order_and_with_the_address_it_was_sent_to() {
        let (ours, client) = pair();
        let sent: Vec<Vec<u8>> = (0..40).map(|n| vec![n; usize::from(n) * 1_000]).collect();
        let mut batch = Batch::default();
        let mut received = Vec::new();
        for part in sent.chunks(4) {
            for bytes in part {
                client.send(bytes).unwrap();
            }
            let before = received.len();
            while received.len() < before + part.len() {
                receive(&ours, &mut batch).await;
                for datagram in batch.datagrams() {
                    assert_eq!(datagram.from, client.local_addr().unwrap());
                    assert_eq!(datagram.to, Some(Ipv4Addr::new(127, 0, 0, 9).into()));
                    received.push(datagram.bytes.to_vec());
                }
            }
        }
        assert_eq!(received, sent);
    }

    #[tokio::test]
    async fn an_answer_comes_from_the_address_that_was_asked() {
        let (ours, client) = pair();
        client.send(b"question").unwrap();
        let mut batch = Batch::default();
        receive(&ours, &mut batch).await;
        let datagram = batch.datagrams().next().unwrap();
        // Larger than any path takes at once.
        let answer = vec![7; 20_000];
        ours.send(datagram.from, datagram.to, &answer).unwrap();
        let mut bytes = vec![0; 65_536];
        // A connected socket hears nobody else.
        assert_eq!(client.recv(&mut bytes).unwrap(), answer.len());
    }

    #[tokio::test]
    async fn what_nobody_listens_to_is_told() {
        let gone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let backend = Correspondent::connect(gone).unwrap();
        backend.send(b"anybody?").unwrap();
        assert_eq!(backend.failed().await.kind(), io::ErrorKind::ConnectionRefused);
    }
}
