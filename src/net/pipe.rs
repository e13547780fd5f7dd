//! A pipe that bytes pass through on their way from one socket to another, without being copied.
//!
//! `splice(2)` moves references to the kernel's own pages: out of a socket into a pipe, and out of
//! the pipe into the other socket. A pipe is only held while there is something in it.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use super::{ReadHalf, WriteHalf};

/// Bytes a pipe may hold: as much as a socket usually has ready in bulk. The default of 64 KiB
/// would cost four times the system calls.
const PIPE_BYTES: usize = 256 * 1024;

/// A pipe, and how much is in it.
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    filled: usize,
}

impl Pipe {
    /// An empty pipe.
    ///
    /// # Errors
    /// This machine lacks files.
    pub(super) fn new() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // A user may have only so much in pipes; one of the default size does as well.
        let _ = fcntl_setpipe_size(&write, PIPE_BYTES);
        Ok(Self { read, write, filled: 0 })
    }

    /// Is nothing in it?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Takes what the socket has; 0 means the peer's end. The pipe must be empty: a full one could
    /// not be told from a socket that has nothing.
    ///
    /// # Errors
    /// What the system says of the connection; `InvalidInput` where it cannot be spliced.
    pub fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut ReadHalf<'_>,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_empty(), "a pipe is emptied before it is filled again");
        let write = &self.write;
        let call = |from: BorrowedFd<'_>| {
            let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
            splice(from, None, write, None, PIPE_BYTES, flags)
        };
        let n = ready!(from.poll_call(cx, call))?;
        self.filled += n;
        Poll::Ready(Ok(n))
    }

    /// Gives the socket what it takes; returns how much that was.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut WriteHalf<'_>,
    ) -> Poll<io::Result<usize>> {
        let (read, filled) = (&self.read, self.filled);
        let call = |to: BorrowedFd<'_>| {
            let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
            splice(read, None, to, None, filled, flags)
        };
        let n = ready!(to.poll_call(cx, call))?;
        self.filled -= n.min(filled);
        Poll::Ready(Ok(n))
    }
}
