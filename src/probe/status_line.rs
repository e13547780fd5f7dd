//! L2 over HTTP: does the process answer at all?
//!
//! The kernel accepts connections for a process that is stopped or stuck, so a connect proves
//! nothing about it. Any valid status line does, whatever it says: the process read a request and
//! wrote an answer. The rest of the answer is not waited for.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connect::Target;
use super::fault::Fault;
use super::http::AGENT;
use super::tls::{Tls, Within};
use crate::model::{Failure, TlsAsk};

/// Bytes within which the status line must end.
const LINE_BYTES_MAX: usize = 4096;

/// Asks once.
pub(super) async fn probe(
    tls: &Tls,
    target: &Target,
    ask: Option<&TlsAsk>,
    (host, path): (&str, &str),
) -> Result<(), Fault> {
    let mut stream = tls.open(target, ask, Within::Http1).await?;
    let request = format!(
        "HEAD {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: {AGENT}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(512);
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(Fault::peer(Failure::Truncated));
        }
        if is_status_line(&answer)? {
            return Ok(());
        }
        if answer.len() > LINE_BYTES_MAX {
            return Err(Fault::seen(Failure::TooLarge, "status line"));
        }
    }
}

/// Whether the answer begins with a whole status line; what can no longer become one is a fault.
fn is_status_line(answer: &[u8]) -> Result<bool, Fault> {
    let mut headers = [httparse::EMPTY_HEADER; 0];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(answer) {
        Err(error) if response.code.is_none() => {
            Err(Fault::seen(Failure::Protocol, &error.to_string()))
        }
        _ => Ok(response.code.is_some() && response.reason.is_some()),
    }
}
