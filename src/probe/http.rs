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
use hyper::client::conn::{http1, http2};
use hyper::header::{CONNECTION, HOST, HeaderMap, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::answer::judge;
use super::connect::Target;
use super::fault::{Fault, shown};
use super::http2_tasks::Tasks;
use super::tls::{Tls, Within};
use super::values::Values;
use crate::model::{Expect, Failure, HttpAsk};

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
    let request = request(ask, values)?;
    let within = if ask.http2 { Within::Http2 } else { Within::Http1 };
    let stream = TokioIo::new(tls.open(target, ask.tls.as_ref(), within).await?);
    if ask.http2 {
        let tasks = Tasks::default();
        let mut builder = http2::Builder::new(tasks.clone());
        builder.max_header_list_size(HEAD_BYTES_MAX as u32);
        let (mut sender, connection) = builder.handshake(stream).await?;
        let asking =
            async { take(sender.send_request(request).await?, &ask.expect, keep_body).await };
        return drive(asking, connection).await;
    }
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    let (mut sender, connection) = builder.handshake(stream).await?;
    let asking = async { take(sender.send_request(request).await?, &ask.expect, keep_body).await };
    drive(asking, connection).await
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

fn request(ask: &HttpAsk, values: &Values<'_>) -> Result<Request<Full<Bytes>>, Fault> {
    let HttpAsk { tls, http2, host, request: ask, .. } = ask;
    let target = values.target(&ask.path)?;
    let request = Request::builder().method(ask.method.name()).header(USER_AGENT, AGENT);
    let mut request = if *http2 {
        let scheme = if tls.is_some() { "https" } else { "http" };
        request.uri(format!("{scheme}://{host}{target}"))
    } else {
        request.uri(target).header(HOST, &**host).header(CONNECTION, "close")
    };
    for (name, value) in &ask.headers {
        request = request.header(&**name, values.header(value)?);
    }
    let body = Full::new(Bytes::from(values.text(&ask.body)?));
    request.body(body).map_err(|error| Fault::Local(shown(&error.to_string())))
}

async fn take(
    response: Response<Incoming>,
    expect: &Expect,
    keep_body: bool,
) -> Result<Answered, Fault> {
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
