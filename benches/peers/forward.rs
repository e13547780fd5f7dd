//! The floor: a forwarder that does only what no proxy can avoid.
//!
//! It reads a request head, copies its headers without the hop-by-hop ones, sends it over a pooled
//! connection, and does the same with the answer. No limits, no deadlines, no retries, no health, no
//! strictness: what it costs is what sockets cost. Only for the load of this benchmark: a head comes
//! in one read, requests have no body, answers have a `Content-Length`.

use std::cell::RefCell;
use std::ffi::OsString;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use anyhow::{Context, Result, bail};
use httparse::{EMPTY_HEADER, Header, Request, Response, Status};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::rig::backend;
use crate::rig::proxy::{Recipe, Site};

pub(crate) const RECIPE: Recipe = Recipe { name: "bare", prepare };

const BUFFER: usize = 64 * 1024;

fn prepare(site: &Site<'_>) -> Result<Vec<OsString>> {
    let upstream = site.task.backends.first().context("no backend")?;
    let program = std::env::current_exe()?;
    Ok(vec![
        program.into(),
        "forward".into(),
        site.listen.to_string().into(),
        upstream.to_string().into(),
    ])
}

/// Forwards until it is ended.
pub(crate) async fn run(listen: SocketAddr, upstream: SocketAddr) -> Result<()> {
    let listener = backend::bind(listen)?;
    let shared = Rc::new(Shared::new(upstream));
    loop {
        let (client, _) = listener.accept().await?;
        let shared = Rc::clone(&shared);
        spawn_local(async move {
            // A client that is gone is the only reason, and nobody is left to be told.
            let _ = connection(client, &shared).await;
        });
    }
}

/// What the connections of the one thread share.
struct Shared {
    upstream: SocketAddr,
    idle: RefCell<Vec<TcpStream>>,
    buffers: RefCell<Vec<Box<[u8]>>>,
    heads: RefCell<Vec<Vec<u8>>>,
}

impl Shared {
    fn new(upstream: SocketAddr) -> Self {
        Self {
            upstream,
            idle: RefCell::default(),
            buffers: RefCell::default(),
            heads: RefCell::default(),
        }
    }

    async fn connect(&self) -> Result<TcpStream> {
        let kept = self.idle.borrow_mut().pop();
        if let Some(stream) = kept {
            return Ok(stream);
        }
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Waits for bytes; a connection that waits holds no buffer.
    async fn read(&self, stream: &mut TcpStream) -> io::Result<(Box<[u8]>, usize)> {
        poll_fn(|cx| {
            let kept = self.buffers.borrow_mut().pop();
            let mut buffer = kept.unwrap_or_else(|| vec![0; BUFFER].into_boxed_slice());
            let mut buf = ReadBuf::new(&mut buffer);
            let read = Pin::new(&mut *stream).poll_read(cx, &mut buf);
            let length = buf.filled().len();
            match read {
                Poll::Ready(Ok(())) => Poll::Ready(Ok((buffer, length))),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.buffers.borrow_mut().push(buffer);
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Serves one client until it leaves.
async fn connection(mut client: TcpStream, shared: &Shared) -> Result<()> {
    client.set_nodelay(true)?;
    loop {
        let (buffer, length) = shared.read(&mut client).await?;
        if length == 0 {
            shared.buffers.borrow_mut().push(buffer);
            return Ok(());
        }
        let mut out = shared.heads.borrow_mut().pop().unwrap_or_default();
        let closes = request_head(&buffer[..length], &mut out)?;
        shared.buffers.borrow_mut().push(buffer);
        let mut upstream = shared.connect().await?;
        upstream.write_all(&out).await?;
        out.clear();
        response(&mut upstream, &mut client, &mut out, closes, shared).await?;
        out.clear();
        shared.heads.borrow_mut().push(out);
        shared.idle.borrow_mut().push(upstream);
        if closes {
            return Ok(());
        }
    }
}

/// Copies the answer to the client.
async fn response(
    upstream: &mut TcpStream,
    client: &mut TcpStream,
    out: &mut Vec<u8>,
    closes: bool,
    shared: &Shared,
) -> Result<()> {
    let (buffer, length) = shared.read(upstream).await?;
    let mut left = response_head(&buffer[..length], closes, out)?;
    shared.buffers.borrow_mut().push(buffer);
    client.write_all(out).await?;
    while left > 0 {
        let (buffer, length) = shared.read(upstream).await?;
        if length == 0 {
            bail!("the answer is cut");
        }
        client.write_all(&buffer[..length]).await?;
        shared.buffers.borrow_mut().push(buffer);
        left = left.saturating_sub(length);
    }
    Ok(())
}

/// Writes the head to forward; true if the client's connection closes after it.
fn request_head(bytes: &[u8], out: &mut Vec<u8>) -> Result<bool> {
    let mut headers = [EMPTY_HEADER; 32];
    let mut request = Request::new(&mut headers);
    if request.parse(bytes)?.is_partial() {
        bail!("a head in parts");
    }
    out.extend_from_slice(request.method.context("no method")?.as_bytes());
    out.push(b' ');
    out.extend_from_slice(request.path.context("no path")?.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let closes = copy_headers(request.headers, out);
    out.extend_from_slice(b"\r\n");
    Ok(closes)
}

/// Writes the answer's head and what came of its body; how much is still to come.
fn response_head(bytes: &[u8], closes: bool, out: &mut Vec<u8>) -> Result<usize> {
    let mut headers = [EMPTY_HEADER; 32];
    let mut response = Response::new(&mut headers);
    let Status::Complete(end) = response.parse(bytes)? else { bail!("a head in parts") };
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    copy_headers(response.headers, out);
    if closes {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&bytes[end..]);
    let length = response.headers.iter().find(|header| is(header, "content-length"));
    let length: usize = std::str::from_utf8(length.context("no length")?.value)?.parse()?;
    Ok(length.saturating_sub(bytes.len() - end))
}

/// Copies all but the hop-by-hop headers; true if `Connection` says close.
fn copy_headers(headers: &[Header<'_>], out: &mut Vec<u8>) -> bool {
    let mut closes = false;
    for header in headers {
        if is(header, "connection") {
            closes = header.value.eq_ignore_ascii_case(b"close");
        } else if !is(header, "keep-alive") {
            out.extend_from_slice(header.name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(header.value);
            out.extend_from_slice(b"\r\n");
        }
    }
    closes
}

fn is(header: &Header<'_>, name: &str) -> bool {
    header.name.eq_ignore_ascii_case(name)
}
