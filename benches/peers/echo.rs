//! The backend of datagrams: sends each one back to where it came from.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::net::UdpSocket;
use tokio::task::spawn_local;

/// Longer ones are not for us.
const LENGTH_MAX: usize = 2_048;

/// Serves this address in a task of the current `LocalSet`.
pub(crate) async fn serve(address: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind(address).await?;
    spawn_local(async move {
        let mut room = [0; LENGTH_MAX];
        loop {
            // What came back of an answer to a client that is gone is told here, too.
            if let Ok((length, from)) = socket.recv_from(&mut room).await {
                let _ = socket.send_to(&room[..length], from).await;
            }
        }
    });
    Ok(())
}
