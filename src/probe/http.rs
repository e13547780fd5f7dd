//! L3: does an HTTP endpoint answer as expected?
//!
//! Each attempt is one request on a connection of its own, so that it meets what a new client
//! would meet. Redirects are answers, not followed. The body is read to its end, so that a
//! truncated answer is told from a whole one, and one without end is a failure; it is kept only
//! where something in it is looked for.

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{CONNECTION, HOST, HeaderMap, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::answer::judge;
use super::connect::Target;
use super::fault::{Fault, shown};
use super::tls::{Tls, Within};
use super::values::Values;
use crate::model::{Expect, Failure, HttpAsk, HttpRequest};

/// What the prober calls itself.
pub(super) const AGENT: &str = concat!("pulsegate/", env!("CARGO_PKG_VERSION"), " (health check)");
/// Bytes of a response head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Header fields of a response.
const HEADERS_MAX: usize = 100;

/// An answer that was as expected.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) headers: HeaderMap,
    /// Empty unless it was asked for.
    pub(super) body: Vec<u8>,
}

/// Asks once.
pub(super) async fn probe(tls: &Tls, target: &Target, ask: &HttpAsk) -> Result<(), Fault> {
    exchange(tls, target, ask, &Values::default(), false).await.map(|_| ())
}

/// Asks with these values, and hands over the answer if it is as expected.
pub(super) async fn exchange(
    tls: &Tls,
    target: &Target,
    ask: &HttpAsk,
    values: &Values<'_>,
    keep_body: bool,
) -> Result<Answered, Fault> {
    let request = request(&ask.request, &ask.host, values)?;
    let stream = TokioIo::new(tls.open(target, ask.tls.as_ref(), Within::Http1).await?);
    let mut builder = Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    let (sender, connection) = builder.handshake(stream).await?;
    drive(send(sender, request, &ask.expect, keep_body), connection).await
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

fn request(
    ask: &HttpRequest,
    host: &str,
    values: &Values<'_>,
) -> Result<Request<Full<Bytes>>, Fault> {
    let mut request = Request::builder()
        .method(ask.method.name())
        .uri(values.target(&ask.path)?)
        .header(HOST, host)
        .header(CONNECTION, "close")
        .header(USER_AGENT, AGENT);
    for (name, value) in &ask.headers {
        request = request.header(&**name, values.header(value)?);
    }
    let body = Full::new(Bytes::from(values.text(&ask.body)?));
    request.body(body).map_err(|error| Fault::Local(shown(&error.to_string())))
}

async fn send(
    mut sender: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    expect: &Expect,
    keep_body: bool,
) -> Result<Answered, Fault> {
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    if !expect.status.iter().any(|(low, high)| (*low..=*high).contains(&status)) {
        return Err(Fault::seen(Failure::Status, response.status().as_str()));
    }
    let keep_body = keep_body || expect.body.is_some() || !expect.json.is_empty();
    let headers = response.headers().clone();
    let body = read(response, expect.body_bytes_max, keep_body).await?;
    judge(expect, &headers, &body)?;
    Ok(Answered { headers, body })
}

/// Reads the body to its end; returns it if it shall be kept.
async fn read(
    response: Response<Incoming>,
    bytes_max: usize,
    keep: bool,
) -> Result<Vec<u8>, Fault> {
    let mut body = response.into_body();
    let (mut kept, mut read) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let Some(data) = frame.data_ref() else { continue };
        read += data.len();
        if read > bytes_max {
            let detail = format!("body of more than {bytes_max} bytes");
            return Err(Fault::seen(Failure::TooLarge, &detail));
        }
        if keep {
            kept.extend_from_slice(data);
        }
    }
    Ok(kept)
}
