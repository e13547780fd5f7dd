//! A small backend that can be killed: its listener and every connection end at once.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// A backend of the demo.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) region: String,
    pub(super) zone: String,
    pub(super) name: String,
    pub(super) address: SocketAddr,
    /// What serves it while it lives.
    life: Mutex<Option<AbortHandle>>,
}

impl Backend {
    /// A dead one.
    pub(super) fn new([region, zone, name]: [String; 3], address: SocketAddr) -> Self {
        Self { region, zone, name, address, life: Mutex::default() }
    }

    /// Ends it: whoever is connected finds out by a reset or an end.
    pub(super) fn kill(&self) {
        if let Some(life) = self.life.lock().unwrap_or_else(PoisonError::into_inner).take() {
            life.abort();
        }
    }

    /// Brings it back.
    ///
    /// # Errors
    /// Its address was taken by somebody else in the meantime.
    pub(super) async fn revive(self: &Arc<Self>) -> io::Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        self.live_on(listener);
        Ok(())
    }

    fn live_on(self: &Arc<Self>, listener: TcpListener) {
        let life = tokio::spawn(Arc::clone(self).serve(listener)).abort_handle();
        *self.life.lock().unwrap_or_else(PoisonError::into_inner) = Some(life);
    }

    async fn serve(self: Arc<Self>, listener: TcpListener) {
        // Dropped with this task, and all connections with it.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    connections.spawn(Arc::clone(&self).connection(stream));
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(|request| {
            let answer = self.answer(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        // A broken connection is the client's affair.
        drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() == Method::POST && request.uri().path() == "/kill" {
            self.kill();
        }
        let text = format!("Hello from {} in {} ({}).\n", self.name, self.zone, self.region);
        Response::new(Full::new(Bytes::from(text)))
    }
}

/// Starts all of them on free ports.
///
/// # Errors
/// The system has no port left.
pub(super) async fn start_all(names: &[[String; 3]]) -> io::Result<Vec<Arc<Backend>>> {
    let mut world = Vec::new();
    for name in names {
        let listener = TcpListener::bind(super::any_port()).await?;
        let backend = Arc::new(Backend::new(name.clone(), listener.local_addr()?));
        backend.live_on(listener);
        world.push(backend);
    }
    Ok(world)
}
