//! A connected socket that does not block.
//!
//! Telling the kernel to watch a descriptor, and to forget it again, are two system calls. A
//! connection that lives for one short exchange needs neither: what its peer sent is already there
//! when it is accepted, and its socket takes the answer at once. So a socket is tried first and
//! *watched* only from the moment it has to wait. System calls go straight to the kernel: libc's
//! wrappers are points where a thread may be cancelled, and pay for it each time.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use rustix::io::{Errno, ioctl_fionread};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketAddrUnix,
    SocketFlags, SocketType, connect, getsockname, recv, send, sendmsg, shutdown, socket_with,
    sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

use super::descriptor::Descriptor;
use crate::model::Address;

/// A connection to a client or backend, as the kernel has it.
#[derive(Debug)]
pub(super) struct Socket(Descriptor);

/// What a guard of the runtime's is asked for.
type Polled<'a> = Poll<io::Result<AsyncFdReadyGuard<'a, RawFd>>>;

impl Socket {
    /// Takes a connected socket over, which must not block; it is not watched yet.
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self(Descriptor::new(fd))
    }

    /// Begins to connect to a backend; true = it is connected already. `speaks` = there is something to
    /// be sent at once: the packet that it is sent in completes the handshake, and one is spared.
    ///
    /// # Errors
    /// What the system says of the connection or of this machine's resources.
    pub(super) fn begin(address: &Address, speaks: bool) -> io::Result<(Self, bool)> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let open = |family| socket_with(family, SocketType::STREAM, flags, None);
        let (stream, begun) = match address {
            Address::Inet(to) => {
                let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
                let fd = open(family)?;
                sockopt::set_tcp_nodelay(&fd, true)?;
                if speaks {
                    sockopt::set_tcp_quickack(&fd, false)?;
                }
                let begun = connect(&fd, to);
                (Self::new(fd), begun)
            }
            Address::Unix(path) => {
                let fd = open(AddressFamily::UNIX)?;
                let begun = connect(&fd, &SocketAddrUnix::new(&**path)?);
                (Self::new(fd), begun)
            }
        };
        match begun {
            Ok(()) => Ok((stream, true)),
            Err(Errno::INPROGRESS | Errno::INTR) => Ok((stream, false)),
            Err(error) => Err(error.into()),
        }
    }

    /// Ready once it is connected, or has failed to; not to be asked again then.
    ///
    /// # Errors
    /// What the system says of the connection or of this machine's resources.
    pub(super) fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ready = ready!(self.0.watch()?.poll_write_ready(cx))?.ready();
        // Where connecting failed, nothing more can be written.
        if ready.is_write_closed() {
            sockopt::socket_error(&self.0)??;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when there may be something to read: bytes, the peer's end, or an error. Always ready
    /// while it was not yet tried.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub(super) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0.watched() {
            Some(watch) => watch.poll_read_ready(cx).map_ok(drop),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Has nothing arrived that was not read, neither bytes nor an end? For a connection on which
    /// nothing is expected: a byte that did arrive may be lost.
    pub(super) fn is_quiet(&self) -> bool {
        // The runtime may only believe that there is more, after a read that filled its buffer.
        match self.poll_read_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => true,
            Poll::Ready(Err(_)) => false,
            Poll::Ready(Ok(())) => {
                matches!(recv(&self.0, &mut [0], RecvFlags::empty()), Err(Errno::AGAIN))
            }
        }
    }

    /// Has its peer sent anything that was not read?
    pub(super) fn has_arrivals(&self) -> bool {
        ioctl_fionread(&self.0).is_ok_and(|bytes| bytes > 0)
    }

    /// Looks at what has arrived and leaves it there, until `judge` makes something of it.
    ///
    /// # Errors
    /// What the system says of the connection; `UnexpectedEof` if it ended before that.
    pub(super) fn poll_peek<T>(
        &self,
        cx: &mut Context<'_>,
        room: &mut [u8],
        mut judge: impl FnMut(&[u8]) -> Option<T>,
    ) -> Poll<io::Result<T>> {
        let mut look = || match uninterrupted(|| recv(&self.0, &mut *room, RecvFlags::PEEK)) {
            Ok((0, _)) => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            Ok((n, _)) => judge(&room[..n]).map(Ok),
            Err(Errno::AGAIN) => None,
            Err(error) => Some(Err(error.into())),
        };
        if self.0.watched().is_none()
            && let Some(judged) = look()
        {
            return Poll::Ready(judged);
        }
        let watch = self.0.watch()?;
        loop {
            let mut guard = ready!(watch.poll_read_ready(cx))?;
            match look() {
                Some(judged) => return Poll::Ready(judged),
                // It lies there, and nothing can follow it: there is nothing to wait for.
                None if guard.ready().is_read_closed() => {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                // To wait for more is to wait for the next arrival: what lies there is known.
                None => guard.clear_ready(),
            }
        }
    }

    /// Drops as many bytes, which must have arrived.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub(super) fn discard(&self, mut n: usize) -> io::Result<()> {
        let mut bytes = [0; 2048];
        while n > 0 {
            let most = n.min(bytes.len());
            match uninterrupted(|| recv(&self.0, &mut bytes[..most], RecvFlags::empty()))? {
                (0, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
                (read, _) => n -= read,
            }
        }
        Ok(())
    }

    /// The address its peer connected to, or it connected from; `None` for a unix socket.
    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        getsockname(&self.0).ok().and_then(|address| SocketAddr::try_from(address).ok())
    }

    /// Says whether a close is to be a reset.
    pub(super) fn set_reset_on_close(&self, on: bool) {
        // A failure means that the connection is gone already.
        let _ = sockopt::set_socket_linger(&self.0, on.then_some(Duration::ZERO));
    }

    /// Tries, and waits where there is nothing to be had. `drained` tells from a result that the
    /// next try would have to wait, which saves that try. With the result it tells whether the peer's
    /// end is known to have arrived.
    fn poll_io<T>(
        &self,
        cx: &mut Context<'_>,
        direction: for<'a> fn(&'a AsyncFd<RawFd>, &mut Context<'_>) -> Polled<'a>,
        mut call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<T>,
        drained: impl Fn(&T) -> bool,
    ) -> Poll<io::Result<(T, bool)>> {
        if self.0.watched().is_none() {
            match uninterrupted(|| call(self.0.as_fd())) {
                Err(Errno::AGAIN) => {}
                done => {
                    return Poll::Ready(done.map(|done| (done, false)).map_err(io::Error::from));
                }
            }
        }
        let watch = self.0.watch()?;
        loop {
            let mut guard = ready!(direction(watch, cx))?;
            match uninterrupted(|| call(self.0.as_fd())) {
                Err(Errno::AGAIN) => guard.clear_ready(),
                Ok(done) => {
                    let ends = guard.ready().is_read_closed();
                    if drained(&done) {
                        guard.clear_ready();
                    }
                    return Poll::Ready(Ok((done, ends)));
                }
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Runs a system call once there is something to read; one that would block waits for more.
    /// `drained` tells from its result that nothing is left. With the result it tells whether the peer's
    /// end is known to have arrived.
    ///
    /// # Errors
    /// What the call says.
    pub(super) fn poll_read_call<T>(
        &self,
        cx: &mut Context<'_>,
        call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<T>,
        drained: impl Fn(&T) -> bool,
    ) -> Poll<io::Result<(T, bool)>> {
        self.poll_io(cx, AsyncFd::poll_read_ready, call, drained)
    }

    /// Runs a system call once there is room to write; one that would block waits for more.
    ///
    /// # Errors
    /// What the call says.
    pub(super) fn poll_write_call<T>(
        &self,
        cx: &mut Context<'_>,
        call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_io(cx, AsyncFd::poll_write_ready, call, |_| false).map_ok(|(done, _)| done)
    }

    /// Reads into `room`, which must not be empty; 0 means the peer's end.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub(super) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        debug_assert!(!room.is_empty(), "reading into a full buffer looks like an end");
        let size = room.len();
        let call = |fd: BorrowedFd<'_>| recv(fd, &mut *room, RecvFlags::empty());
        // A read that leaves room has emptied the socket; the end must be found again.
        let drained = |&(n, _): &(usize, usize)| 0 < n && n < size;
        self.poll_read_call(cx, call, drained).map_ok(|((n, _), _)| n)
    }

    /// Reads what has arrived, without waiting; 0 = nothing has, or the peer's end.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub(super) fn recv_now(&self, room: &mut [u8]) -> io::Result<usize> {
        match uninterrupted(|| recv(&self.0, &mut *room, RecvFlags::empty())) {
            Ok((n, _)) => Ok(n),
            Err(Errno::AGAIN) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what the socket takes of `bytes`. `more` = whatever comes next, if only the end, comes at
    /// once, and the last packet may wait for it.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub(super) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        more: bool,
    ) -> Poll<io::Result<usize>> {
        let more = if more { SendFlags::MORE } else { SendFlags::empty() };
        let call = |fd: BorrowedFd<'_>| send(fd, bytes, SendFlags::NOSIGNAL | more);
        let drained = |n: &usize| 0 < *n && *n < bytes.len();
        self.poll_io(cx, AsyncFd::poll_write_ready, call, drained).map_ok(|(n, _)| n)
    }

    /// Writes what the socket takes of several slices, in one system call.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub(super) fn poll_send_slices(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let call = |fd: BorrowedFd<'_>| {
            sendmsg(fd, slices, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)
        };
        let size: usize = slices.iter().map(|slice| slice.len()).sum();
        let drained = |n: &usize| 0 < *n && *n < size;
        self.poll_io(cx, AsyncFd::poll_write_ready, call, drained).map_ok(|(n, _)| n)
    }

    /// Writes what the socket takes of `bytes` without waiting. What is wrong with it the next call
    /// that can wait will tell.
    pub(super) fn send_now(&self, bytes: &[u8]) -> usize {
        uninterrupted(|| send(&self.0, bytes, SendFlags::NOSIGNAL)).unwrap_or(0)
    }

    /// Sends what waits for more.
    pub(super) fn push(&self) {
        // A failure means that there is nothing to be sent, as on a unix socket.
        let _ = sockopt::set_tcp_nodelay(&self.0, true);
    }

    /// Waits until the connection is broken by the peer (a reset), beyond a mere half-close.
    pub(super) async fn broken(&self) {
        // An error from the runtime ends the wait as well: the connection is of no more use.
        if let Ok(watch) = self.0.watch() {
            let _ = watch.ready(Interest::ERROR).await;
        }
    }

    /// Ends the writing direction (FIN).
    ///
    /// # Errors
    /// What the system says of the connection.
    pub(super) fn shutdown(&self) -> io::Result<()> {
        Ok(shutdown(&self.0, Shutdown::Write)?)
    }

    /// Has the runtime watch it from now on.
    ///
    /// # Errors
    /// What this machine lacks.
    pub(super) fn watch(&self) -> io::Result<()> {
        self.0.watch().map(drop)
    }
}

fn uninterrupted<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
}
