//! What the client asks for, where routes depend on it: its TLS hello, read and left where it is.

use std::time::Duration;

use crate::config::Otherwise;
use crate::model::ForwardEnded;
use crate::net::Timer;
use crate::net::client_hello::{ClientHello, peek};

use super::client::Client;

/// Looks at the client's first bytes, if that is due.
///
/// A proxy in front that has already read the name, and says so, is believed: what it forwards
/// need not be TLS any more.
pub(super) async fn look(client: &mut Client, timer: &Timer) -> Result<(), ForwardEnded> {
    let Some((timeout, otherwise)) = asked(client) else { return Ok(()) };
    if let Some(told) = &client.told
        && let Some(name) = &told.authority
    {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let alpn = told.alpn.iter().cloned().collect();
        client.hello = Some(Box::new(ClientHello { server_name: Some(name.into()), alpn }));
        return Ok(());
    }
    timer.set(timeout);
    match timer.limit(peek(&client.stream, &client.worker.buffers)).await {
        Some(Ok(Some(hello))) => client.hello = Some(Box::new(hello)),
        Some(Ok(None)) if otherwise == Otherwise::Default => {}
        Some(Ok(None)) => return Err(ForwardEnded::NotTls),
        Some(Err(_)) => return Err(ForwardEnded::ClientLeft),
        None => return Err(ForwardEnded::HelloTimeout),
    }
    Ok(())
}

/// Do the listener's routes ask for a name or a protocol, and nobody has looked yet?
pub(super) fn is_due(client: &Client) -> bool {
    asked(client).is_some()
}

fn asked(client: &Client) -> Option<(Duration, Otherwise)> {
    if client.hello.is_some() {
        return None;
    }
    client.with_listener(|listener| {
        let tcp = listener.settings.tcp().filter(|tcp| tcp.asks_for_hello())?;
        Some((tcp.hello.timeout, tcp.hello.otherwise))
    })
}
