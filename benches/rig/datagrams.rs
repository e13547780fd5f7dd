//! The datagram's half of the load: one is sent, and the same one must come back.
//!
//! Each has a number, so that an answer that comes too late is not taken for the next one's.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

use super::tally::Failure;

/// Nothing gets lost between two sockets of one machine but for want of room.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a proxy may take to its first answer, and when it is asked again.
const SERVE_LIMIT: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(50);

/// A client's end of a flow.
pub(crate) struct Caller {
    socket: UdpSocket,
    next: u64,
    bytes: Vec<u8>,
    room: Vec<u8>,
}

impl Caller {
    /// Opens a socket to the proxy, for datagrams of this length.
    pub(crate) async fn new(target: SocketAddr, length: usize) -> Result<Self> {
        ensure!(length >= size_of::<u64>(), "a datagram has room for its number");
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect(target).await?;
        Ok(Self { socket, next: 0, bytes: vec![b'x'; length], room: vec![0; length + 1] })
    }

    /// Sends a datagram and waits until it is back.
    pub(crate) async fn exchange(&mut self) -> Result<(), Failure> {
        self.next += 1;
        self.bytes[..size_of::<u64>()].copy_from_slice(&self.next.to_be_bytes());
        self.socket.send(&self.bytes).await.map_err(|_| Failure::Connect)?;
        let back = async {
            loop {
                let read = self.socket.recv(&mut self.room).await;
                let length = read.map_err(|_| Failure::Unanswered)?;
                if self.room[..length] == self.bytes {
                    return Ok(());
                }
                if length != self.bytes.len() {
                    return Err(Failure::Length);
                }
            }
        };
        timeout(PATIENCE, back).await.unwrap_or(Err(Failure::Timeout))
    }
}

/// Waits until a proxy passes datagrams on: it may not trust a backend yet.
pub(crate) async fn answered(target: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + SERVE_LIMIT;
    let mut caller = Caller::new(target, size_of::<u64>()).await?;
    while !matches!(timeout(AGAIN, caller.exchange()).await, Ok(Ok(()))) {
        ensure!(Instant::now() < deadline, "it passes no datagrams on");
    }
    Ok(())
}
