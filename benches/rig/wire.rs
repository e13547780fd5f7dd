//! A client's connection: in clear, or by TLS 1.3 with what every contender has.
//!
//! The group is X25519 for all of them and nobody resumes a session, so that handshakes cost each the
//! same arithmetic.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use anyhow::Result;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The name that the contenders' certificate is for.
const NAME: &str = "bench.test";

/// The contenders' certificate, with a key on P-256: the same for all of them.
pub(crate) fn identity() -> Result<&'static CertifiedKey<KeyPair>> {
    static IDENTITY: OnceLock<CertifiedKey<KeyPair>> = OnceLock::new();
    if let Some(identity) = IDENTITY.get() {
        return Ok(identity);
    }
    let made = generate_simple_self_signed([NAME.to_owned()])?;
    Ok(IDENTITY.get_or_init(|| made))
}

/// How connections are opened.
#[derive(Clone)]
pub(crate) struct Dial {
    tls: Option<TlsConnector>,
    http2: bool,
}

impl Dial {
    /// For this protocol, in the word of [`Task::protocol`](super::proxy::Task).
    pub(crate) fn new(protocol: &str) -> Result<Self> {
        let http2 = matches!(protocol, "h2" | "h2c");
        if !matches!(protocol, "https" | "h2") {
            return Ok(Self { tls: None, http2 });
        }
        let provider =
            Arc::new(CryptoProvider { kx_groups: vec![kx_group::X25519], ..default_provider() });
        let mut roots = RootCertStore::empty();
        roots.add(identity()?.cert.der().clone())?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        if http2 {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        Ok(Self { tls: Some(Arc::new(config).into()), http2 })
    }

    /// Is HTTP/2 spoken on it? Then its scheme.
    pub(crate) fn http2(&self) -> Option<&'static str> {
        self.http2.then_some(if self.tls.is_some() { "https" } else { "http" })
    }

    /// A new connection.
    pub(crate) async fn connect(&self, target: SocketAddr) -> io::Result<Wire> {
        let stream = TcpStream::connect(target).await?;
        let _ = stream.set_nodelay(true);
        let Some(connector) = &self.tls else { return Ok(Wire::Clear(stream)) };
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        Ok(Wire::Secure(Box::new(connector.connect(name, stream).await?)))
    }
}

/// An open connection.
pub(crate) enum Wire {
    Clear(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Secure(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Secure(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secure(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secure(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
