//! The codings themselves, as libraries make them.

use std::io::{self, Write as _};

use brotli::CompressorWriter;
use flate2::write::GzEncoder;
use zstd::zstd_safe::CParameter;

use crate::model::Coding;

/// Half of what could be saved costs a tenth of the time: each coding's usual choice for what is
/// compressed anew for every request.
const GZIP_LEVEL: u32 = 5;
const BROTLI_LEVEL: u32 = 4;
const ZSTD_LEVEL: i32 = 3;
/// What is remembered of a body, as a power of two: 256 KiB. It bounds an encoder's memory.
const WINDOW_LOG: u32 = 18;
/// Brotli's buffer of what is to be coded.
const BROTLI_BUFFER: usize = 16 * 1024;

/// One body on its way into a coding.
pub(crate) enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    /// Begins a body.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(crate) fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                Self::Gzip(GzEncoder::new(Vec::new(), level))
            }
            Coding::Brotli => {
                let to = CompressorWriter::new(Vec::new(), BROTLI_BUFFER, BROTLI_LEVEL, WINDOW_LOG);
                Self::Brotli(Box::new(to))
            }
            Coding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Takes a piece of the body.
    ///
    /// # Errors
    /// The library failed; the body cannot go on.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(to) => to.write_all(bytes),
            Self::Brotli(to) => to.write_all(bytes),
            Self::Zstd(to) => to.write_all(bytes),
        }
    }

    /// Lets go of all that was taken: a client can decode it without what follows.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(to) => to.flush(),
            Self::Brotli(to) => to.flush(),
            Self::Zstd(to) => to.flush(),
        }
    }

    /// Moves what is coded so far to the end of `out`.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>) {
        let coded = match self {
            Self::Gzip(to) => to.get_mut(),
            Self::Brotli(to) => to.get_mut(),
            Self::Zstd(to) => to.get_mut(),
        };
        out.append(coded);
    }

    /// Ends the body; what was not taken yet is given back.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(to) => to.finish(),
            Self::Brotli(to) => Ok(to.into_inner()),
            Self::Zstd(to) => to.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn decoded(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match coding {
            Coding::Gzip => drop(flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out)),
            Coding::Brotli => drop(brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out)),
            Coding::Zstd => {
                drop(zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut out));
            }
        }
        out
    }

    #[test]
    fn what_was_flushed_can_be_decoded_and_the_whole_is_the_body() {
        for coding in Coding::ALL {
            let mut encoder = Encoder::new(coding).unwrap();
            let (mut sent, mut body) = (Vec::new(), Vec::new());
            for n in 0..50_u32 {
                let piece = format!("line {n} of a body that repeats itself\n").repeat(40);
                body.extend_from_slice(piece.as_bytes());
                encoder.write(piece.as_bytes()).unwrap();
                encoder.flush().unwrap();
                encoder.take(&mut sent);
                assert_eq!(decoded(coding, &sent), body, "{coding:?} after piece {n}");
            }
            sent.extend(encoder.finish().unwrap());
            assert_eq!(decoded(coding, &sent), body, "{coding:?}");
            assert!(sent.len() * 4 < body.len(), "{coding:?}: {} of {}", sent.len(), body.len());
        }
    }

    #[test]
    fn an_empty_body_is_one() {
        for coding in Coding::ALL {
            let coded = Encoder::new(coding).unwrap().finish().unwrap();
            assert!(!coded.is_empty() && decoded(coding, &coded).is_empty(), "{coding:?}");
        }
    }
}
