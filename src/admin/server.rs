//! Accepts admin connections, few at a time, one request each.
//!
//! No connection is kept alive: an idle one would hold a place that an operator may need. The
//! unix socket and each TCP address have places of their own.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_service::Service;

use super::socket::{self, SocketError, SocketFile};
use super::{Door, Peer, Source, State, router};
use crate::config::AdminApi;

/// Open connections per listening socket.
const CONNECTIONS: usize = 64;
/// From the connection's start to its request's whole head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// From the connection's start to its end; the answer must be read by then.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a request's head, and of an answer on its way to a slow reader.
const BUFFER_BYTES: usize = 64 * 1024;
/// How long answers under way may take when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// Waited after an accept failed for lack of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the API could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A TCP address.
    #[error("admin address {address}: {cause}")]
    Tcp {
        /// As configured.
        address: SocketAddr,
        /// What the system answered.
        cause: io::Error,
    },
    /// The unix socket.
    #[error("admin socket {}: {cause}", path.display())]
    Unix {
        /// As configured.
        path: PathBuf,
        /// Why.
        cause: SocketError,
    },
}

/// The API's open sockets.
#[derive(Debug)]
pub struct Server {
    tcp: Vec<TcpListener>,
    unix: Option<(UnixListener, SocketFile)>,
}

impl Server {
    /// Opens every socket of the settings; none may fail.
    ///
    /// # Errors
    ///
    /// [`BindError`] names the one that could not be opened.
    pub async fn bind(settings: &AdminApi) -> Result<Self, BindError> {
        let mut tcp = Vec::with_capacity(settings.bind.len());
        for &address in &settings.bind {
            let bound = TcpListener::bind(address).await;
            tcp.push(bound.map_err(|cause| BindError::Tcp { address, cause })?);
        }
        let unix = match &settings.socket {
            Some(path) => Some(
                socket::bind(path)
                    .await
                    .map_err(|cause| BindError::Unix { path: path.clone(), cause })?,
            ),
            None => None,
        };
        Ok(Self { tcp, unix })
    }

    /// The TCP addresses as bound.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.tcp.iter().filter_map(|listener| listener.local_addr().ok())
    }

    /// Answers until `stop` completes, then closes the sockets, removes the socket's file, and
    /// gives answers under way one second more.
    pub async fn serve<C: Source>(self, state: State<C>, stop: impl Future<Output = ()>) {
        let router = router(state);
        let (stopping, stopped) = watch::channel(());
        let mut listeners = JoinSet::new();
        for listener in self.tcp {
            listeners.spawn(answer(Listener::Tcp(listener), router.clone(), stopped.clone()));
        }
        let file = self.unix.map(|(listener, file)| {
            listeners.spawn(answer(Listener::Unix(listener), router, stopped));
            file
        });
        stop.await;
        drop(file);
        stopping.send_replace(());
        // What has not finished by then ends with the set.
        let finished = async { while listeners.join_next().await.is_some() {} };
        drop(tokio::time::timeout(STOP_GRACE, finished).await);
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                let loopback = listener.local_addr()?.ip().is_loopback();
                let door = Door::Tcp { local: stream.local_addr()?, loopback };
                Ok((Stream::Tcp(stream), Peer { door, name: format!("tcp {remote}").into() }))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let user = stream.peer_cred()?;
                let process = user.pid().map(|pid| format!(" pid {pid}")).unwrap_or_default();
                let name = format!("unix uid {}{process}", user.uid()).into();
                Ok((Stream::Unix(stream), Peer { door: Door::Unix, name }))
            }
        }
    }
}

/// One listening socket's life: at most [`CONNECTIONS`] at a time, the rest waits in its queue.
async fn answer(listener: Listener, router: Router, mut stopped: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    // An episode of failures is told once: it may last, and a full disk helps nobody.
    let mut failing = false;
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    failing = false;
                    connections.spawn(converse(stream, peer, router.clone()));
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "admin connections are not accepted for now");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn converse(stream: Stream, peer: Peer, router: Router) {
    match stream {
        Stream::Tcp(stream) => exchange(stream, peer, router).await,
        Stream::Unix(stream) => exchange(stream, peer, router).await,
    }
}

/// One request and its answer. What goes wrong with the connection concerns only its peer.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: Peer,
    router: Router,
) {
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        router.clone().call(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .keep_alive(false)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%peer, %error, "admin connection broke off"),
        Err(_) => tracing::debug!(%peer, "admin connection took too long"),
    }
}
