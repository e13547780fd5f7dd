//! Requests on HTTP/2 connections, each a stream of its own.

use anyhow::Result;
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use hyper::Request;
use tokio::task::{JoinHandle, spawn_local};

use super::backend::Page;
use super::tally::Failure;
use super::wire::Wire;

/// What a client may be sent before it says more: enough for any page.
const WINDOW: u32 = 8 * 1024 * 1024;

/// A connection, whose frames a task of the current `LocalSet` moves until this is dropped.
pub(crate) struct Streams {
    sender: SendRequest<Bytes>,
    connection: JoinHandle<()>,
}

/// The request for a page, much as a small client sends it.
pub(crate) fn request(page: Page, scheme: &str) -> Result<Request<()>> {
    let uri = format!("{scheme}://bench.test{}", page.path);
    Ok(Request::get(uri).header("user-agent", "bench").header("accept", "*/*").body(())?)
}

impl Streams {
    /// Begins to speak on an open connection.
    pub(crate) async fn begin(stream: Wire) -> Result<Self, Failure> {
        let mut builder = Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
        builder.enable_push(false);
        let begun = builder.handshake(stream).await;
        let (sender, connection) = begun.map_err(|_| Failure::Unanswered)?;
        // How it ends is told to each request on it.
        let connection = spawn_local(async move { drop(connection.await) });
        Ok(Self { sender, connection })
    }

    /// Sends a request and checks its answer, a body of `length` bytes.
    pub(crate) async fn exchange(
        &self,
        request: &Request<()>,
        length: usize,
    ) -> Result<(), Failure> {
        let ready = self.sender.clone().ready().await;
        let mut sender = ready.map_err(|_| Failure::Unanswered)?;
        let sent = sender.send_request(request.clone(), true);
        let (answer, _) = sent.map_err(|_| Failure::Unanswered)?;
        let answer = answer.await.map_err(|_| Failure::Unanswered)?;
        if answer.status() != 200 {
            return Err(Failure::Status);
        }
        let (mut body, mut got) = (answer.into_body(), 0);
        while let Some(bytes) = body.data().await {
            let bytes = bytes.map_err(|_| Failure::Truncated)?;
            got += bytes.len();
            let released = body.flow_control().release_capacity(bytes.len());
            released.map_err(|_| Failure::Malformed)?;
        }
        if got == length { Ok(()) } else { Err(Failure::Length) }
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
