//! What is still to come of a request's body.

use crate::l7::chunked::{Decoder, Step, begin_chunk, end_chunks};
use crate::l7::http1::Body;
use crate::model::BadRequest;
use crate::net::Buffer;

use super::chunk_reason;

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
}

impl Upload {
    /// A body of which nothing has been read yet.
    pub(crate) fn new(body: Body, bytes_max: Option<u64>) -> Self {
        let left = match body {
            Body::None => Left::Nothing,
            Body::Length(length) => Left::Length(length),
            Body::Chunked => Left::Chunked(Decoder::default()),
        };
        Self { left, allowance: bytes_max.unwrap_or(u64::MAX), taken: 0 }
    }

    /// Was all of it read?
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.left, Left::Nothing)
    }

    /// How many bytes of `input` go to the backend as they are.
    pub(super) fn plain(&self, input: &Buffer) -> usize {
        match self.left {
            Left::Length(left) => {
                usize::try_from(left).unwrap_or(usize::MAX).min(input.filled().len())
            }
            Left::Nothing | Left::Chunked(_) => 0,
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

    /// Moves what is in `input` into `out`, framed for the backend; returns its body bytes.
    ///
    /// # Errors
    /// The body's framing is malformed, or the body is too large.
    pub(super) fn absorb(
        &mut self,
        input: &mut Option<Buffer>,
        out: &mut Vec<u8>,
    ) -> Result<u64, BadRequest> {
        let Some(input) = input.as_mut() else { return Ok(0) };
        match &mut self.left {
            Left::Nothing => Ok(0),
            Left::Length(_) => {
                let n = self.plain(input);
                out.extend_from_slice(&input.filled()[..n]);
                input.consume(n);
                self.sent(n);
                Ok(n as u64)
            }
            Left::Chunked(decoder) => {
                let mut data = 0;
                loop {
                    match decoder.step(input.filled()).map_err(chunk_reason)? {
                        Step::More => return Ok(data),
                        Step::Framing(n) => input.consume(n),
                        Step::Data(n) => {
                            data += n as u64;
                            self.taken += n as u64;
                            self.allowance = self
                                .allowance
                                .checked_sub(n as u64)
                                .ok_or(BadRequest::BodyTooLarge)?;
                            begin_chunk(out, n);
                            out.extend_from_slice(&input.filled()[..n]);
                            out.extend_from_slice(b"\r\n");
                            input.consume(n);
                        }
                        Step::End(n) => {
                            end_chunks(out, &input.filled()[..n]);
                            input.consume(n);
                            self.left = Left::Nothing;
                            return Ok(data);
                        }
                    }
                }
            }
        }
    }
}
