//! What both sides' streams have in common.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// Adds a field. Both were read strictly, or come from the configuration: none is lost here.
pub(crate) fn append(fields: &mut HeaderMap, name: &str, value: &[u8]) {
    let (name, value) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value));
    if let (Ok(name), Ok(value)) = (name, value) {
        fields.append(name, value);
    }
}

/// Ready with how many bytes of those that were reserved may be sent now, at least one.
pub(crate) fn poll_room(
    stream: &mut SendStream<Bytes>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    loop {
        match stream.capacity() {
            0 => match ready!(stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            },
            room => return Poll::Ready(Ok(room)),
        }
    }
}
