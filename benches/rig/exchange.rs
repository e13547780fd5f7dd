//! One request and its whole answer.

use tokio::io::AsyncWriteExt;

use super::backend::Page;
use super::response::Response;
use super::scratch::Scratch;
use super::tally::Failure;
use super::wire::Wire;

/// The request for a page, much as a small client sends it.
pub(crate) fn request(page: Page, close: bool) -> Vec<u8> {
    let connection = if close { "Connection: close\r\n" } else { "" };
    let path = page.path;
    format!(
        "GET {path} HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: bench\r\nAccept: */*\r\n{connection}\r\n"
    )
    .into_bytes()
}

/// Sends a request and checks its answer, a body of `length` bytes; true if the proxy closes the
/// connection after it.
pub(crate) async fn exchange(
    stream: &mut Wire,
    scratch: &Scratch,
    request: &[u8],
    length: usize,
) -> Result<bool, Failure> {
    stream.write_all(request).await.map_err(|_| Failure::Unanswered)?;
    stream.flush().await.map_err(|_| Failure::Unanswered)?;
    let mut response = Response::default();
    loop {
        let feed = |bytes: &[u8]| std::mem::take(&mut response).feed(bytes, length);
        response = match scratch.read(stream, feed).await {
            Ok(fed) => fed?,
            // A reset says no more than an end of stream: both cut the answer where it was.
            Err(_) => response.feed(&[], length)?,
        };
        if let Response::Done(closes) = response {
            return Ok(closes);
        }
    }
}
