//! What the client asks for, where routes depend on it: its TLS hello, read and left where it is.

use std::future::poll_fn;
use std::time::Duration;

use crate::config::{Otherwise, Protocol};
use crate::model::ForwardEnded;
use crate::net::client_hello::{ClientHello, HELLO_BYTES, Hello, read};
use crate::net::{Buffer, Timer};

use super::client::Client;

/// Looks at the client's first bytes, if the listener's routes ask for a name or a protocol.
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
    match timer.limit(peek(client)).await {
        Some(Ok(Some(hello))) => client.hello = Some(Box::new(hello)),
        Some(Ok(None)) if otherwise == Otherwise::Default => {}
        Some(Ok(None)) => return Err(ForwardEnded::NotTls),
        Some(Err(_)) => return Err(ForwardEnded::ClientLeft),
        None => return Err(ForwardEnded::HelloTimeout),
    }
    Ok(())
}

fn asked(client: &Client) -> Option<(Duration, Otherwise)> {
    client.with_listener(|listener| match &listener.settings.protocol {
        Protocol::Tcp(tcp) if tcp.asks_for_hello() => {
            Some((tcp.hello.timeout, tcp.hello.otherwise))
        }
        _ => None,
    })
}

/// The hello; `None` = the client speaks something else.
async fn peek(client: &Client) -> std::io::Result<Option<ClientHello>> {
    let stock = &client.worker.buffers;
    let mut room: Option<Buffer> = None;
    let seen = poll_fn(|cx| {
        let buffer = room.get_or_insert_with(|| stock.take(HELLO_BYTES));
        let peeked = client.stream.poll_peek(cx, &mut buffer.spare()[..HELLO_BYTES], |bytes| {
            match read(bytes) {
                Hello::Whole(hello) => Some(Some(hello)),
                Hello::Not => Some(None),
                Hello::Partial => None,
            }
        });
        // Whoever sends its hello byte by byte holds no memory here meanwhile.
        room.take().into_iter().for_each(|buffer| stock.put(buffer));
        peeked
    });
    seen.await
}
