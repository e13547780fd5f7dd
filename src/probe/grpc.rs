//! L2 by the gRPC health protocol: is the server, or one of its services, serving?
//!
//! One call of `grpc.health.v1.Health/Check` over HTTP/2. Its messages are so small (a request of
//! one string, an answer of one enumeration) that they are written and read here, after
//! `health.proto` of grpc/grpc-proto and the wire format of Protocol Buffers.

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::header::{CONTENT_TYPE, HeaderMap, TE, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::connect::Target;
use super::fault::{Fault, shown};
use super::http::{AGENT, drive};
use super::http2_tasks::Tasks;
use super::tls::{Tls, Within};
use crate::model::{Failure, GrpcAsk};

/// Bytes of an answer: its five bytes of frame, and a message of one enumeration.
const ANSWER_BYTES_MAX: usize = 1024;
/// Bytes of an answer's header list.
const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;
/// `HealthCheckResponse.ServingStatus.SERVING`.
const SERVING: u8 = 1;
/// The tag of field 1 as a length-delimited value, and as a varint.
const FIELD_1_BYTES: u8 = 0x0a;
const FIELD_1_VARINT: u8 = 0x08;

/// Asks once.
pub(super) async fn probe(tls: &Tls, target: &Target, ask: &GrpcAsk) -> Result<(), Fault> {
    let stream = tls.open(target, ask.tls.as_ref(), Within::Http2).await?;
    let tasks = Tasks::default();
    let (sender, connection) = Builder::new(tasks.clone())
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await?;
    drive(call(sender, ask), connection).await
}

async fn call(mut sender: SendRequest<Full<Bytes>>, ask: &GrpcAsk) -> Result<(), Fault> {
    let scheme = if ask.tls.is_some() { "https" } else { "http" };
    let request = Request::post(format!("{scheme}://{}/grpc.health.v1.Health/Check", ask.host))
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header(USER_AGENT, AGENT)
        .body(Full::new(question(&ask.service)))
        .map_err(|error| Fault::Local(shown(&error.to_string())))?;
    let response = sender.send_request(request).await?;
    if response.status().as_u16() != 200 {
        return Err(Fault::seen(Failure::Status, response.status().as_str()));
    }
    judge(response).await
}

/// A `HealthCheckRequest` of this service, framed.
fn question(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(FIELD_1_BYTES);
        // The config bounds a service's name to what one byte of length can tell.
        message.put_u8(service.len() as u8);
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put(message);
    framed.freeze()
}

/// Reads an answer to its trailers, which say whether the call succeeded.
async fn judge(response: Response<Incoming>) -> Result<(), Fault> {
    // A call that fails at once has its status among the headers and no body.
    if response.headers().contains_key("grpc-status") {
        succeeded(response.headers())?;
    }
    let mut body = response.into_body();
    let mut answer = Vec::new();
    let mut ended = false;
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => answer.extend_from_slice(&data),
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    succeeded(&trailers)?;
                    ended = true;
                }
            }
        }
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(Fault::seen(Failure::TooLarge, "answer"));
        }
    }
    if !ended {
        return Err(Fault::seen(Failure::Truncated, "no trailers"));
    }
    match status(&answer) {
        Some(SERVING) => Ok(()),
        Some(status) => Err(Fault::seen(Failure::Rejected, state(status))),
        None => Err(Fault::seen(Failure::Protocol, "not a HealthCheckResponse")),
    }
}

/// The call's status: 0 is success.
fn succeeded(headers: &HeaderMap) -> Result<(), Fault> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    match text("grpc-status") {
        Some(code) if code == "0" => Ok(()),
        Some(code) => {
            let message = text("grpc-message").unwrap_or_default();
            let detail = format!("grpc-status {code} ({}) {message}", meaning(&code));
            Err(Fault::seen(Failure::Rejected, detail.trim_end()))
        }
        None => Err(Fault::seen(Failure::Protocol, "no grpc-status")),
    }
}

/// What the codes mean that a health service answers with.
fn meaning(code: &str) -> &'static str {
    match code {
        "5" => "no such service",
        "12" => "no health service here",
        "14" => "unavailable",
        "16" => "unauthenticated",
        _ => "failed",
    }
}

fn state(status: u8) -> &'static str {
    match status {
        0 => "UNKNOWN",
        2 => "NOT_SERVING",
        3 => "SERVICE_UNKNOWN",
        _ => "a status that is not known",
    }
}

/// The status of a framed `HealthCheckResponse`; an empty message means 0.
fn status(answer: &[u8]) -> Option<u8> {
    let (frame, message) = answer.split_at_checked(5)?;
    let length = u32::from_be_bytes(frame[1..].try_into().ok()?);
    if frame[0] != 0 || length as usize != message.len() {
        return None;
    }
    match message {
        [] => Some(0),
        [FIELD_1_VARINT, status] if *status < 0x80 => Some(*status),
        _ => None,
    }
}
