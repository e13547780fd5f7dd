//! Datagram sockets: many datagrams with one system call, and answers from the address that was asked.
//!
//! A socket bound to all addresses would answer from whichever the route prefers, and the client,
//! who asked another one, would not know the answer as its own. So what it was sent to comes along
//! with each datagram (`IP_PKTINFO`) and goes back with each answer.
//!
//! Receiving takes what is there, up to a [`Batch`], in one `recvmmsg`; the kernel may have joined
//! datagrams of one sender into one (GRO). Such a [`Run`] is sent on as it came, in one system call
//! (GSO), and its datagrams are told apart again by the kernel or the network card. A call that
//! receives less than it had room for has emptied the socket, so none is spent on hearing "would
//! block".

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, connect, send, sendto, socket_with,
};
use tokio::io::Interest;

use super::descriptor::{Descriptor, allow_fragments, join_datagrams, take_notes};

/// Room for one datagram of any size, or for as many as the kernel joins.
const ROOM: usize = 64 * 1024;
/// Datagrams, joined ones counted as one, that are received at once.
const BATCH: usize = 16;
/// The same for what one backend answers one client: seldom more than one, and each has its price.
const ANSWERS: usize = 4;

/// What was received at once.
#[derive(Debug)]
pub struct Batch {
    /// Untouched pages of it cost nothing.
    room: Box<[u8]>,
    metas: [RecvMeta; BATCH],
    filled: usize,
}

/// One datagram, or several of one sender that came together, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Run<'b> {
    /// Who sent it.
    pub from: SocketAddr,
    /// Which of our addresses it was sent to, where the kernel says so.
    pub to: Option<IpAddr>,
    bytes: &'b [u8],
    /// The length of each, but for the last, which may be shorter.
    each: usize,
}

impl<'b> Run<'b> {
    /// What each datagram says.
    pub fn datagrams(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        // An empty datagram is one, too.
        let empty = self.bytes.is_empty().then_some(self.bytes);
        empty.into_iter().chain(self.bytes.chunks(self.each.max(1)))
    }

    /// Is it more than one?
    fn is_joined(&self) -> bool {
        self.bytes.len() > self.each
    }
}

impl Default for Batch {
    fn default() -> Self {
        let room = vec![0; ROOM * BATCH].into_boxed_slice();
        Self { room, metas: [RecvMeta::default(); BATCH], filled: 0 }
    }
}

impl Batch {
    /// What came, in its order.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let filled = self.metas[..self.filled].iter().zip(self.room.chunks_exact(ROOM));
        filled.map(|(meta, room)| Run {
            from: meta.addr,
            to: meta.dst_ip,
            bytes: &room[..meta.len],
            each: meta.stride,
        })
    }

    fn fill<const N: usize>(
        &mut self,
        state: &UdpSocketState,
        socket: &Descriptor,
    ) -> io::Result<usize> {
        let mut rooms = self.room.chunks_exact_mut(ROOM);
        let mut slices: [IoSliceMut<'_>; N] =
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
pub struct Correspondent {
    socket: Descriptor,
    address: SocketAddr,
}

impl Datagrams {
    /// Takes a bound socket over.
    ///
    /// # Errors
    /// What the system says of the socket, or what this machine lacks.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        let local = socket.local_addr()?;
        // Bound to one address, nothing else can have been asked.
        take_notes(socket.as_fd(), local.is_ipv6(), local.ip().is_unspecified())?;
        // Made for QUIC, which finds out by itself what fits on a path; others rely on fragments.
        sockopt::set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::WANT)?;
        if local.is_ipv6() {
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
        poll_fill::<BATCH>(cx, &self.socket, &self.state, batch)
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
        poll_fill::<ANSWERS>(cx, &from.socket, &self.state, batch)
    }

    /// Sends a datagram to a client, from this address of ours.
    ///
    /// # Errors
    /// It was not sent: there is no room, it is too large, or it may not go there.
    pub fn send(&self, to: SocketAddr, from: Option<IpAddr>, bytes: &[u8]) -> io::Result<()> {
        if from.is_none() {
            // A shorter way for what needs no word to the kernel.
            sendto(&self.socket, bytes, SendFlags::NOSIGNAL, &to)?;
            return Ok(());
        }
        self.transmit(&self.socket, to, from, bytes, None)
    }

    /// Sends what came joined to a client at once. False: it cannot be sent so.
    ///
    /// # Errors
    /// Nothing was sent.
    pub fn send_joined(
        &self,
        to: SocketAddr,
        from: Option<IpAddr>,
        run: &Run<'_>,
    ) -> io::Result<bool> {
        self.joined(&self.socket, to, from, run)
    }

    /// Sends what came joined to a backend at once. False: it cannot be sent so.
    ///
    /// # Errors
    /// Nothing was sent; what the network said of datagrams sent before is told here, too.
    pub fn pass_joined(&self, backend: &Correspondent, run: &Run<'_>) -> io::Result<bool> {
        self.joined(&backend.socket, backend.address, None, run)
    }

    fn joined(
        &self,
        socket: &Descriptor,
        to: SocketAddr,
        from: Option<IpAddr>,
        run: &Run<'_>,
    ) -> io::Result<bool> {
        // Where it did not work once, for want of support or room on the path, it is not tried again.
        if !run.is_joined() || self.state.max_gso_segments() < 2 {
            return Ok(false);
        }
        self.transmit(socket, to, from, run.bytes, Some(run.each))?;
        Ok(true)
    }

    fn transmit(
        &self,
        socket: &Descriptor,
        destination: SocketAddr,
        src_ip: Option<IpAddr>,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> io::Result<()> {
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip };
        self.state.try_send(socket.into(), &transmit)
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
        // A kernel that cannot hands them out one by one.
        let _ = join_datagrams(socket.as_fd());
        Ok(Self { socket: Descriptor::new(socket), address: to })
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// It was not sent; what the network said of one sent before is told here, too.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        send(&self.socket, bytes, SendFlags::NOSIGNAL)?;
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
            let mut guard = self.socket.watch()?.ready(Interest::ERROR).await?;
            if let Err(error) = sockopt::socket_error(&self.socket)? {
                return Ok(error.into());
            }
            // It was told elsewhere.
            guard.clear_ready();
        }
    }
}

fn poll_fill<const N: usize>(
    cx: &mut Context<'_>,
    socket: &Descriptor,
    state: &UdpSocketState,
    batch: &mut Batch,
) -> Poll<io::Result<()>> {
    let watch = socket.watch()?;
    loop {
        let mut guard = ready!(watch.poll_read_ready(cx))?;
        match batch.fill::<N>(state, socket) {
            Ok(n) => {
                if n < N {
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
                for run in batch.runs() {
                    assert_eq!(run.from, client.local_addr().unwrap());
                    assert_eq!(run.to, Some(Ipv4Addr::new(127, 0, 0, 9).into()));
                    received.extend(run.datagrams().map(<[u8]>::to_vec));
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
        let run = batch.runs().next().unwrap();
        // Larger than any path takes at once.
        let answer = vec![7; 20_000];
        ours.send(run.from, run.to, &answer).unwrap();
        let mut bytes = vec![0; 65_536];
        // A connected socket hears nobody else.
        assert_eq!(client.recv(&mut bytes).unwrap(), answer.len());
    }

    /// Sends these joined, as a kernel does that joins what comes together, and receives them.
    async fn received_of(sent: &[u8], each: usize) -> (Datagrams, UdpSocket, Batch) {
        let (ours, client) = pair();
        let segmented = UdpSocketState::new((&client).into()).unwrap();
        let transmit = Transmit {
            destination: client.peer_addr().unwrap(),
            ecn: None,
            contents: sent,
            segment_size: Some(each),
            src_ip: None,
        };
        segmented.try_send((&client).into(), &transmit).unwrap();
        let mut batch = Batch::default();
        receive(&ours, &mut batch).await;
        (ours, client, batch)
    }

    #[tokio::test]
    async fn what_came_joined_goes_on_joined_and_arrives_apart() {
        let sent: Vec<u8> = (0..=255).cycle().take(5 * 200 + 30).collect();
        let (ours, client, batch) = received_of(&sent, 200).await;
        let run = batch.runs().next().unwrap();
        let apart: Vec<_> = sent.chunks(200).collect();
        if run.is_joined() {
            assert_eq!(run.datagrams().collect::<Vec<_>>(), apart);
            assert!(ours.send_joined(run.from, run.to, &run).unwrap());
        } else {
            println!("skipped: this kernel joins no datagrams");
            return;
        }
        let mut bytes = vec![0; 65_536];
        // The client's socket joins what it gets, but is asked without saying so.
        let mut got = 0;
        while got < sent.len() {
            got += client.recv(&mut bytes).unwrap();
        }
        assert_eq!(got, sent.len());

        let backend = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let correspondent = Correspondent::connect(backend.local_addr().unwrap()).unwrap();
        assert!(ours.pass_joined(&correspondent, &run).unwrap());
        for expected in apart {
            let n = backend.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..n], expected, "each by itself");
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_the_path_joined_is_refused_whole() {
        // Loopback takes no more than 64 KiB at once.
        let (ours, client, _) = received_of(b"question", 8).await;
        let bytes = vec![7; 2 * 65_000];
        let run = Run { from: client.local_addr().unwrap(), to: None, bytes: &bytes, each: 65_000 };
        assert!(ours.send_joined(run.from, None, &run).is_err());
        let one = Run { bytes: b"one", each: 3, ..run };
        assert!(!ours.send_joined(run.from, None, &one).unwrap());
    }

    #[tokio::test]
    async fn what_nobody_listens_to_is_told_to_who_sends_joined_as_well() {
        let (ours, _client, batch) = received_of(&[7; 400], 200).await;
        let run = batch.runs().next().unwrap();
        let gone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let backend = Correspondent::connect(gone).unwrap();
        if !ours.pass_joined(&backend, &run).unwrap() {
            println!("skipped: this kernel joins no datagrams");
            return;
        }
        drop(backend.socket.watch().unwrap().ready(Interest::ERROR).await.unwrap());
        let error = ours.pass_joined(&backend, &run).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn what_nobody_listens_to_is_told() {
        let gone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let backend = Correspondent::connect(gone).unwrap();
        backend.send(b"anybody?").unwrap();
        assert_eq!(backend.failed().await.kind(), io::ErrorKind::ConnectionRefused);
    }
}
