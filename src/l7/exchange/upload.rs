//! What is still to come of a request's body.

use crate::l7::chunked::{Decoder, Step, begin_chunk, end_chunks, end_chunks_with};
use crate::l7::http1::Body;
use crate::model::BadRequest;

use super::{Source, chunk_reason};

/// A request body on its way.
#[derive(Debug)]
pub(crate) struct Upload {
    left: Left,
    /// Bytes it may still have.
    allowance: u64,
    /// Bytes it had so far.
    taken: u64,
}

#[derive(Debug)]
enum Left {
    Nothing,
    Length(u64),
    Chunked(Decoder),
    Stream,
}

impl Upload {
    /// A body of which nothing has been read yet.
    pub(crate) fn new(body: Body, bytes_max: Option<u64>) -> Self {
        let left = match body {
            Body::None => Left::Nothing,
            Body::Length(length) => Left::Length(length),
            Body::Chunked => Left::Chunked(Decoder::default()),
            Body::Stream => Left::Stream,
        };
        Self { left, allowance: bytes_max.unwrap_or(u64::MAX), taken: 0 }
    }

    /// Was all of it read?
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.left, Left::Nothing)
    }

    /// May the client's protocol, rather than the body's framing, say where it ends?
    pub(super) fn may_end(&self) -> bool {
        matches!(self.left, Left::Stream)
    }

    /// How many of these bytes go to the backend as they are.
    pub(super) fn plain(&self, bytes: &[u8]) -> usize {
        match self.left {
            Left::Length(left) => usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()),
            Left::Nothing | Left::Chunked(_) | Left::Stream => 0,
        }
    }

    /// Is all of it, as far as is known, at most this long?
    pub(super) fn fits(&self, bytes_max: usize) -> bool {
        let to_come = if let Left::Length(left) = self.left { left } else { 0 };
        self.taken.saturating_add(to_come) <= bytes_max as u64
    }

    /// Counts bytes that [`plain`](Self::plain) allowed as sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        if let Left::Length(left) = &mut self.left {
            *left -= bytes as u64;
            self.taken += bytes as u64;
            if *left == 0 {
                self.left = Left::Nothing;
            }
        }
    }

    /// Moves what has come from the client into `out`, framed for the backend; returns its body bytes.
    ///
    /// # Errors
    /// The body's framing is malformed, or the body is too large.
    pub(super) fn absorb(
        &mut self,
        client: &mut impl Source,
        out: &mut Vec<u8>,
    ) -> Result<u64, BadRequest> {
        match &mut self.left {
            Left::Nothing => Ok(0),
            Left::Length(_) => {
                let n = self.plain(client.bytes());
                out.extend_from_slice(&client.bytes()[..n]);
                client.consume(n);
                self.sent(n);
                Ok(n as u64)
            }
            Left::Stream => {
                let n = client.bytes().len();
                if n > 0 {
                    self.taken += n as u64;
                    take(&mut self.allowance, n)?;
                    move_chunk(client, n, out);
                }
                if client.is_over() {
                    end_chunks_with(out, |put| client.trailers(put));
                    self.left = Left::Nothing;
                }
                Ok(n as u64)
            }
            Left::Chunked(decoder) => {
                let mut data = 0;
                loop {
                    match decoder.step(client.bytes()).map_err(chunk_reason)? {
                        Step::More => return Ok(data),
                        Step::Framing(n) => client.consume(n),
                        Step::Data(n) => {
                            data += n as u64;
                            self.taken += n as u64;
                            take(&mut self.allowance, n)?;
                            move_chunk(client, n, out);
                        }
                        Step::End(n) => {
                            end_chunks(out, &client.bytes()[..n]);
                            client.consume(n);
                            self.left = Left::Nothing;
                            return Ok(data);
                        }
                    }
                }
            }
        }
    }
}

/// Takes `n` bytes of what a body may still have.
fn take(allowance: &mut u64, n: usize) -> Result<(), BadRequest> {
    *allowance = allowance.checked_sub(n as u64).ok_or(BadRequest::BodyTooLarge)?;
    Ok(())
}

/// Moves `n` bytes into `out` as a chunk.
fn move_chunk(client: &mut impl Source, n: usize, out: &mut Vec<u8>) {
    begin_chunk(out, n);
    out.extend_from_slice(&client.bytes()[..n]);
    out.extend_from_slice(b"\r\n");
    client.consume(n);
}
