//! A backend that speaks HTTP/2 and answers by itself, for cases about what is said and not how.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as Listener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{RecvStream, SendStream};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;

/// A request with all that came of it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: Parts,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
}

/// What it is answered with.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// 0 = 200.
    pub(crate) status: u16,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(&'static str, String)>,
}

/// What makes an answer of a request.
type Reply = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// A running backend.
pub(crate) struct Http2Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Http2Server {
    /// In clear.
    pub(crate) fn new(reply: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(reply))
    }

    /// By TLS.
    pub(crate) fn secure(
        tls: rustls::ServerConfig,
        reply: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(TlsAcceptor::from(Arc::new(tls))), Arc::new(reply))
    }

    fn start(tls: Option<TlsAcceptor>, reply: Reply) -> Self {
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket");
        listener.set_nonblocking(true).expect("a socket");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            LocalSet::new().block_on(&runtime, async move {
                let listener = TcpListener::from_std(listener).expect("a listening socket");
                while let Ok((stream, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::SeqCst);
                    let (tls, reply) = (tls.clone(), Arc::clone(&reply));
                    tokio::task::spawn_local(async move {
                        match tls {
                            None => serve(stream, reply).await,
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    serve(stream, reply).await;
                                }
                            }
                        }
                    });
                }
            });
        });
        Self { address, connections }
    }

    /// Connections it has had by now.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, reply: Reply) {
    let Ok(mut connection) = server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (head, body) = request.into_parts();
        tokio::task::spawn_local(answer(head, body, respond, Arc::clone(&reply)));
    }
}

async fn answer(
    head: Parts,
    mut incoming: RecvStream,
    mut respond: SendResponse<Bytes>,
    reply: Reply,
) {
    let mut body = Vec::new();
    while let Some(Ok(piece)) = incoming.data().await {
        body.extend_from_slice(&piece);
        let _ = incoming.flow_control().release_capacity(piece.len());
    }
    let trailers = incoming.trailers().await.ok().flatten().unwrap_or_default();
    let Answer { status, fields, body, trailers } = reply(&Request { head, body, trailers });
    let mut response = Response::builder().status(if status == 0 { 200 } else { status });
    for (name, value) in fields {
        response = response.header(name, value);
    }
    let response = response.body(()).expect("a valid head");
    let bare = body.is_empty() && trailers.is_empty();
    let Ok(to) = respond.send_response(response, bare) else { return };
    if !bare {
        let _ = send(to, body, trailers).await;
    }
}

async fn send(
    mut to: SendStream<Bytes>,
    body: Vec<u8>,
    trailers: Vec<(&'static str, String)>,
) -> Result<(), h2::Error> {
    let mut rest = Bytes::from(body);
    while !rest.is_empty() {
        to.reserve_capacity(rest.len());
        let Some(room) = poll_fn(|cx| to.poll_capacity(cx)).await else { return Ok(()) };
        let piece = rest.split_to(room?.min(rest.len()));
        to.send_data(piece, trailers.is_empty() && rest.is_empty())?;
    }
    if trailers.is_empty() {
        return Ok(());
    }
    let mut fields = HeaderMap::new();
    for (name, value) in trailers {
        fields.insert(name, value.parse().expect("a valid value"));
    }
    to.send_trailers(fields)
}
