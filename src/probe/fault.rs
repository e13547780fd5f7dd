//! What went wrong, and whose fault it was.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use rustix::io::Errno;

use crate::model::{Failure, Reason};

/// Characters of detail shown.
const DETAIL_CHARS_MAX: usize = 200;

/// Why an attempt did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The backend, or the way to it.
    Peer(Reason),
    /// This machine: says nothing about the backend.
    Local(Arc<str>),
}

impl Fault {
    /// The backend failed in a way that needs no words.
    pub(super) fn peer(failure: Failure) -> Self {
        Self::Peer(Reason { failure, detail: Arc::default() })
    }

    /// The backend failed; `detail` may hold what it sent.
    pub(super) fn seen(failure: Failure, detail: &str) -> Self {
        Self::Peer(Reason { failure, detail: shown(detail) })
    }

    fn from_tls(error: &rustls::Error) -> Self {
        let failure = match error {
            rustls::Error::InvalidCertificate(_) => Failure::Certificate,
            _ => Failure::Protocol,
        };
        Self::seen(failure, &error.to_string())
    }

    /// The same, told with the part of the work in which it happened.
    pub(super) fn within(self, part: &str) -> Self {
        match self {
            Self::Peer(reason) if reason.detail.is_empty() => Self::seen(reason.failure, part),
            Self::Peer(reason) => Self::seen(reason.failure, &format!("{part}: {}", reason.detail)),
            local @ Self::Local(_) => local,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let errno = Errno::from_io_error(&error);
        if let Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) = errno {
            return Self::Local(shown(&error.to_string()));
        }
        // Ports in use up: for TCP `AGAIN` says the same of the routing cache. A unix socket's
        // `AGAIN` is its full backlog, which `connect` tells apart before it comes here.
        if let Some(Errno::ADDRNOTAVAIL | Errno::AGAIN) = errno {
            return Self::Local(shown(&error.to_string()));
        }
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Self::from_tls(tls);
        }
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::peer(Failure::Refused),
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                Self::peer(Failure::Reset)
            }
            ErrorKind::TimedOut => Self::peer(Failure::Timeout),
            ErrorKind::UnexpectedEof => Self::peer(Failure::Truncated),
            ErrorKind::NotFound => Self::peer(Failure::Missing),
            _ => Self::seen(Failure::Unreachable, &error.to_string()),
        }
    }
}

impl From<hyper::Error> for Fault {
    fn from(error: hyper::Error) -> Self {
        if error.is_parse_too_large() {
            return Self::seen(Failure::TooLarge, "response head");
        }
        if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
            return Self::peer(Failure::Truncated);
        }
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        match source {
            Some(io)
                if io.kind() == ErrorKind::InvalidData || io.kind() == ErrorKind::InvalidInput =>
            {
                Self::seen(Failure::Protocol, &io.to_string())
            }
            Some(io) => Self::from(copy(io)),
            None => Self::seen(Failure::Protocol, &error.to_string()),
        }
    }
}

/// An error like `error`, which can only be borrowed.
pub(super) fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// Text fit for a log line: capped, and with control characters escaped.
pub(super) fn shown(text: &str) -> Arc<str> {
    let mut shown = String::new();
    for c in text.chars().take(DETAIL_CHARS_MAX) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    match shown.char_indices().nth(DETAIL_CHARS_MAX) {
        Some((end, _)) => shown[..end].into(),
        None => shown.into(),
    }
}
