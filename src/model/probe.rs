//! What a probe asks, and which answer passes.
//!
//! Two probes that ask the same are equal, whichever pool they are asked for: so the same question
//! to the same address is sent once, and a reload that does not change a question keeps what is
//! known of it.

use std::fmt;
use std::sync::Arc;

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProbeKind {
    /// Open a connection, then close it by RST.
    Connect,
    /// `HEAD` a path over HTTP/1.1: any valid status line is life.
    StatusLine {
        /// The `Host` header.
        host: Arc<str>,
        /// The origin-form target.
        path: Arc<str>,
    },
    /// `GET` a path over HTTP/1.1 and judge the answer.
    Http(HttpAsk),
    /// Several requests in order, each of which must pass; at least one.
    Transaction(Vec<HttpAsk>),
}

impl fmt::Display for ProbeKind {
    /// In a few words: `connect`, `GET /health`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connect"),
            Self::StatusLine { path, .. } => write!(f, "HEAD {path}"),
            Self::Http(ask) => write!(f, "{ask}"),
            Self::Transaction(steps) => {
                for (i, step) in steps.iter().enumerate() {
                    let separator = if i == 0 { "" } else { ", " };
                    write!(f, "{separator}{step}")?;
                }
                Ok(())
            }
        }
    }
}

/// One HTTP request and the answer expected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpAsk {
    /// The `Host` header.
    pub host: Arc<str>,
    /// The origin-form target.
    pub path: Arc<str>,
    /// Which answer passes.
    pub expect: Expect,
}

impl fmt::Display for HttpAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GET {}", self.path)
    }
}

/// What an HTTP answer must be like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expect {
    /// Expected status codes, as inclusive ranges; at least one.
    pub status: Vec<(u16, u16)>,
}
