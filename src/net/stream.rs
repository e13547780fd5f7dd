//! A byte stream to a peer, TCP or unix, split into its two directions.
//!
//! The halves borrow the stream, so that one task may read and write at once without a lock or a
//! reference count.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

use super::Buffer;
use crate::model::Address;

/// A connection to a client or backend.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a unix socket.
    Unix(UnixStream),
}

/// The reading half.
#[derive(Debug)]
pub enum ReadHalf<'a> {
    /// Of a TCP connection.
    Tcp(tcp::ReadHalf<'a>),
    /// Of a unix socket.
    Unix(unix::ReadHalf<'a>),
}

/// The writing half.
#[derive(Debug)]
pub enum WriteHalf<'a> {
    /// Of a TCP connection.
    Tcp(tcp::WriteHalf<'a>),
    /// Of a unix socket.
    Unix(unix::WriteHalf<'a>),
}

impl Stream {
    /// Connects to a backend.
    ///
    /// # Errors
    /// What the system says of the connection or of this machine's resources.
    pub async fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Inet(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Address::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await?)),
        }
    }

    /// Both directions, usable at once.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        match self {
            Self::Tcp(stream) => {
                let (read, write) = stream.split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            Self::Unix(stream) => {
                let (read, write) = stream.split();
                (ReadHalf::Unix(read), WriteHalf::Unix(write))
            }
        }
    }

    /// Ready when there is something to read: bytes, the peer's end, or an error.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    /// Has nothing arrived that was not read, neither bytes nor an end? For a connection on which
    /// nothing is expected: a byte that did arrive may be lost.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let mut byte = [0];
        // The runtime may only believe that there is more, after a read that filled its buffer.
        let read = match self.poll_read_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => return true,
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) => match self {
                Self::Tcp(stream) => stream.try_read(&mut byte),
                Self::Unix(stream) => stream.try_read(&mut byte),
            },
        };
        read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Makes the next close a reset, so that the peer cannot take what it got for the whole.
    pub fn reset_on_close(&self) {
        if let Self::Tcp(stream) = self {
            reset_on_close(stream, true);
        }
    }
}

fn reset_on_close(stream: &TcpStream, on: bool) {
    // A failure means that the connection is gone already.
    let _ = socket2::SockRef::from(stream).set_linger(on.then_some(Duration::ZERO));
}

impl ReadHalf<'_> {
    /// Ready when there is something to read: bytes, the peer's end, or an error.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => half.as_ref().poll_read_ready(cx),
            Self::Unix(half) => half.as_ref().poll_read_ready(cx),
        }
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
        debug_assert!(!buffer.spare().is_empty(), "reading into a full buffer looks like an end");
        let mut into = ReadBuf::new(buffer.spare());
        match self {
            Self::Tcp(half) => ready!(Pin::new(half).poll_read(cx, &mut into))?,
            Self::Unix(half) => ready!(Pin::new(half).poll_read(cx, &mut into))?,
        }
        let n = into.filled().len();
        buffer.advance(n);
        Poll::Ready(Ok(n))
    }

    /// Waits until the connection is broken by the peer (a reset), beyond a mere half-close.
    pub async fn broken(&self) {
        // An error from the runtime ends the wait as well: the connection is of no more use.
        let _ = match self {
            Self::Tcp(half) => half.ready(Interest::ERROR).await,
            Self::Unix(half) => half.ready(Interest::ERROR).await,
        };
    }
}

impl WriteHalf<'_> {
    /// Writes what the socket takes of `bytes`.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) => Pin::new(half).poll_write(cx, bytes),
            Self::Unix(half) => Pin::new(half).poll_write(cx, bytes),
        }
    }

    /// Writes what the socket takes of several slices, in one system call.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) => Pin::new(half).poll_write_vectored(cx, slices),
            Self::Unix(half) => Pin::new(half).poll_write_vectored(cx, slices),
        }
    }

    /// Says whether a close is to be a reset, for whatever reason it comes.
    pub fn reset_on_close(&self, on: bool) {
        if let Self::Tcp(half) = self {
            reset_on_close(half.as_ref(), on);
        }
    }

    /// Ends this direction (FIN).
    ///
    /// # Errors
    /// What the system says of the connection.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            Self::Unix(half) => Pin::new(half).poll_shutdown(cx),
        }
    }
}
