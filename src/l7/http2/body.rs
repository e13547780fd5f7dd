//! What both sides' streams have in common.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// Bytes of values that most heads have at most.
const VALUES: usize = 256;
/// Likewise, how many fields.
const FIELDS: usize = 12;

/// The fields that `fill` says, with all values in one piece of memory.
pub(crate) fn fields(fill: impl FnOnce(&mut dyn FnMut(&str, &[u8]))) -> HeaderMap {
    let (mut names, mut values) = (Vec::with_capacity(FIELDS), Vec::with_capacity(VALUES));
    fill(&mut |name, value| {
        names.push((HeaderName::from_bytes(name.as_bytes()), value.len()));
        values.extend_from_slice(value);
    });
    let mut values = Bytes::from(values);
    let mut fields = HeaderMap::with_capacity(names.len());
    for (name, length) in names {
        let value = HeaderValue::from_maybe_shared(values.split_to(length));
        // Both were read strictly, or come from the configuration: none is lost here.
        if let (Ok(name), Ok(value)) = (name, value) {
            fields.append(name, value);
        }
    }
    fields
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
