//! L3: does an HTTP endpoint answer with an expected status?
//!
//! Each attempt is one `GET` on a connection of its own, so that it meets what a new client would
//! meet. Redirects are answers, not followed. The body is read to its end, so that a truncated
//! answer is told from a whole one, but no further than [`BODY_BYTES_MAX`]: what is longer is
//! judged by its status alone.

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::fault::Fault;
use super::tls::{Tls, Within};
use crate::model::{Address, Failure, HttpAsk};

/// What the prober calls itself.
pub(super) const AGENT: &str = concat!("pulsegate/", env!("CARGO_PKG_VERSION"), " (health check)");
/// Body bytes read before an answer is judged by its status alone.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a response head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Header fields of a response.
const HEADERS_MAX: usize = 100;

/// Asks once.
pub(super) async fn probe(tls: &Tls, address: &Address, ask: &HttpAsk) -> Result<(), Fault> {
    let stream = TokioIo::new(tls.open(address, ask.tls.as_ref(), Within::Http1).await?);
    let mut builder = Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    let (sender, connection) = builder.handshake(stream).await?;
    drive(exchange(sender, ask), connection).await
}

/// Runs `exchange` with the connection that carries it.
pub(super) async fn drive<T>(
    exchange: impl Future<Output = T>,
    connection: impl Future<Output = hyper::Result<()>>,
) -> T {
    let mut exchange = pin!(exchange);
    tokio::select! {
        biased;
        result = &mut exchange => result,
        // The connection's own error reaches the exchange too, which ends with it.
        _ = connection => exchange.await,
    }
}

async fn exchange(mut sender: SendRequest<Empty<Bytes>>, ask: &HttpAsk) -> Result<(), Fault> {
    let request = Request::get(&*ask.path)
        .header(HOST, &*ask.host)
        .header(CONNECTION, "close")
        .header(USER_AGENT, AGENT)
        .body(Empty::new())
        .map_err(|error| Fault::Local(super::fault::shown(&error.to_string())))?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    if !ask.expect.status.iter().any(|(low, high)| (*low..=*high).contains(&status)) {
        return Err(Fault::seen(Failure::Status, response.status().as_str()));
    }
    finish(response).await
}

/// Reads the body until its end or its bound.
async fn finish(response: Response<Incoming>) -> Result<(), Fault> {
    let mut body = response.into_body();
    let mut read = 0;
    while read < BODY_BYTES_MAX
        && let Some(frame) = body.frame().await
    {
        read += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(())
}
