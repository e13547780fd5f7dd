//! A byte stream to a peer, TCP or unix, in clear or encrypted, split into its two directions.
//!
//! The halves borrow the stream, so that one task may read and write at once without a lock or a
//! reference count. Whoever has them sees plain bytes: where TLS was [accepted](Stream::accept_tls), they are
//! opened and sealed beneath.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, recv};

use super::Buffer;
use super::socket::Socket;
use super::tls::{self, Session};
use crate::model::{Address, TlsFailure};

/// A connection to a client or backend.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    tls: Option<Box<RefCell<Session>>>,
}

/// The reading half.
#[derive(Clone, Copy, Debug)]
pub struct ReadHalf<'a>(&'a Stream);

/// The writing half.
#[derive(Clone, Copy, Debug)]
pub struct WriteHalf<'a>(&'a Stream);

impl Stream {
    /// Takes a connected socket over, which must not block; it is not watched yet.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self { socket: Socket::new(fd), tls: None }
    }

    /// Connects to a backend. `speaks` = there is something to be sent at once: the packet that it is
    /// sent in completes the handshake, and one is spared.
    ///
    /// # Errors
    /// What the system says of the connection or of this machine's resources.
    pub async fn connect(address: &Address, speaks: bool) -> io::Result<Self> {
        let (stream, connected) = Self::begin(address, speaks)?;
        if !connected {
            poll_fn(|cx| stream.poll_connected(cx)).await?;
        }
        Ok(stream)
    }

    /// Begins to [`connect`](Self::connect); true = it is connected already.
    ///
    /// # Errors
    /// What the system says of the connection or of this machine's resources.
    pub fn begin(address: &Address, speaks: bool) -> io::Result<(Self, bool)> {
        let (socket, connected) = Socket::begin(address, speaks)?;
        Ok((Self { socket, tls: None }, connected))
    }

    /// Ready once it is connected, or has failed to; not to be asked again then.
    ///
    /// # Errors
    /// What the system says of the connection or of this machine's resources.
    pub fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_connected(cx)
    }

    /// Reads what has arrived into the buffer's spare room (which must not be empty), without waiting;
    /// 0 = nothing has, or the peer's end.
    ///
    /// # Errors
    /// What the system says of the connection; `InvalidInput` if it is encrypted.
    pub fn read_now(&self, buffer: &mut Buffer) -> io::Result<usize> {
        self.in_clear()?;
        let n = self.socket.recv_now(buffer.spare())?;
        buffer.advance(n);
        Ok(n)
    }

    /// Lets the client begin TLS, and encrypts from then on. Nothing must have been read before.
    ///
    /// # Errors
    /// There is no agreement; the client has been told why, as far as it listens.
    pub async fn accept_tls(
        &mut self,
        context: &tls::Context,
        scratch: &Rc<tls::Scratch>,
    ) -> Result<(), TlsFailure> {
        let session = tls::accept(&self.socket, context, scratch).await?;
        self.tls = Some(Box::new(RefCell::new(session)));
        Ok(())
    }

    /// Begins TLS with the server it leads to, and encrypts from then on.
    ///
    /// # Errors
    /// There is no agreement. The kind is `InvalidData` where one side does not believe the other.
    pub async fn begin_tls(
        &mut self,
        server: &tls::Server,
        scratch: &Rc<tls::Scratch>,
    ) -> io::Result<()> {
        let session = tls::connect(&self.socket, server, scratch).await?;
        self.tls = Some(Box::new(RefCell::new(session)));
        Ok(())
    }

    /// Is it encrypted?
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Gives `look` what the handshake with a client has shown, if there was one.
    pub fn with_agreement<T>(&self, look: impl FnOnce(Option<&tls::Agreement>) -> T) -> T {
        match &self.tls {
            Some(tls) => look(Some(tls.borrow().agreement())),
            None => look(None),
        }
    }

    /// Was HTTP/2 agreed on by TLS (RFC 9113 §3.2)?
    #[must_use]
    pub fn speaks_http2(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.borrow().speaks_http2())
    }

    /// Both directions, usable at once.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// Ready when there may be something to read: bytes, the peer's end, or an error. Always ready
    /// while it was not yet tried.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.tls {
            Some(tls) if tls.borrow().holds_plain() => Poll::Ready(Ok(())),
            _ => self.socket.poll_read_ready(cx),
        }
    }

    /// Has nothing arrived that was not read, neither bytes nor an end? For a connection on which
    /// nothing is expected: a byte that did arrive may be lost.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| !tls.borrow().holds_plain()) && self.socket.is_quiet()
    }

    /// Has its peer sent anything, plain or sealed, that was not read?
    #[must_use]
    pub fn has_arrivals(&self) -> bool {
        self.socket.has_arrivals()
    }

    /// Looks at what has arrived, as it came, and leaves it there, until `judge` makes something of it.
    ///
    /// # Errors
    /// What the system says of the connection; `UnexpectedEof` if it ended before that.
    pub fn poll_peek<T>(
        &self,
        cx: &mut Context<'_>,
        room: &mut [u8],
        judge: impl FnMut(&[u8]) -> Option<T>,
    ) -> Poll<io::Result<T>> {
        self.socket.poll_peek(cx, room, judge)
    }

    /// Drops as many bytes, which must have arrived.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub fn discard(&self, n: usize) -> io::Result<()> {
        self.socket.discard(n)
    }

    /// The address its peer connected to, or it connected from; `None` for a unix socket.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.socket.local_address()
    }

    /// Makes the next close a reset, so that the peer cannot take what it got for the whole.
    pub fn reset_on_close(&self) {
        self.socket.set_reset_on_close(true);
    }

    /// What is encrypted cannot be moved past this process.
    fn in_clear(&self) -> io::Result<()> {
        if self.is_encrypted() { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(()) }
    }

    /// Tells an encrypted peer that nothing follows, so that it can take what it got for the whole.
    pub fn say_goodbye(&self) {
        if let Some(tls) = &self.tls {
            tls.borrow_mut().say_goodbye(&self.socket);
        }
    }
}

impl ReadHalf<'_> {
    /// Has the runtime watch it from now on.
    ///
    /// # Errors
    /// What this machine lacks.
    pub fn watch(&self) -> io::Result<()> {
        self.0.socket.watch()
    }

    /// Ready when there may be something to read: bytes, the peer's end, or an error. Always ready
    /// while it is not watched.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx)
    }

    /// Reads into the buffer's spare room; 0 means the peer's end (the room must not be empty).
    ///
    /// # Errors
    /// What the system says of the connection.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Buffer,
    ) -> Poll<io::Result<usize>> {
        let Stream { socket, tls } = self.0;
        match tls {
            None => {
                let n = ready!(socket.poll_recv(cx, buffer.spare()))?;
                buffer.advance(n);
                Poll::Ready(Ok(n))
            }
            Some(tls) => tls.borrow_mut().poll_read(cx, socket, |bytes| buffer.fill(bytes)),
        }
    }

    /// Like [`poll_read`](Self::poll_read), but takes a buffer only once there is something to read.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub fn poll_read_lazily(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Option<Buffer>,
        take: impl Fn() -> Buffer,
    ) -> Poll<io::Result<usize>> {
        self.poll_read_ending(cx, buffer, take).map_ok(|(n, _)| n)
    }

    /// Like [`poll_read_lazily`](Self::poll_read_lazily); tells also whether the peer's end is known to
    /// have arrived, behind all that it has sent.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub fn poll_read_ending(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Option<Buffer>,
        take: impl Fn() -> Buffer,
    ) -> Poll<io::Result<(usize, bool)>> {
        let Stream { socket, tls } = self.0;
        if let Some(tls) = tls {
            let fill = |bytes: &[u8]| roomy(buffer, &take).fill(bytes);
            return tls.borrow_mut().poll_read(cx, socket, fill).map_ok(|n| (n, false));
        }
        let call = |fd: BorrowedFd<'_>| {
            let into = roomy(buffer, &take);
            let size = into.spare().len();
            debug_assert!(size > 0, "reading into a full buffer looks like an end");
            let (n, _) = recv(fd, into.spare(), RecvFlags::empty())?;
            into.advance(n);
            Ok((n, size))
        };
        // A read that leaves room has emptied the socket; the end must be found again.
        let drained = |&(n, size): &(usize, usize)| 0 < n && n < size;
        socket.poll_read_call(cx, call, drained).map_ok(|((n, _), ends)| (n, ends))
    }

    /// Runs a system call on the socket once there is something to read; one that would block waits
    /// for more.
    ///
    /// # Errors
    /// What the call says; `InvalidInput` if the stream is encrypted.
    pub(super) fn poll_call<T>(
        &self,
        cx: &mut Context<'_>,
        call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.0.in_clear()?;
        self.0.socket.poll_read_call(cx, call, |_| false).map_ok(|(done, _)| done)
    }

    /// Waits until the connection is broken by the peer (a reset), beyond a mere half-close.
    pub async fn broken(&self) {
        self.0.socket.broken().await;
    }
}

impl WriteHalf<'_> {
    /// Writes what the socket takes of `bytes`. While it is pending, the bytes must stay the first of
    /// the next call's.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_more(cx, bytes, false)
    }

    /// Like [`poll_write`](Self::poll_write). `more` = whatever comes next, if only the end, comes at once:
    /// it may share a packet with these bytes.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub fn poll_write_more(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        more: bool,
    ) -> Poll<io::Result<usize>> {
        let Stream { socket, tls } = self.0;
        match tls {
            None => socket.poll_send(cx, bytes, more),
            Some(tls) => tls.borrow_mut().poll_write(cx, socket, &[IoSlice::new(bytes)]),
        }
    }

    /// Writes what the socket takes of several slices, in one system call. While it is pending, their
    /// bytes must stay the first of the next call's.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Stream { socket, tls } = self.0;
        match tls {
            None => socket.poll_send_slices(cx, slices),
            Some(tls) => tls.borrow_mut().poll_write(cx, socket, slices),
        }
    }

    /// Runs a system call on the socket once there is room to write; one that would block waits for
    /// more.
    ///
    /// # Errors
    /// What the call says; `InvalidInput` if the stream is encrypted.
    pub(super) fn poll_call<T>(
        &self,
        cx: &mut Context<'_>,
        call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.0.in_clear()?;
        self.0.socket.poll_write_call(cx, call)
    }

    /// Sends what [waits](Self::poll_write_more) for more.
    pub fn push(&self) {
        self.0.socket.push();
    }

    /// Says whether a close is to be a reset, for whatever reason it comes.
    pub fn reset_on_close(&self, on: bool) {
        self.0.socket.set_reset_on_close(on);
    }

    /// Tells an encrypted peer that nothing follows, and leaves the end to the close.
    pub fn say_goodbye(&self) {
        self.0.say_goodbye();
    }

    /// Ends this direction (FIN).
    ///
    /// # Errors
    /// What the system says of the connection.
    pub fn shutdown(&self) -> io::Result<()> {
        self.0.say_goodbye();
        self.0.socket.shutdown()
    }
}

/// The buffer, taken if there is none, with all its free room at the end if there was none there.
fn roomy(buffer: &mut Option<Buffer>, take: impl Fn() -> Buffer) -> &mut Buffer {
    let buffer = buffer.get_or_insert_with(take);
    if buffer.spare().is_empty() {
        buffer.compact();
    }
    buffer
}
