//! TLS as probes speak it, and L2 by it: any valid TLS record is life.
//!
//! A probe meets what a new client would meet, so nothing is resumed. The contexts are built once
//! per set of trusted and shown certificates and kept for as long as the prober runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;
use rustls::client::{ClientConnection, Resumption};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::connect::{self, Io, Target};
use super::fault::{Fault, shown};
use crate::model::{Failure, Identity, TlsAsk, TrustedRoots};
use crate::net::client_tls;

/// Bytes of a record beyond its payload that a peer may claim (RFC 8446 section 5.2).
const RECORD_BYTES_MAX: u16 = (1 << 14) + 256;

/// The protocol spoken within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Within {
    Http1,
    Http2,
}

/// Whom to trust, what to show, and the protocol within.
type Key = (Option<TrustedRoots>, Option<Identity>, Within);
type Contexts = HashMap<Key, Arc<ClientConfig>>;

/// The contexts of one prober.
#[derive(Debug, Default)]
pub(super) struct Tls {
    contexts: Mutex<Contexts>,
}

impl Tls {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Opens a connection to talk over, by TLS if it is asked for.
    pub(super) async fn open(
        &self,
        target: &Target,
        ask: Option<&TlsAsk>,
        within: Within,
    ) -> Result<Box<dyn Io>, Fault> {
        let stream = connect::open(target).await?;
        let Some(ask) = ask else { return Ok(stream) };
        let name = name(&ask.server_name)?;
        let context = self.context((ask.roots.clone(), ask.identity.clone(), within));
        Ok(Box::new(TlsConnector::from(context).connect(name, stream).await?))
    }

    /// Greets, and waits for the beginning of an answer: a server's hello or an alert.
    pub(super) async fn hello(&self, target: &Target, server_name: &str) -> Result<(), Fault> {
        let mut client =
            ClientConnection::new(self.context((None, None, Within::Http1)), name(server_name)?)
                .map_err(|error| local(&error))?;
        let mut hello = Vec::new();
        client.write_tls(&mut hello)?;
        let mut stream = connect::open(target).await?;
        stream.write_all(&hello).await?;
        let mut record = [0; 5];
        stream.read_exact(&mut record).await?;
        if is_record(record) {
            return Ok(());
        }
        Err(Fault::seen(Failure::Protocol, &String::from_utf8_lossy(&record)))
    }

    fn context(&self, key: Key) -> Arc<ClientConfig> {
        let mut contexts = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(context) = contexts.get(&key) {
            return Arc::clone(context);
        }
        let context = Arc::new(Self::build(&key));
        contexts.insert(key, Arc::clone(&context));
        context
    }

    fn build((roots, identity, within): &Key) -> ClientConfig {
        let protocol: &[u8] = match within {
            Within::Http1 => b"http/1.1",
            Within::Http2 => b"h2",
        };
        let identity = identity.as_ref().map(|Identity(keyed)| keyed);
        let mut context = client_tls(roots.as_ref(), &[protocol], identity);
        context.resumption = Resumption::disabled();
        context
    }
}

fn name(text: &str) -> Result<ServerName<'static>, Fault> {
    ServerName::try_from(text.to_owned()).map_err(|error| local(&error))
}

/// What only this side's configuration can have caused.
fn local(error: &dyn std::error::Error) -> Fault {
    Fault::Local(shown(&error.to_string()))
}

/// A record's header: handshake or alert, of protocol version 3.x, within its bounds.
fn is_record([kind, major, _, high, low]: [u8; 5]) -> bool {
    let length = u16::from_be_bytes([high, low]);
    matches!(kind, 21 | 22) && major == 3 && (1..=RECORD_BYTES_MAX).contains(&length)
}
