//! Accepts client connections, as fast as the limits let it.
//!
//! When the process runs out of file descriptors or memory, accepting again at once would spin
//! forever on the same error; the loop pauses instead, and says so once per episode.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::live::{self, Socket};
use crate::net::{FirstWord, Listening, Stream, is_lack};
use crate::table::{Listener, Table};

use super::introduction::{Arrival, Terms, introduce};
use super::{Plane, Worker};

/// How long accepting pauses when the process lacks a resource or the listener is full.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a listener that is to close still accepts: a client whose connection the kernel has
/// not handed out yet, because its request is on its way, would be reset.
const LAST_CALL: Duration = Duration::from_millis(40);

/// Without a lack for this long, the next one is another episode.
const EPISODE: Duration = Duration::from_secs(1);

/// One worker's end of a listening address.
#[derive(Debug)]
pub struct Acceptor {
    /// What outlives tables.
    pub live: Arc<live::Listener>,
    current: RefCell<Current>,
    /// No table names the listener any more: connections end after their current response.
    pub removed: Cell<bool>,
    first_word: Cell<FirstWord>,
    changed: Notify,
    stop: Notify,
}

#[derive(Debug)]
struct Current {
    generation: u64,
    listener: Arc<Listener>,
    /// Which of the listener's addresses this is.
    socket: usize,
}

/// A connection that is open and not served yet.
pub(super) struct Entered {
    acceptor: Rc<Acceptor>,
    worker: Rc<Worker>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.acceptor.closed(&self.worker);
    }
}

impl Acceptor {
    /// For an address that a table names.
    pub(super) fn new(
        live: Arc<live::Listener>,
        listener: &Arc<Listener>,
        socket: usize,
        generation: u64,
    ) -> Rc<Self> {
        let current = Current { generation, listener: Arc::clone(listener), socket };
        Rc::new(Self {
            live,
            current: RefCell::new(current),
            removed: Cell::new(false),
            first_word: Cell::new(FirstWord::on(&listener.settings)),
            changed: Notify::new(),
            stop: Notify::new(),
        })
    }

    /// Looks at the listener as the newest table has it, and at which of its addresses this is. A
    /// removed listener stays as it was.
    ///
    /// It is lent, not cloned: its reference count is shared by all workers, and several clones
    /// per request would bounce it between their cores.
    pub fn with_listener<T>(&self, table: &Table, look: impl FnOnce(&Listener, usize) -> T) -> T {
        let mut current = self.current.borrow_mut();
        if current.generation != table.generation {
            if let Some((listener, socket)) = find(table, &self.live) {
                (current.listener, current.socket) = (Arc::clone(listener), socket);
            }
            current.generation = table.generation;
        }
        look(&current.listener, current.socket)
    }

    /// Looks at a new table: another protocol may have another side speak first.
    pub(super) fn follow(&self, table: &Table) {
        let word = self.with_listener(table, |listener, _| FirstWord::on(&listener.settings));
        if self.first_word.replace(word) != word {
            self.changed.notify_one();
        }
    }

    /// Counts a client's connection in.
    pub fn opened(&self, worker: &Worker) {
        worker.open.set(worker.open.get() + 1);
        self.live.opened();
        self.live.worker(worker.index).accepted.add(1);
    }

    /// Counts a connection as open that nobody serves yet, until what is returned is dropped.
    pub(super) fn enter(self: &Rc<Self>, worker: &Rc<Worker>) -> Entered {
        worker.open.set(worker.open.get() + 1);
        self.live.opened();
        Entered { acceptor: Rc::clone(self), worker: Rc::clone(worker) }
    }

    /// Counts a client's connection out.
    pub fn closed(&self, worker: &Worker) {
        self.live.closed();
        worker.open.set(worker.open.get() - 1);
        worker.closed.notify_one();
    }

    /// Accepts what is already waiting, then closes the address.
    pub(super) fn stop(&self) {
        self.removed.set(true);
        self.stop.notify_one();
    }

    /// Accepts on a task of its own until stopped.
    pub(super) fn start(
        self: Rc<Self>,
        worker: &Rc<Worker>,
        planes: &Rc<[Rc<dyn Plane>]>,
        socket: Socket,
    ) {
        let (worker, planes) = (Rc::clone(worker), Rc::clone(planes));
        worker.accepting.set(worker.accepting.get() + 1);
        tokio::task::spawn_local(async move {
            let done = match socket {
                Socket::Stream(socket) => match Listening::new(socket) {
                    Ok(socket) => {
                        self.run(&worker, &planes, socket).await;
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                Socket::Datagram(socket) => match self.terms(&worker, &planes).0 {
                    Some(plane) => plane.receive(&self, socket).await,
                    None => Ok(()),
                },
            };
            if let Err(error) = done {
                tracing::error!(listener = %self.live.name, %error, "cannot listen");
            }
            worker.accepting.set(worker.accepting.get() - 1);
            worker.closed.notify_one();
        });
    }

    async fn run(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        planes: &[Rc<dyn Plane>],
        socket: Listening,
    ) {
        let mut lacked: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&socket, worker) => accepted,
                () = self.changed.notified() => {
                    if let Err(error) = socket.expect(self.first_word.get()) {
                        tracing::warn!(listener = %self.live.name, %error,
                            "connections may be handed out late");
                    }
                    continue;
                }
                () = self.stop.notified() => break,
            };
            match accepted {
                Ok((stream, peer)) => self.serve(worker, planes, stream, peer),
                Err(error) if is_lack(&error) => {
                    let now = Instant::now();
                    if lacked.replace(now).is_none_or(|last| now - last > EPISODE) {
                        worker.counters().accept_paused.add(1);
                        tracing::warn!(listener = %self.live.name, %error,
                            "accepting pauses: raise the limit on open files or lower limits.connections");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                // The client was gone before we got to it.
                Err(_) => {}
            }
        }
        self.last_call(&socket, worker, planes).await;
    }

    /// What serves the listener now, and what has to come first: a reload may have changed that.
    fn terms<'p>(
        &self,
        worker: &Worker,
        planes: &'p [Rc<dyn Plane>],
    ) -> (Option<&'p Rc<dyn Plane>>, Terms) {
        worker.with_table(|table, _| {
            self.with_listener(table, |listener, _| {
                let settings = &listener.settings;
                let of = |sealed| planes.iter().find(|plane| plane.serves(settings, sealed));
                let through = settings.passthrough.as_ref().and_then(|_| of(true).map(Rc::clone));
                let (headers, tls) = (settings.proxy_protocol.clone(), listener.tls.clone());
                let (clients, handshake) = (settings.clients.clone(), settings.timeouts.head);
                (of(false), Terms { headers, clients, tls, through, handshake })
            })
        })
    }

    /// May this client connect? Counts one that may not.
    pub(super) fn admits(&self, worker: &Worker, terms: &Terms, client: SocketAddr) -> bool {
        let admits = terms.clients.as_ref().is_none_or(|clients| clients.admit(client.ip()));
        if !admits {
            self.live.worker(worker.index).denied.add(1);
        }
        admits
    }

    /// Has the connection served by what the listener speaks now: a reload may have changed that.
    fn serve(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        planes: &[Rc<dyn Plane>],
        stream: Stream,
        peer: SocketAddr,
    ) {
        let (Some(plane), terms) = self.terms(worker, planes) else { return };
        // Where a proxy in front may say who the client is, that is waited for.
        if terms.headers.is_none() && !self.admits(worker, &terms, peer) {
            return stream.reset_on_close();
        }
        if terms.are_none() {
            return plane.serve(self, Arrival { stream, client: peer, told: None, hello: None });
        }
        let (worker, acceptor, plane) = (Rc::clone(worker), Rc::clone(self), Rc::clone(plane));
        tokio::task::spawn_local(introduce(worker, acceptor, stream, peer, terms, plane));
    }

    async fn accept(
        &self,
        socket: &Listening,
        worker: &Worker,
    ) -> io::Result<(Stream, SocketAddr)> {
        if self.live.open() >= self.connections_max(worker) {
            self.live.worker(worker.index).full.add(1);
            while self.live.open() >= self.connections_max(worker) {
                tokio::time::sleep(PAUSE).await;
            }
        }
        socket.accept().await
    }

    fn connections_max(&self, worker: &Worker) -> u32 {
        worker.with_table(|table, _| {
            self.with_listener(table, |listener, _| listener.settings.limits.connections)
        })
    }

    /// Takes what the kernel has already completed, or does in the next moment: closing would reset
    /// those connections. One that completes between the last accept and the close is still lost, as
    /// is one whose client stays silent for longer; the kernel offers no way to stop new ones alone.
    async fn last_call(
        self: &Rc<Self>,
        socket: &Listening,
        worker: &Rc<Worker>,
        planes: &[Rc<dyn Plane>],
    ) {
        let accepting = async {
            loop {
                match socket.accept().await {
                    Ok((stream, peer)) => self.serve(worker, planes, stream, peer),
                    Err(error) if is_lack(&error) => return,
                    // The client was gone before we got to it.
                    Err(_) => {}
                }
            }
        };
        // Either end of it is as good.
        let _ = tokio::time::timeout(LAST_CALL, accepting).await;
        loop {
            match socket.try_accept() {
                Ok((stream, peer)) => self.serve(worker, planes, stream, peer),
                // The client was gone before we got to it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => return,
            }
        }
    }
}

/// The listener of this address in a table.
pub(super) fn find<'t>(
    table: &'t Table,
    live: &Arc<live::Listener>,
) -> Option<(&'t Arc<Listener>, usize)> {
    table.listeners.iter().find_map(|listener| {
        let socket = listener.sockets.iter().position(|socket| Arc::ptr_eq(socket, live))?;
        Some((listener, socket))
    })
}
