//! The headers that say where a message ends, read so that two readers cannot disagree.
//!
//! RFC 9112 §6.3 lets a recipient repair some contradictions; every repair is a chance for a
//! smuggled request, so this reader repairs none.

use crate::l7::version::Version;

/// Why framing headers were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// `Content-Length` repeated or not plain digits.
    ContentLength,
    /// A transfer coding other than one single `chunked`, or one on HTTP/1.0.
    TransferEncoding,
    /// Both headers at once.
    Both,
}

/// The framing headers seen so far in one head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    /// The value of the one `Content-Length`.
    pub content_length: Option<u64>,
    /// `Transfer-Encoding: chunked` was seen.
    pub chunked: bool,
}

impl Lengths {
    /// Takes a `Content-Length` value in.
    ///
    /// # Errors
    /// It is the second one, or is not 1 to 19 digits.
    pub fn content_length(&mut self, value: &[u8]) -> Result<(), FramingError> {
        // Nineteen digits always fit into a u64, so no overflow can be asked for.
        if self.content_length.is_some() || value.is_empty() || value.len() > 19 {
            return Err(FramingError::ContentLength);
        }
        let mut length = 0_u64;
        for byte in value {
            if !byte.is_ascii_digit() {
                return Err(FramingError::ContentLength);
            }
            length = length * 10 + u64::from(byte - b'0');
        }
        self.content_length = Some(length);
        Ok(())
    }

    /// Takes a `Transfer-Encoding` value in.
    ///
    /// # Errors
    /// It is the second one, or is not exactly `chunked`.
    pub fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), FramingError> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(FramingError::TransferEncoding);
        }
        self.chunked = true;
        Ok(())
    }

    /// Checks what was taken in, for a message of this version.
    ///
    /// # Errors
    /// Both headers are there, or a transfer coding on HTTP/1.0.
    pub fn check(self, version: Version) -> Result<Self, FramingError> {
        if self.chunked && self.content_length.is_some() {
            return Err(FramingError::Both);
        }
        if self.chunked && version == Version::Http10 {
            return Err(FramingError::TransferEncoding);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_digits_are_a_length() {
        for value in ["", "+1", "-1", "0x1", "1 ", "1,1", "1.0", "٣", "99999999999999999999"] {
            let mut lengths = Lengths::default();
            let result = lengths.content_length(value.as_bytes());
            assert_eq!(result, Err(FramingError::ContentLength), "{value:?}");
        }
        let mut lengths = Lengths::default();
        assert_eq!(lengths.content_length(b"0042"), Ok(()));
        assert_eq!(lengths.content_length, Some(42));
        assert_eq!(lengths.content_length(b"42"), Err(FramingError::ContentLength));
    }

    #[test]
    fn only_one_chunked_is_a_coding() {
        for value in ["gzip, chunked", "chunked, chunked", "identity", "chunked;q=1", "xchunked"] {
            let result = Lengths::default().transfer_encoding(value.as_bytes());
            assert_eq!(result, Err(FramingError::TransferEncoding), "{value:?}");
        }
        let mut lengths = Lengths::default();
        assert_eq!(lengths.transfer_encoding(b"Chunked"), Ok(()));
        assert_eq!(lengths.transfer_encoding(b"chunked"), Err(FramingError::TransferEncoding));
        assert_eq!(lengths.check(Version::Http10), Err(FramingError::TransferEncoding));
        assert_eq!(lengths.content_length(b"3"), Ok(()));
        assert_eq!(lengths.check(Version::Http11), Err(FramingError::Both));
    }
}
