//! A connection that carries many HTTP/2 requests at once; each lane is one of them.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::task::Context;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;
use tokio::task::spawn_local;

use super::connect::Dial;
use super::run::Lane;
use crate::bench::measure::Fault;

type Sender = SendRequest<Full<Bytes>>;

/// What all connections of a run share.
pub(super) struct Common<D> {
    pub(super) dial: D,
    pub(super) request: Request<Full<Bytes>>,
    /// Connections opened after the first ones.
    pub(super) reopened: Rc<Cell<u64>>,
}

/// A connection, or the place of one that ended.
pub(super) struct Connection<D> {
    common: Rc<Common<D>>,
    /// Held while the connection is opened again: one lane does it, the others wait.
    sender: Mutex<Sender>,
}

/// One place for a request on a connection.
pub(super) struct Http2<D>(Rc<Connection<D>>);

impl<D: Dial> Connection<D>
where
    D::Stream: AsyncRead + AsyncWrite + Unpin + 'static,
{
    /// A connection that is open.
    pub(super) async fn new(common: &Rc<Common<D>>, stream: D::Stream) -> Result<Rc<Self>, Fault> {
        let sender = Mutex::new(handshake(stream).await?);
        Ok(Rc::new(Self { common: Rc::clone(common), sender }))
    }

    /// Another lane on it.
    pub(super) fn lane(self: &Rc<Self>) -> Http2<D> {
        Http2(Rc::clone(self))
    }

    async fn sender(&self) -> Result<Sender, Fault> {
        let mut held = self.sender.lock().await;
        if held.is_closed() {
            *held = handshake(self.common.dial.dial().await?).await?;
            self.common.reopened.set(self.common.reopened.get() + 1);
        }
        Ok(held.clone())
    }
}

impl<D: Dial> Lane for Http2<D>
where
    D::Stream: AsyncRead + AsyncWrite + Unpin + 'static,
{
    /// If the caller stops waiting only the stream is reset.
    async fn exchange(&mut self) -> Result<u16, Fault> {
        let mut sender = self.0.sender().await?;
        let sent = sender.send_request(self.0.common.request.clone()).await;
        let answer = sent.map_err(|error| fault(&error, Fault::Unanswered))?;
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(|error| fault(&error, Fault::Truncated))?;
        }
        Ok(status)
    }

    /// The connection's own task does that.
    fn poll_idle(&mut self, _cx: &mut Context<'_>) {}
}

async fn handshake<S>(stream: S) -> Result<Sender, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let handshake = http2::handshake(Local, TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|error| fault(&error, Fault::Unanswered))?;
    // How it ends is told to each request on it.
    spawn_local(async move { drop(connection.await) });
    Ok(sender)
}

/// What an error means; `cut` if it is just the connection's end.
fn fault(error: &hyper::Error, cut: Fault) -> Fault {
    match error.source().and_then(|source| source.downcast_ref::<h2::Error>()) {
        Some(error) if error.is_reset() => Fault::StreamReset,
        Some(error) if error.is_library() => Fault::Malformed,
        _ => cut,
    }
}

/// Runs the protocol's own tasks on this thread.
#[derive(Clone, Copy)]
struct Local;

impl<F> Executor<F> for Local
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}
