//! Finds the server, and opens connections to it.
//!
//! All that can be wrong with the address is found before the first request is due, and told in one
//! line: a run against nobody measures nothing.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Request;
use crate::bench::measure::Fault;
use crate::net::is_local;

/// For the first connections; once the run has begun the request's own time counts.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

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
    /// The server takes some connections, and not as many as asked for.
    #[error("{address}: connection {opened} of {asked} cannot be opened: {cause}")]
    TooMany {
        /// Where to.
        address: SocketAddr,
        /// The one that failed.
        opened: usize,
        /// How many there were to be.
        asked: usize,
        /// What the system answered.
        cause: io::Error,
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
#[derive(Clone, Debug)]
pub struct Server {
    address: SocketAddr,
}

impl Server {
    /// Looks the request's host up and connects once; the first address that answers is used
    /// throughout, so that all requests go the same way.
    ///
    /// # Errors
    /// The name has no address, or none of them answers.
    pub async fn find(request: &Request) -> Result<Self, Refusal> {
        let (host, port) = (request.host(), request.port());
        let unresolvable = |cause| Refusal::Unresolvable { host: host.to_owned(), cause };
        let addresses = tokio::net::lookup_host((host, port)).await.map_err(unresolvable)?;
        let mut refusal = unresolvable(io::Error::other("the name has no address"));
        for address in addresses {
            let server = Self { address };
            match server.open().await {
                Ok(_) => return Ok(server),
                Err(cause) => refusal = Refusal::Connect { address, cause },
            }
        }
        Err(refusal)
    }

    /// The first connections, opened one after the other.
    pub(super) async fn open_all(&self, asked: usize) -> Result<Vec<TcpStream>, Refusal> {
        let mut streams = Vec::with_capacity(asked);
        for opened in 1..=asked {
            let refused = |cause| match is_local(&cause) {
                true => Refusal::Here(cause),
                false => Refusal::TooMany { address: self.address, opened, asked, cause },
            };
            streams.push(self.open().await.map_err(refused)?);
        }
        Ok(streams)
    }

    async fn open(&self) -> io::Result<TcpStream> {
        timeout(OPEN_TIMEOUT, tcp(self.address)).await?
    }
}

impl Dial for Server {
    type Stream = TcpStream;

    async fn dial(&self) -> Result<TcpStream, Fault> {
        tcp(self.address).await.map_err(|_| Fault::Connect)
    }
}

async fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
