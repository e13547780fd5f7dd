//! Accepts client connections, as fast as the limits let it.
//!
//! Where as many are open as may, or the process has run out of file descriptors or memory, accepting
//! again at once would be in vain. The loop then waits for something to end, on any worker, and the
//! kernel keeps the newcomers meanwhile. It says so once per episode.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::config::ListenerLimits;
use crate::live::{self, Socket};
use crate::model::{AcceptPause, ConnectionRefused};
use crate::net::{FirstWord, Listening, Pressure, Stream, is_lack};
use crate::table::{Listener, Table};

use super::entered::{Admitted, Entered, Handshake};
use super::introduction::{Arrival, Terms, introduce};
use super::{Plane, Worker};

/// How long accepting pauses at most when the process lacks a resource: whoever ends says so, but
/// clients are not the only ones who hold files.
const LACK_MAX: Duration = Duration::from_secs(1);

/// How long a listener that is to close still accepts: a client whose connection the kernel has
/// not handed out yet, because its request is on its way, would be reset.
const LAST_CALL: Duration = Duration::from_millis(40);

/// Without a lack for this long, the next one is another episode.
const EPISODE: Duration = Duration::from_secs(2);

/// One worker's end of a listening address.
#[derive(Debug)]
pub struct Acceptor {
    /// What outlives tables.
    pub live: Arc<live::Listener>,
    pub(super) worker: Rc<Worker>,
    current: RefCell<Current>,
    /// No table names the listener any more: connections end after their current response.
    pub removed: Cell<bool>,
    first_word: Cell<FirstWord>,
    changed: Notify,
    stop: Notify,
    /// When the process last lacked something.
    lacked: Cell<Option<Instant>>,
}

#[derive(Debug)]
struct Current {
    generation: u64,
    listener: Arc<Listener>,
    /// Which of the listener's addresses this is.
    socket: usize,
}

/// A connection that was accepted and is not looked at yet.
struct Accepted {
    stream: Stream,
    peer: SocketAddr,
    entered: Entered,
    handshake: Option<Handshake>,
}

impl Acceptor {
    /// For an address that a table names.
    pub(super) fn new(
        worker: &Rc<Worker>,
        live: Arc<live::Listener>,
        listener: &Arc<Listener>,
        socket: usize,
        generation: u64,
    ) -> Rc<Self> {
        let current = Current { generation, listener: Arc::clone(listener), socket };
        Rc::new(Self {
            live,
            worker: Rc::clone(worker),
            current: RefCell::new(current),
            removed: Cell::new(false),
            first_word: Cell::new(FirstWord::on(&listener.settings)),
            changed: Notify::new(),
            stop: Notify::new(),
            lacked: Cell::new(None),
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

    fn with_newest<T>(&self, look: impl FnOnce(&Listener) -> T) -> T {
        self.worker.with_table(|table, _| self.with_listener(table, |listener, _| look(listener)))
    }

    /// Looks at a new table: another protocol may have another side speak first.
    pub(super) fn follow(&self, table: &Table) {
        let word = self.with_listener(table, |listener, _| FirstWord::on(&listener.settings));
        if self.first_word.replace(word) != word {
            self.changed.notify_one();
        }
    }

    /// Judges the client of a flow that is to begin.
    ///
    /// # Errors
    /// It may not.
    pub fn admit(self: &Rc<Self>, client: SocketAddr) -> Result<Admitted, ConnectionRefused> {
        let mut admitted = Admitted::unknown(self);
        self.with_newest(|listener| {
            let settings = &listener.settings;
            admitted.judge(settings.clients.as_deref(), &settings.limits, client.ip())
        })?;
        Ok(admitted)
    }

    /// Counts a connection that is closed because of its client, or of what there is too much of.
    pub fn refused(&self, why: ConnectionRefused) {
        self.live.worker(self.worker.index).refused[why as usize].add(1);
    }

    /// How many connections or flows may be open.
    #[must_use]
    pub fn connections_max(&self) -> u32 {
        self.with_newest(|listener| listener.settings.limits.connections)
    }

    /// Accepts what is already waiting, then closes the address.
    pub(super) fn stop(&self) {
        self.removed.set(true);
        self.stop.notify_one();
    }

    /// Accepts on a task of its own until stopped.
    pub(super) fn start(self: Rc<Self>, planes: &Rc<[Rc<dyn Plane>]>, socket: Socket) {
        let (worker, planes) = (Rc::clone(&self.worker), Rc::clone(planes));
        worker.accepting.set(worker.accepting.get() + 1);
        tokio::task::spawn_local(async move {
            let done = match socket {
                Socket::Stream(socket) => match Listening::new(socket) {
                    Ok(socket) => {
                        self.run(&planes, socket).await;
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                Socket::Datagram(socket) => match self.terms(&planes).0 {
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

    async fn run(self: &Rc<Self>, planes: &[Rc<dyn Plane>], socket: Listening) {
        let mut early = None;
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&socket, &mut early) => accepted,
                () = self.changed.notified() => {
                    if let Err(error) = socket.expect(self.first_word.get()) {
                        tracing::warn!(listener = %self.live.name, %error,
                            "connections may be handed out late");
                    }
                    continue;
                }
                () = self.stop.notified() => break,
            };
            // An error: the client was gone before we got to it.
            if let Ok(accepted) = accepted {
                self.serve(planes, accepted);
            }
        }
        if let Some((stream, peer)) = early {
            self.serve_last(planes, stream, peer);
        }
        self.last_call(&socket, planes).await;
    }

    /// The next connection, once there is room for it. One that came when the room had just been taken is
    /// kept in `early`.
    async fn accept(
        self: &Rc<Self>,
        socket: &Listening,
        early: &mut Option<(Stream, SocketAddr)>,
    ) -> io::Result<Accepted> {
        loop {
            self.room().await;
            let (stream, peer) = match early.take() {
                Some(kept) => kept,
                None => match socket.accept().await {
                    Err(error) if is_lack(&error) => {
                        self.say_lack(&error);
                        self.worker.live.room.any(LACK_MAX).await;
                        continue;
                    }
                    accepted => accepted?,
                },
            };
            if let Some((entered, handshake)) = self.enter() {
                return Ok(Accepted { stream, peer, entered, handshake });
            }
            *early = Some((stream, peer));
        }
    }

    /// Waits until there is room for one more.
    async fn room(&self) {
        if let Some(full) = self.full() {
            self.pause(full);
            self.worker.live.room.until(|| self.full().is_none()).await;
        }
    }

    fn limits(&self) -> (ListenerLimits, bool) {
        self.with_newest(|listener| (listener.settings.limits, listener.tls.is_some()))
    }

    /// What there are as many of as may, if so.
    fn full(&self) -> Option<AcceptPause> {
        let (limits, tls) = self.limits();
        if self.live.open() >= limits.connections {
            return Some(AcceptPause::Connections);
        }
        if self.worker.buffers.pressure() > Pressure::None {
            return Some(AcceptPause::Memory);
        }
        let shaking = limits.handshakes.is_some_and(|max| self.live.handshakes() >= max);
        (tls && shaking).then_some(AcceptPause::Handshakes)
    }

    /// Counts one more in, unless what there was room for has filled up since.
    fn enter(self: &Rc<Self>) -> Option<(Entered, Option<Handshake>)> {
        if self.full().is_some() {
            return None;
        }
        let (limits, tls) = self.limits();
        let handshake = match tls {
            true => Some(Handshake::begin(self, limits.handshakes.unwrap_or(u32::MAX))?),
            false => None,
        };
        Some((Admitted::unknown(self).enter(limits.connections)?, handshake))
    }

    fn pause(&self, why: AcceptPause) {
        self.live.worker(self.worker.index).pauses[why as usize].add(1);
    }

    fn say_lack(&self, error: &io::Error) {
        let now = Instant::now();
        if self.lacked.replace(Some(now)).is_none_or(|last| now - last > EPISODE) {
            self.pause(AcceptPause::Lack);
            tracing::warn!(listener = %self.live.name, %error,
                "accepting pauses: raise the limit on open files or lower limits.connections");
        }
    }

    /// What serves the listener now, and what has to come first: a reload may have changed that.
    fn terms<'p>(&self, planes: &'p [Rc<dyn Plane>]) -> (Option<&'p Rc<dyn Plane>>, Terms) {
        self.with_newest(|listener| {
            let settings = &listener.settings;
            let of = |sealed| planes.iter().find(|plane| plane.serves(settings, sealed));
            let through = settings.passthrough.as_ref().and_then(|_| of(true).map(Rc::clone));
            let (headers, tls) = (settings.proxy_protocol.clone(), listener.tls.clone());
            let (clients, limits) = (settings.clients.clone(), settings.limits);
            let handshake = settings.timeouts.head;
            (of(false), Terms { headers, clients, limits, tls, through, handshake })
        })
    }

    /// Has the connection served by what the listener speaks now: a reload may have changed that.
    fn serve(self: &Rc<Self>, planes: &[Rc<dyn Plane>], accepted: Accepted) {
        let Accepted { stream, peer, mut entered, handshake } = accepted;
        let (Some(plane), terms) = self.terms(planes) else { return };
        // Where a proxy in front may say who the client is, that is waited for.
        if terms.headers.is_none() && !terms.admit(&mut entered, peer) {
            return stream.reset_on_close();
        }
        let arrival = Arrival { stream, client: peer, told: None, hello: None, entered };
        if terms.are_none() {
            return arrival.hand_to(plane);
        }
        tokio::task::spawn_local(introduce(arrival, terms, handshake, Rc::clone(plane)));
    }

    /// Serves one of the last connections, which is not to be lost for a limit.
    fn serve_last(self: &Rc<Self>, planes: &[Rc<dyn Plane>], stream: Stream, peer: SocketAddr) {
        if let Some(entered) = Admitted::unknown(self).enter(u32::MAX) {
            let handshake = Handshake::begin(self, u32::MAX);
            self.serve(planes, Accepted { stream, peer, entered, handshake });
        }
    }

    /// Takes what the kernel has already completed, or does in the next moment: closing would reset
    /// those connections. One that completes between the last accept and the close is still lost, as
    /// is one whose client stays silent for longer; the kernel offers no way to stop new ones alone.
    async fn last_call(self: &Rc<Self>, socket: &Listening, planes: &[Rc<dyn Plane>]) {
        let accepting = async {
            loop {
                match socket.accept().await {
                    Ok((stream, peer)) => self.serve_last(planes, stream, peer),
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
                Ok((stream, peer)) => self.serve_last(planes, stream, peer),
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
