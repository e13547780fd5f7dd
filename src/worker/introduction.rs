//! What comes before a client's first byte: who it is, where a proxy in front says so, and what it agrees
//! on with this listener, where that speaks TLS.
//!
//! The header is looked at where it lies, in the kernel, and taken out only once it is whole: what
//! follows it stays there, and whoever serves the connection finds it as if there had been no
//! header. A source that may not send one and does, or sends what is none, is closed at once: to
//! serve it would be to believe it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Clients, ListenerLimits, ProxyHeaders};
use crate::model::{BadProxyHeader, TlsFailure};
use crate::net::client_hello::{self, ClientHello};
use crate::net::proxy_protocol::{HEADER_BYTES, Read, Told, read};
use crate::net::{Stream, tls};

use super::entered::{Entered, Handshake};
use super::{Acceptor, Plane, Worker};

/// A connection to be served.
#[derive(Debug)]
pub struct Arrival {
    /// The connection; nothing was read from it but a PROXY protocol header.
    pub stream: Stream,
    /// The client: the connection's peer, or who a proxy in front says it is.
    pub client: SocketAddr,
    /// What a proxy in front said.
    pub told: Option<Box<Told>>,
    /// Its TLS hello, which is only looked at: its TLS is not ended here.
    pub hello: Option<Box<ClientHello>>,
    /// Where it came in, and is counted.
    pub entered: Entered,
}

impl Arrival {
    /// Has it served.
    pub(super) fn hand_to(self, plane: &Rc<dyn Plane>) {
        let worker = &self.entered.worker;
        self.entered.live.worker(worker.index).accepted.add(1);
        plane.serve(self);
    }
}

/// What has to come first, as the listener has it now.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) headers: Option<ProxyHeaders>,
    /// Which clients may connect, if not all.
    pub(super) clients: Option<Arc<Clients>>,
    /// How many connections it may have, among others.
    pub(super) limits: ListenerLimits,
    pub(super) tls: Option<Arc<tls::Context>>,
    /// Who serves those whose TLS is not ended here, if there may be any.
    pub(super) through: Option<Rc<dyn Plane>>,
    /// How long a handshake may take.
    pub(super) handshake: Duration,
}

impl Terms {
    /// May a connection be served as it comes?
    pub(super) fn are_none(&self) -> bool {
        self.headers.is_none() && self.tls.is_none()
    }

    /// May this client be here? Counts it among the connections that it has, or as refused.
    pub(super) fn admit(&self, entered: &mut Entered, client: SocketAddr) -> bool {
        entered.admits(self.clients.as_deref(), &self.limits, client.ip())
    }
}

/// Why there is no arrival.
enum Unserved {
    Refused(BadProxyHeader),
    /// The client left, or broke off.
    Gone,
}

/// Waits for what has to come first and hands the connection on; else closes it. It counts against the
/// listener's limit while it waits.
pub(super) async fn introduce(
    mut arrival: Arrival,
    terms: Terms,
    handshake: Option<Handshake>,
    plane: Rc<dyn Plane>,
) {
    let acceptor = Rc::clone(&arrival.entered);
    let worker = &acceptor.worker;
    if let Some(headers) = &terms.headers {
        match header(worker, &arrival.stream, arrival.client, headers).await {
            Ok(told) => arrival.told = told.map(Box::new),
            Err(Unserved::Gone) => return,
            Err(Unserved::Refused(reason)) => {
                refuse(worker, &acceptor, arrival.client, reason);
                return arrival.stream.reset_on_close();
            }
        }
        if let Some(ends) = arrival.told.as_ref().and_then(|told| told.ends) {
            arrival.client = ends.client;
        }
        if !terms.admit(&mut arrival.entered, arrival.client) {
            return arrival.stream.reset_on_close();
        }
    }
    if let Some(context) = &terms.tls {
        let timer = worker.timers.timer();
        timer.set(terms.handshake);
        let agreed = agree(worker, &acceptor, &mut arrival.stream, context, &terms);
        match timer.limit(agreed).await.unwrap_or(Err(TlsFailure::Late)) {
            Ok(Agreed::Here) => worker.counters().tls_handshakes.add(1),
            Ok(Agreed::Through(through, hello)) => {
                drop(handshake);
                arrival.hello = Some(hello);
                return arrival.hand_to(&through);
            }
            Err(failure) => return worker.counters().tls_failures[failure as usize].add(1),
        }
    }
    drop(handshake);
    arrival.hand_to(&plane);
}

/// Where a client's TLS is ended.
enum Agreed {
    Here,
    /// Behind this listener: its hello is still unread.
    Through(Rc<dyn Plane>, Box<ClientHello>),
}

/// Ends the client's TLS, unless what it asks for is passed through.
async fn agree(
    worker: &Worker,
    acceptor: &Acceptor,
    stream: &mut Stream,
    context: &tls::Context,
    terms: &Terms,
) -> Result<Agreed, TlsFailure> {
    if let Some(plane) = &terms.through {
        let hello = client_hello::peek(stream, &worker.buffers).await;
        let hello = hello.map_err(|_| TlsFailure::Gone)?;
        let passes = |hello: &ClientHello| {
            worker.with_table(|table, _| {
                acceptor.with_listener(table, |listener, _| listener.forward(Some(hello)).is_some())
            })
        };
        if let Some(hello) = hello.filter(passes) {
            return Ok(Agreed::Through(Rc::clone(plane), Box::new(hello)));
        }
    }
    stream.accept_tls(context, &worker.records).await?;
    Ok(Agreed::Here)
}

fn refuse(worker: &Worker, acceptor: &Acceptor, peer: SocketAddr, reason: BadProxyHeader) {
    worker.counters().bad_proxy_headers[reason as usize].add(1);
    if worker.live.proxy_refusals.first(peer.ip(), (worker.clock)()) {
        tracing::warn!(listener = %acceptor.live.name, source = %peer.ip(),
            reason = reason.name(), "a PROXY protocol header is refused");
    }
}

async fn header(
    worker: &Worker,
    stream: &Stream,
    peer: SocketAddr,
    terms: &ProxyHeaders,
) -> Result<Option<Told>, Unserved> {
    let ip = peer.ip().to_canonical();
    let trusted = terms.from.iter().any(|net| net.contains(&ip));
    if terms.required && !trusted {
        return Err(Unserved::Refused(BadProxyHeader::Untrusted));
    }
    let timer = worker.timers.timer();
    timer.set(terms.timeout);
    let mut begun = false;
    match timer.limit(look(stream, &mut begun)).await {
        Some(Ok(Ok(Read::Header(length, told)))) if trusted => {
            stream.discard(length).map_err(|_| Unserved::Gone)?;
            Ok(Some(told))
        }
        Some(Ok(Ok(Read::Header(..)) | Err(_))) if !trusted => {
            Err(Unserved::Refused(BadProxyHeader::Untrusted))
        }
        Some(Ok(Err(reason))) => Err(Unserved::Refused(reason)),
        Some(Ok(Ok(_))) if terms.required => Err(Unserved::Refused(BadProxyHeader::Missing)),
        Some(Err(_)) => Err(Unserved::Gone),
        None if begun && !trusted => Err(Unserved::Refused(BadProxyHeader::Untrusted)),
        None if begun || terms.required => Err(Unserved::Refused(BadProxyHeader::Late)),
        // Whoever is silent for so long waits for the server's first word.
        Some(Ok(Ok(_))) | None => Ok(None),
    }
}

/// What the first bytes are, once that can be told; `begun` = so far they may become a header.
async fn look(stream: &Stream, begun: &mut bool) -> io::Result<Result<Read, BadProxyHeader>> {
    // Not part of the task's memory while it waits.
    poll_fn(|cx| {
        let mut bytes = [0; HEADER_BYTES];
        stream.poll_peek(cx, &mut bytes, |seen| match read(seen) {
            Ok(Read::Partial) => {
                *begun = true;
                None
            }
            told => Some(told),
        })
    })
    .await
}
