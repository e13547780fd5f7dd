//! A client that speaks HTTP/2 by the crate, for cases about what comes and not how.

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::http::request::Builder;
use hyper::{HeaderMap, Request};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::time::timeout;

use super::PATIENCE;

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
}

/// Sends a request with this body, on a connection of its own.
pub(crate) fn ask(address: SocketAddr, request: Builder, body: &[u8]) -> Answered {
    let request = request.body(()).expect("a valid request");
    let body = Bytes::copy_from_slice(body);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let asking = async { timeout(PATIENCE, exchange(address, request, body)).await };
    runtime.block_on(asking).expect("an answer in time").expect("an answer")
}

async fn exchange(
    address: SocketAddr,
    request: Request<()>,
    body: Bytes,
) -> Result<Answered, h2::Error> {
    let stream = TcpStream::connect(address).await.expect("the proxy listens");
    let (sender, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    let (response, mut to) = sender.ready().await?.send_request(request, false)?;
    to.send_data(body, true)?;
    let (head, mut from) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = from.data().await {
        let piece = piece?;
        body.extend_from_slice(&piece);
        from.flow_control().release_capacity(piece.len())?;
    }
    let trailers = from.trailers().await?.unwrap_or_default();
    Ok(Answered { status: head.status.as_u16(), fields: head.headers, body, trailers })
}
