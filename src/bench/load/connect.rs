//! Finds the server, and opens connections to it.
//!
//! All that can be wrong with the address is found before the first request is due, and told in one
//! line: a run against nobody measures nothing.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::tls::Tls;
use super::wire::Wire;
use super::{Plan, Protocol};
use crate::bench::measure::Fault;
use crate::net::is_local;

/// For the first connections; once the run has begun the request's own time counts.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// First connections opened at a time: a server far away takes a round trip or three for each.
const AT_ONCE: usize = 32;

/// Why a run cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The name has no address.
    #[error("{host}: cannot be resolved: {cause}")]
    Unresolvable {
        /// The host's name.
        host: String,
        /// What the system answered.
        cause: io::Error,
    },
    /// No connection to the server.
    #[error("{address}: cannot connect: {cause}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// What the system answered.
        cause: io::Error,
    },
    /// A connection, and no session on it.
    #[error("{address}: no TLS session: {cause}")]
    Tls {
        /// Where to.
        address: SocketAddr,
        /// What is wrong, as with the certificate.
        cause: io::Error,
    },
    /// The server does not speak the protocol asked for.
    #[error("{address}: does not speak HTTP/2")]
    NoHttp2 {
        /// Where.
        address: SocketAddr,
    },
    /// This machine cannot run it.
    #[error("the generator cannot start: {0}")]
    Here(io::Error),
}

/// What opens connections.
pub(super) trait Dial {
    /// A connection.
    type Stream;
    /// Opens one.
    fn dial(&self) -> impl Future<Output = Result<Self::Stream, Fault>>;
}

/// A server that has an address.
#[derive(Clone)]
pub struct Server {
    address: SocketAddr,
    tls: Option<Tls>,
    http2: bool,
}

impl Server {
    /// Looks the request's host up and connects once; the first address that answers is used
    /// throughout, so that all requests go the same way.
    ///
    /// # Errors
    /// The name has no address, or none of them answers as asked for.
    pub async fn find(plan: &Plan) -> Result<Self, Refusal> {
        let (host, port) = (plan.request.host(), plan.request.port());
        let http2 = matches!(plan.protocol, Protocol::Http2 { .. });
        let offer: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
        let tls = || Tls::new(host, offer, plan.insecure).map_err(Refusal::Here);
        let tls = plan.request.is_tls().then(tls).transpose()?;
        let unresolvable = |cause| Refusal::Unresolvable { host: host.to_owned(), cause };
        let addresses = tokio::net::lookup_host((host, port)).await.map_err(unresolvable)?;
        let mut refusal = unresolvable(io::Error::other("the name has no address"));
        for address in addresses {
            let server = Self { address, tls: tls.clone(), http2 };
            match server.open().await {
                Ok(_) => return Ok(server),
                Err(refused) => refusal = refused,
            }
        }
        Err(refusal)
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first connections, in tasks of the current `LocalSet`.
    pub(super) async fn open_all(&self, asked: usize) -> Result<Vec<Wire>, Refusal> {
        let mut wires = Vec::with_capacity(asked);
        let mut opening = JoinSet::new();
        while wires.len() < asked {
            while opening.len() < AT_ONCE.min(asked - wires.len()) {
                let server = self.clone();
                opening.spawn_local(async move { server.open().await });
            }
            match opening.join_next().await {
                Some(Ok(opened)) => wires.push(opened?),
                Some(Err(error)) => return Err(Refusal::Here(io::Error::other(error))),
                None => {}
            }
        }
        Ok(wires)
    }

    async fn open(&self) -> Result<Wire, Refusal> {
        let address = self.address;
        let refused = |cause| match is_local(&cause) {
            true => Refusal::Here(cause),
            false => Refusal::Connect { address, cause },
        };
        let limit = |cause: tokio::time::error::Elapsed| io::Error::from(cause);
        let tcp = timeout(OPEN_TIMEOUT, self.tcp()).await;
        let stream = tcp.map_err(limit).flatten().map_err(refused)?;
        let session = timeout(OPEN_TIMEOUT, self.session(stream)).await;
        let wire = session.map_err(limit).flatten();
        let wire = wire.map_err(|cause| Refusal::Tls { address, cause })?;
        if self.http2 && matches!(wire, Wire::Tls(_)) && wire.protocol() != Some(b"h2") {
            return Err(Refusal::NoHttp2 { address });
        }
        Ok(wire)
    }

    async fn tcp(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn session(&self, stream: TcpStream) -> io::Result<Wire> {
        match &self.tls {
            Some(tls) => Ok(Wire::Tls(Box::new(tls.session(stream).await?))),
            None => Ok(Wire::Plain(stream)),
        }
    }
}

impl Dial for Server {
    type Stream = Wire;

    async fn dial(&self) -> Result<Wire, Fault> {
        let stream = self.tcp().await.map_err(|_| Fault::Connect)?;
        self.session(stream).await.map_err(|_| Fault::Tls)
    }
}
