//! An answer that is compressed on its way: the backend's side of it, in another coding.
//!
//! Whatever says where the plain body ends (a length, chunks, the connection, a stream), what comes of it
//! here ends as a stream does. Each read's bytes are coded and let go of before the next is waited for.

use std::cell::Cell;
use std::io;

use crate::l7::chunked::{Decoder, Step, trailers};
use crate::l7::client::{Response, ResponseBody};
use crate::l7::compress::Encoder;
use crate::model::Coding;

use super::backend::{Answering, HeadMax, NoHead};

/// Answers of a worker that are compressed at once: an encoder takes about a megabyte.
pub(super) const COMPRESSING_MAX: usize = 64;

/// A body in another coding.
pub(super) struct Coded<'b, B> {
    backend: &'b mut B,
    /// `None` = the body has ended.
    encoder: Option<Encoder>,
    plain: Plain,
    /// What is coded and not consumed begins in `coded` here.
    at: usize,
    coded: Vec<u8>,
    /// How many others there are.
    _among: Among<'b>,
}

/// Where the plain body ends.
enum Plain {
    /// After so many more bytes.
    Length(u64),
    /// At the last chunk; then its trailer section is held.
    Chunked(Decoder, Vec<u8>),
    /// At the connection's end.
    Close,
    /// At the stream's end.
    Stream,
}

/// One of the answers that are compressed.
struct Among<'w>(&'w Cell<usize>);

impl Drop for Among<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<'b, B: Answering> Coded<'b, B> {
    /// Begins with what has come of the body already.
    ///
    /// # Errors
    /// The body is broken, or cannot be coded.
    pub(super) fn new(
        backend: &'b mut B,
        body: ResponseBody,
        coding: Coding,
        compressing: &'b Cell<usize>,
    ) -> io::Result<Self> {
        let plain = match body {
            ResponseBody::None | ResponseBody::Empty => Plain::Length(0),
            ResponseBody::Length(length) => Plain::Length(length),
            ResponseBody::Chunked => Plain::Chunked(Decoder::default(), Vec::new()),
            ResponseBody::Close => Plain::Close,
            ResponseBody::Stream => Plain::Stream,
        };
        compressing.set(compressing.get() + 1);
        let among = Among(compressing);
        let encoder = Some(Encoder::new(coding)?);
        let mut coded = Self { backend, encoder, plain, at: 0, coded: Vec::new(), _among: among };
        coded.take()?;
        Ok(coded)
    }

    /// Codes what is there.
    fn take(&mut self) -> io::Result<()> {
        let Some(encoder) = &mut self.encoder else { return Ok(()) };
        let mut taken = false;
        let over = loop {
            let there = self.backend.bytes();
            let (data, drop, over) = match &mut self.plain {
                Plain::Length(left) => {
                    let n = usize::try_from(*left).unwrap_or(usize::MAX).min(there.len());
                    *left -= n as u64;
                    (n, n, *left == 0)
                }
                Plain::Chunked(decoder, section) => {
                    match decoder.step(there).map_err(|_| io::ErrorKind::InvalidData)? {
                        Step::More => (0, 0, false),
                        Step::Framing(n) => (0, n, false),
                        Step::Data(n) => (n, n, false),
                        Step::End(n) => {
                            section.extend_from_slice(&there[..n]);
                            (0, n, true)
                        }
                    }
                }
                Plain::Close => (there.len(), there.len(), false),
                Plain::Stream => (there.len(), there.len(), self.backend.is_over()),
            };
            encoder.write(&there[..data])?;
            taken |= data > 0;
            self.backend.consume(drop);
            if over || drop == 0 {
                break over;
            }
        };
        if over {
            return self.finish();
        }
        if taken {
            encoder.flush()?;
            encoder.take(&mut self.coded);
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(encoder) = self.encoder.take() {
            self.coded.append(&mut encoder.finish()?);
        }
        Ok(())
    }
}

impl<B: Answering> Answering for Coded<'_, B> {
    async fn head<T>(
        &mut self,
        max: HeadMax,
        look: impl FnOnce(&Response<'_, '_>) -> T,
    ) -> Result<T, NoHead> {
        self.backend.head(max, look).await
    }

    fn bytes(&self) -> &[u8] {
        &self.coded[self.at..]
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
        if self.at == self.coded.len() {
            self.coded.clear();
            self.at = 0;
        }
    }

    /// A little at a time, however `much` there is: coding keeps the worker from all others.
    async fn more(&mut self, _much: bool) -> io::Result<usize> {
        let before = self.bytes().len();
        while self.encoder.is_some() && self.bytes().len() == before {
            if self.backend.more(false).await? == 0 {
                match self.plain {
                    Plain::Close | Plain::Stream => self.finish()?,
                    Plain::Length(_) | Plain::Chunked(..) => {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
            self.take()?;
        }
        Ok(self.bytes().len() - before)
    }

    fn is_over(&self) -> bool {
        self.encoder.is_none()
    }

    fn trailers(&self, put: &mut dyn FnMut(&str, &[u8])) {
        match &self.plain {
            Plain::Chunked(_, section) => trailers(section, put),
            Plain::Stream => self.backend.trailers(put),
            Plain::Length(_) | Plain::Close => {}
        }
    }
}
