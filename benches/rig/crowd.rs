//! Thousands of backends without as many sockets: one port on every loopback address.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use tokio::net::TcpSocket;

use crate::rig::backend;

/// Serves this many addresses of 127.1.0.0/16, all with one port, in a task of the current
/// `LocalSet`.
pub(crate) fn serve_addresses(count: usize) -> Result<Vec<SocketAddr>> {
    let socket = TcpSocket::new_v4()?;
    // Every address of the loopback device, and of no other.
    socket.bind_device(Some(b"lo")).context("cannot keep to the loopback device")?;
    socket.bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
    let listener = socket.listen(4096)?;
    let port = listener.local_addr()?.port();
    backend::serve(vec![listener]);
    let nth = |n: usize| SocketAddr::from(([127, 1, (n / 250) as u8, (n % 250 + 1) as u8], port));
    Ok((0..count).map(nth).collect())
}
