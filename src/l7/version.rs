//! The versions of HTTP that are spoken here.

/// A version of HTTP, older ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// RFC 1945.
    Http10,
    /// RFC 9112.
    Http11,
    /// RFC 9113.
    Http2,
}

impl Version {
    /// The HTTP/1 version of this minor number.
    #[must_use]
    pub(crate) fn of_minor(minor: u8) -> Self {
        if minor == 0 { Self::Http10 } else { Self::Http11 }
    }

    /// The name that log lines show.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }

    /// The name that the ledger of a drain shows.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Http10 => "http/1.0",
            Self::Http11 => "http/1.1",
            Self::Http2 => "http/2",
        }
    }

    /// What `Via` says of a message that was received by it (RFC 9110 §7.6.3).
    #[must_use]
    pub(crate) fn via(self) -> &'static [u8] {
        match self {
            Self::Http10 => b"1.0 pulsegate",
            Self::Http11 => b"1.1 pulsegate",
            Self::Http2 => b"2 pulsegate",
        }
    }
}
