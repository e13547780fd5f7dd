//! One read buffer for all connections of a thread.
//!
//! With 2,000 connections a buffer each would cost the load generator its caches, and it shares a
//! core with the backend. The bytes read are looked at within the same poll, so no connection needs
//! to keep them and one buffer that stays hot serves all.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Large enough that a 1 MiB body takes few reads.
const SIZE: usize = 256 * 1024;

/// The buffer; clones share it.
#[derive(Clone)]
pub(crate) struct Scratch(Rc<RefCell<Box<[u8]>>>);

impl Scratch {
    /// A new buffer.
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(vec![0; SIZE].into_boxed_slice())))
    }

    /// Waits for bytes and hands them to `look`; an empty slice is the end of the stream.
    pub(crate) async fn read<R>(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        mut look: impl FnMut(&[u8]) -> R,
    ) -> io::Result<R> {
        poll_fn(|cx| {
            let mut bytes = self.0.borrow_mut();
            let mut buf = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf))?;
            Poll::Ready(Ok(look(buf.filled())))
        })
        .await
    }
}
