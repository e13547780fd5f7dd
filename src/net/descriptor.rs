//! What a connection's cost depends on and no safe interface offers. All `unsafe` of the package is
//! here.
//!
//! Telling the kernel to watch a descriptor, and to forget it again, are two system calls that a
//! connection of one short exchange never needs. The runtime's own types watch from the start, so
//! here the descriptor and its registration are two things, and the runtime asks for a promise
//! that the compiler cannot check: that the one outlives the other.
//!
//! And some options of sockets none of the wrapping crates knows: that a listening socket hands out
//! only connections on which something has arrived (`tcp(7)`, `TCP_DEFER_ACCEPT`), that datagrams
//! are joined (`udp(7)`, `UDP_GRO`), and some that are set for QUIC and have to be taken back for
//! everything else.

use std::cell::OnceCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A descriptor, and its registration once it has one.
#[derive(Debug)]
pub(super) struct Descriptor {
    /// Fields are dropped in this order: the registration before what it names.
    watch: OnceCell<AsyncFd<RawFd>>,
    fd: OwnedFd,
}

impl Descriptor {
    /// Not watched yet.
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self { watch: OnceCell::new(), fd }
    }

    /// Its registration, if it has one.
    pub(super) fn watched(&self) -> Option<&AsyncFd<RawFd>> {
        self.watch.get()
    }

    /// Has the runtime watch it from now on, for reading and writing.
    ///
    /// # Errors
    /// What this machine lacks.
    pub(super) fn watch(&self) -> io::Result<&AsyncFd<RawFd>> {
        if let Some(watch) = self.watch.get() {
            return Ok(watch);
        }
        let interest = Interest::READABLE | Interest::WRITABLE;
        #[allow(unsafe_code, reason = "the runtime can watch a descriptor it does not own only so")]
        // SAFETY: `fd` is open and owned by `self`, which never hands it out or replaces it, and
        // it is dropped after `watch`, which is never moved out of `self` either. A `RawFd` always
        // returns itself.
        let watch = unsafe { AsyncFd::register_with_interest(self.fd.as_raw_fd(), interest) }?;
        Ok(self.watch.get_or_init(|| watch))
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Hands out connections only once something has arrived on them, or, if their client stays silent,
/// after about `seconds`; 0 = all of them at once.
///
/// # Errors
/// What the system says of the socket.
pub(super) fn defer_accept(socket: BorrowedFd<'_>, seconds: libc::c_int) -> io::Result<()> {
    set(socket, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, seconds)
}

/// Lets datagrams over IPv6 be sent in fragments.
///
/// # Errors
/// What the system says of the socket.
pub(super) fn allow_fragments(socket: BorrowedFd<'_>) -> io::Result<()> {
    set(socket, libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG, 0)
}

/// Has the kernel note with each datagram no time of arrival, which costs a look at the clock, no
/// traffic class, and the address it was sent to only where that is asked for.
///
/// # Errors
/// What the system says of the socket.
pub(super) fn take_notes(socket: BorrowedFd<'_>, ipv6: bool, addressed: bool) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 0)?;
    let addressed = libc::c_int::from(addressed);
    if ipv6 {
        set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, 0)?;
        return set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, addressed);
    }
    set(socket, libc::IPPROTO_IP, libc::IP_RECVTOS, 0)?;
    set(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, addressed)
}

/// Has the kernel join datagrams of one sender that come together (`udp(7)`, `UDP_GRO`).
///
/// # Errors
/// What the system says of the socket.
pub(super) fn join_datagrams(socket: BorrowedFd<'_>) -> io::Result<()> {
    set(socket, libc::SOL_UDP, libc::UDP_GRO, 1)
}

fn set(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    #[allow(unsafe_code, reason = "no safe interface knows these options")]
    // SAFETY: the descriptor is open while it is borrowed, and the kernel only reads the four bytes
    // of an integer that outlives the call.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
