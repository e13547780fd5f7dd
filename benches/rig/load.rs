//! A closed loop: so many connections, each sends its next request when it has its answer.
//!
//! Closed, so the proxy is always busy and CPU per request is what differs; its p99 is the proxy's
//! under saturation and says nothing about an open-loop tail. One thread, no allocation per request.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use hyper::Request;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::backend::Page;
use super::datagrams::Caller;
use super::exchange::{exchange, request};
use super::scratch::Scratch;
use super::streams::{self, Streams};
use super::tally::{Failure, Tally};
use super::wire::{Dial, Wire};

/// After a failed request, so that a dead proxy is not asked in a tight loop.
const AFTER_FAILURE: Duration = Duration::from_millis(1);
/// How long the last answers are waited for after the stop.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// What to ask, of whom, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// The proxy.
    pub(crate) target: SocketAddr,
    /// Connections.
    pub(crate) connections: usize,
    /// What is asked for.
    pub(crate) page: Page,
    /// What is spoken, in the word of the proxy's task; with datagrams the page only tells their length.
    pub(crate) protocol: &'static str,
    /// Requests in flight on each connection; more than one only with HTTP/2.
    pub(crate) streams: usize,
    /// A new connection per request.
    pub(crate) close: bool,
    /// The longest a request may take before it counts as failed; `None` = until the stop.
    pub(crate) patience: Option<Duration>,
}

/// A load under way.
pub(crate) struct Running {
    shared: Rc<Shared>,
    clients: JoinSet<()>,
}

struct Shared {
    load: Load,
    dial: Dial,
    request: Vec<u8>,
    /// The same for HTTP/2, where that is spoken.
    stream: Option<Request<()>>,
    scratch: Scratch,
    tally: RefCell<Tally>,
    stop: Cell<bool>,
}

impl Running {
    /// Starts the connections, in tasks of the current `LocalSet`.
    pub(crate) fn start(load: &Load) -> Result<Self> {
        let dial = Dial::new(load.protocol)?;
        let stream = dial.http2().map(|scheme| streams::request(load.page, scheme)).transpose()?;
        let shared = Rc::new(Shared {
            load: *load,
            dial,
            stream,
            request: request(load.page, load.close),
            scratch: Scratch::new(),
            tally: RefCell::new(Tally::new()?),
            stop: Cell::new(false),
        });
        let mut clients = JoinSet::new();
        for _ in 0..load.connections {
            let shared = Rc::clone(&shared);
            if load.protocol == "udp" {
                clients.spawn_local(caller(shared));
            } else {
                clients.spawn_local(client(shared));
            }
        }
        Ok(Self { shared, clients })
    }

    /// Forgets what was seen so far: the measured time begins.
    pub(crate) fn reset(&self) {
        self.shared.tally.borrow_mut().reset();
    }

    /// What was seen since the reset.
    pub(crate) fn tally(&self) -> Tally {
        self.shared.tally.borrow().clone()
    }

    /// Ends the load after the answers under way; the failures among them, stuck ones included.
    pub(crate) async fn stop(mut self) -> u64 {
        self.reset();
        self.shared.stop.set(true);
        let deadline = Instant::now() + LAST_ANSWERS;
        while !self.clients.is_empty() {
            if timeout_at(deadline, self.clients.join_next()).await.is_err() {
                break;
            }
        }
        let stuck = self.clients.len() as u64;
        self.clients.shutdown().await;
        self.shared.tally.borrow().failed_requests() + stuck
    }
}

/// One connection after the other until the stop.
async fn client(shared: Rc<Shared>) {
    while !shared.stop.get() {
        let outcome = match shared.dial.connect(shared.load.target).await {
            Ok(stream) if shared.stream.is_some() => many(stream, &shared).await,
            Ok(stream) => requests(stream, &shared).await,
            Err(_) => Err(Failure::Connect),
        };
        if let Err(failure) = outcome {
            shared.tally.borrow_mut().failed(failure);
            sleep(AFTER_FAILURE).await;
        }
    }
}

/// Datagrams of one flow until the stop.
async fn caller(shared: Rc<Shared>) {
    let Load { target, page, .. } = shared.load;
    let Ok(mut caller) = Caller::new(target, page.length).await else {
        return shared.tally.borrow_mut().failed(Failure::Connect);
    };
    while !shared.stop.get() {
        let started = Instant::now();
        match caller.exchange().await {
            Ok(()) => shared.tally.borrow_mut().answered(started.elapsed().as_nanos() as u64),
            Err(failure) => {
                shared.tally.borrow_mut().failed(failure);
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Requests on the streams of one connection until it ends or the stop.
async fn many(stream: Wire, shared: &Rc<Shared>) -> Result<(), Failure> {
    let connection = Rc::new(Streams::begin(stream).await?);
    let mut lanes = JoinSet::new();
    for _ in 0..shared.load.streams {
        let (connection, shared) = (Rc::clone(&connection), Rc::clone(shared));
        lanes.spawn_local(async move { lane(&connection, &shared).await });
    }
    let mut outcome = Ok(());
    while let Some(ended) = lanes.join_next().await {
        outcome = outcome.and(ended.unwrap_or(Err(Failure::Unanswered)));
    }
    outcome
}

/// One stream after the other until the stop, or only one where each has a connection of its own.
async fn lane(connection: &Streams, shared: &Shared) -> Result<(), Failure> {
    let Some(request) = &shared.stream else { return Ok(()) };
    while !shared.stop.get() {
        let started = Instant::now();
        let exchange = connection.exchange(request, shared.load.page.length);
        match shared.load.patience {
            None => exchange.await,
            Some(limit) => timeout(limit, exchange).await.unwrap_or(Err(Failure::Timeout)),
        }?;
        shared.tally.borrow_mut().answered(started.elapsed().as_nanos() as u64);
        if shared.load.close {
            break;
        }
    }
    Ok(())
}

/// Requests on one connection until it ends or the stop.
async fn requests(mut stream: Wire, shared: &Shared) -> Result<(), Failure> {
    while !shared.stop.get() {
        let started = Instant::now();
        let length = shared.load.page.length;
        let exchange = exchange(&mut stream, &shared.scratch, &shared.request, length);
        let closes = match shared.load.patience {
            None => exchange.await,
            Some(limit) => timeout(limit, exchange).await.unwrap_or(Err(Failure::Timeout)),
        }?;
        shared.tally.borrow_mut().answered(started.elapsed().as_nanos() as u64);
        if shared.load.close {
            return closed_by_proxy(&mut stream, shared).await;
        }
        if closes {
            shared.tally.borrow_mut().closed += 1;
            return Ok(());
        }
    }
    Ok(())
}

/// Lets the proxy close first, so that it and not the client keeps the port in TIME-WAIT.
async fn closed_by_proxy(stream: &mut Wire, shared: &Shared) -> Result<(), Failure> {
    match shared.scratch.read(stream, <[u8]>::len).await {
        Ok(surplus) if surplus > 0 => Err(Failure::Surplus),
        _ => Ok(()),
    }
}
