//! The backend: answers every request head with a prepared response.
//!
//! It shares a core with the load generator, so it does the least that is still HTTP: it finds the
//! end of each head, looks at the path's first byte and writes bytes made once. It keeps every
//! connection alive for as long as the proxy likes; a head that asks for a close comes only through
//! one that forwards bytes, and is heeded.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use memchr::memmem;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet, spawn_local};

use super::scratch::Scratch;

/// What there is to ask for: path and body length in bytes.
pub(crate) const SMALL: Page = Page { path: "/small", length: 128 };
/// A body that still fits the usual proxy buffer.
pub(crate) const MEDIUM: Page = Page { path: "/medium", length: 10 * 1024 };
/// A body that has to be streamed.
pub(crate) const LARGE: Page = Page { path: "/large", length: 1024 * 1024 };

/// Heads longer than this are not for us.
const HEAD_MAX: usize = 16 * 1024;

/// A page of the backend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Its path; the first letter tells the pages apart.
    pub(crate) path: &'static str,
    /// Bytes of its body.
    pub(crate) length: usize,
}

/// The responses, made once.
struct Responses {
    small: Vec<u8>,
    medium: Vec<u8>,
    large: Vec<u8>,
}

impl Responses {
    fn new() -> Self {
        Self { small: response(SMALL), medium: response(MEDIUM), large: response(LARGE) }
    }

    fn for_head(&self, head: &[u8]) -> &[u8] {
        match head.get("GET /".len()) {
            Some(b'm') => &self.medium,
            Some(b'l') => &self.large,
            _ => &self.small,
        }
    }
}

fn response(page: Page) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        page.length
    )
    .into_bytes();
    bytes.resize(bytes.len() + page.length, b'x');
    bytes
}

/// Binds a listener with a backlog that a burst of 2,000 connections does not overflow.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}

/// Serves these listeners, each in a task of the current `LocalSet`; aborting one closes its
/// listener and every connection it took, as the end of a process does.
pub(crate) fn serve(listeners: Vec<TcpListener>) -> Vec<JoinHandle<()>> {
    let shared = Shared::new();
    let serve = |listener| spawn_local(accept(listener, shared.clone()));
    listeners.into_iter().map(serve).collect()
}

/// What all connections of a thread use.
#[derive(Clone)]
struct Shared {
    responses: Rc<Responses>,
    scratch: Scratch,
}

impl Shared {
    fn new() -> Self {
        Self { responses: Rc::new(Responses::new()), scratch: Scratch::new() }
    }
}

async fn accept(listener: TcpListener, shared: Shared) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An accept fails for want of descriptors; the load then reports the refused
                // requests.
                let Ok((stream, _)) = accepted else { return };
                let Shared { responses, scratch } = shared.clone();
                connections.spawn_local(connection(stream, responses, scratch));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(mut stream: TcpStream, responses: Rc<Responses>, scratch: Scratch) {
    let _ = stream.set_nodelay(true);
    let mut partial = Vec::new();
    loop {
        let mut answers: [Option<&[u8]>; 8] = [None; 8];
        let mut closes = false;
        let read = scratch.read(&mut stream, |bytes| {
            closes = memmem::find(bytes, b"\r\nConnection: close\r\n").is_some();
            take_heads(bytes, &mut partial, &responses, &mut answers)
        });
        if !read.await.unwrap_or(false) {
            return;
        }
        for answer in answers.into_iter().flatten() {
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
        if closes {
            return;
        }
    }
}

/// Finds the whole heads in what was read and the answer of each; what is left of a head waits in
/// `partial`. False: the connection is to be closed.
fn take_heads<'r>(
    bytes: &[u8],
    partial: &mut Vec<u8>,
    responses: &'r Responses,
    answers: &mut [Option<&'r [u8]>],
) -> bool {
    let joined;
    let mut rest = if partial.is_empty() {
        bytes
    } else {
        partial.extend_from_slice(bytes);
        joined = std::mem::take(partial);
        &joined
    };
    for answer in answers {
        let Some(end) = memmem::find(rest, b"\r\n\r\n") else { break };
        *answer = Some(responses.for_head(rest));
        rest = &rest[end + 4..];
    }
    partial.extend_from_slice(rest);
    !bytes.is_empty() && partial.len() < HEAD_MAX
}
