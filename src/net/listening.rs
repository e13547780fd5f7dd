//! A listening socket on a worker, and the connections that wait in it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

use rustix::net::{SocketFlags, acceptfrom_with};
use tokio::io::Interest;

use super::descriptor::Descriptor;
use super::{FirstWord, Stream};

/// A listening socket, watched by the runtime.
#[derive(Debug)]
pub struct Listening(Descriptor);

impl Listening {
    /// Takes a socket over, which must not block.
    ///
    /// # Errors
    /// What this machine lacks.
    pub fn new(socket: TcpListener) -> io::Result<Self> {
        let socket = Descriptor::new(socket.into());
        socket.watch()?;
        Ok(Self(socket))
    }

    /// Who speaks first on its connections from now on.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub fn expect(&self, first_word: FirstWord) -> io::Result<()> {
        first_word.apply(self.0.as_fd())
    }

    /// The next connection and its peer's address.
    ///
    /// # Errors
    /// What this machine lacks, or what became of the connection meanwhile.
    pub async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        self.0.watch()?.async_io(Interest::READABLE, |_| self.try_accept()).await
    }

    /// A connection that already waits. The system itself is asked: the runtime may not have heard
    /// of the newest yet.
    ///
    /// # Errors
    /// As [`accept`](Self::accept), or that none waits.
    pub fn try_accept(&self) -> io::Result<(Stream, SocketAddr)> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (fd, peer) = acceptfrom_with(&self.0, flags)?;
        let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
        Ok((Stream::new(fd), peer.ok_or(io::ErrorKind::ConnectionAborted)?))
    }
}
