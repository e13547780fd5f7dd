//! What a probe asks, and which answer passes.
//!
//! Two probes that ask the same are equal, whichever pool they are asked for: so the same question
//! to the same address is sent once, and a reload that does not change a question keeps what is
//! known of it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustls::sign::CertifiedKey;

use super::{Expect, HttpAsk, HttpMethod, HttpRequest, PostgresAsk, RedisAsk, Transaction};

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProbeKind {
    /// Open a connection, then close it by RST.
    Connect,
    /// Ask the host for an ICMP echo; the port is not touched.
    Ping,
    /// `HEAD` a path over HTTP/1.1: any valid status line is life.
    StatusLine {
        /// The `Host` header.
        host: Arc<str>,
        /// The origin-form target.
        path: Arc<str>,
        /// Over TLS, if so.
        tls: Option<TlsAsk>,
    },
    /// Wait for what a server says first.
    Banner {
        /// How it must begin; empty = any byte is life.
        prefix: Arc<str>,
    },
    /// Greet by TLS: any valid TLS record is life.
    TlsHello {
        /// The name asked for (SNI), or an address.
        server_name: Arc<str>,
    },
    /// Call `grpc.health.v1.Health/Check`.
    Grpc(GrpcAsk),
    /// Ask an agent beside the backend, at the backend's address.
    Agent {
        /// The agent's port.
        port: u16,
        /// A line it is sent first; empty = nothing.
        send: Arc<str>,
    },
    /// Ask over HTTP and judge the answer.
    Http(HttpAsk),
    /// Several requests in order, each of which must pass.
    Transaction(Transaction),
    /// Query a PostgreSQL server.
    Postgres(PostgresAsk),
    /// Send a Redis server a command.
    Redis(RedisAsk),
}

impl ProbeKind {
    /// The same question to a backend that speaks HTTP/2 instead of HTTP/1.1.
    #[must_use]
    pub fn over_http2(self) -> Self {
        match self {
            // There is no status line to look for: any answer is life.
            Self::StatusLine { host, path, tls } => {
                let request = HttpRequest { method: HttpMethod::Head, ..HttpRequest::get(path) };
                let expect = Expect::anything();
                Self::Http(HttpAsk { tls, http2: true, host, request, expect })
            }
            Self::Http(ask) => Self::Http(HttpAsk { http2: true, ..ask }),
            Self::Transaction(mut transaction) => {
                transaction.steps.iter_mut().for_each(|step| step.ask.http2 = true);
                Self::Transaction(transaction)
            }
            other => other,
        }
    }
}

impl fmt::Display for ProbeKind {
    /// In a few words: `connect`, `GET /health`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connect"),
            Self::Ping => f.write_str("ICMP echo"),
            Self::Banner { .. } => f.write_str("banner"),
            Self::TlsHello { .. } => f.write_str("TLS hello"),
            Self::Grpc(ask) if ask.service.is_empty() => f.write_str("gRPC health"),
            Self::Grpc(ask) => write!(f, "gRPC health of {}", ask.service),
            Self::Agent { port, .. } => write!(f, "agent at port {port}"),
            Self::StatusLine { path, .. } => write!(f, "HEAD {path}"),
            Self::Http(ask) => write!(f, "{ask}"),
            Self::Transaction(transaction) => {
                for (i, step) in transaction.steps.iter().enumerate() {
                    let separator = if i == 0 { "" } else { ", " };
                    write!(f, "{separator}{}", step.ask)?;
                }
                Ok(())
            }
            Self::Postgres(ask) => write!(f, "PostgreSQL {}", ask.statement),
            Self::Redis(ask) => write!(f, "Redis {}", ask.command.join(" ")),
        }
    }
}

/// A call of the gRPC health protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GrpcAsk {
    /// The `:authority`.
    pub host: Arc<str>,
    /// The service asked for; empty = the server as a whole.
    pub service: Arc<str>,
    /// Over TLS, if so.
    pub tls: Option<TlsAsk>,
}

/// How a probe speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsAsk {
    /// The name asked for (SNI) and verified, or an address.
    pub server_name: Arc<str>,
    /// Whom to trust; `None` = any certificate passes.
    pub roots: Option<TrustedRoots>,
    /// What to show, if it is asked for.
    pub identity: Option<Identity>,
}

/// A certificate of our own and its key. Shared: a clone costs nothing.
#[derive(Clone)]
pub struct Identity(pub Arc<CertifiedKey>);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl PartialEq for Identity {
    /// A key that belongs to the same certificate is the same key.
    fn eq(&self, other: &Self) -> bool {
        self.0.cert == other.0.cert
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.cert.hash(state);
    }
}

/// Certificates of authorities, in DER. Shared: a clone costs nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TrustedRoots(Arc<[Vec<u8>]>);

impl TrustedRoots {
    /// Wraps certificates that were found to be ones.
    #[must_use]
    pub fn new(certificates: Vec<Vec<u8>>) -> Self {
        Self(certificates.into())
    }

    /// Each certificate's DER.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }
}
