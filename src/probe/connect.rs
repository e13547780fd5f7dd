//! L1: can a connection be opened?
//!
//! The connection is closed by RST, so that no port stays behind in TIME_WAIT. The kernel is asked
//! to hold its last ACK of the handshake back: the RST then arrives first, and the backend's
//! process never sees a connection that nobody wants. (A close that takes longer than a delayed
//! ACK may only costs the backend one accept.)

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use rustix::io::Errno;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, UnixStream};

use super::fault::Fault;
use crate::model::{Address, Failure, ProxyVersion};
use crate::net::proxy_protocol::{self, Told};

/// Opens a connection and drops it.
pub(super) async fn probe(address: &Address) -> Result<(), Fault> {
    match address {
        Address::Inet(address) => {
            let socket = socket(*address)?;
            socket.set_zero_linger()?;
            SockRef::from(&socket).set_tcp_quickack(false)?;
            socket.connect(*address).await?;
        }
        Address::Unix(path) => drop(unix(path).await?),
    }
    Ok(())
}

/// Where a probe goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) address: Address,
    /// The PROXY header that whoever talks there begins with.
    pub(super) introduced: Option<ProxyVersion>,
}

impl From<Address> for Target {
    /// Where nobody expects a header.
    fn from(address: Address) -> Self {
        Self { address, introduced: None }
    }
}

/// A connection to talk over, of whatever kind.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Opens a connection to talk over. A TCP one is closed by RST too: thousands a second would
/// otherwise use up the ports, and what has been asked and answered needs no farewell.
///
/// A backend that expects a PROXY header is sent one that speaks for nobody else.
pub(super) async fn open(target: &Target) -> Result<Box<dyn Io>, Fault> {
    let mut stream: Box<dyn Io> = match &target.address {
        Address::Inet(address) => {
            let socket = socket(*address)?;
            socket.set_zero_linger()?;
            socket.set_nodelay(true)?;
            Box::new(socket.connect(*address).await?)
        }
        Address::Unix(path) => Box::new(unix(path).await?),
    };
    if let Some(version) = target.introduced {
        let mut header = Vec::new();
        proxy_protocol::write(&mut header, version, &Told::default());
        stream.write_all(&header).await?;
    }
    Ok(stream)
}

async fn unix(path: &Path) -> Result<UnixStream, Fault> {
    match UnixStream::connect(path).await {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::AGAIN) => {
            Err(Fault::seen(Failure::Refused, "accept queue is full"))
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(Fault::seen(Failure::Missing, "permission denied"))
        }
        connected => Ok(connected?),
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}
