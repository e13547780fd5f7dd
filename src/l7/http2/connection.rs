//! One client's connection, from its preface to its last stream.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{self, Builder};

use crate::l7::caller::Caller;
use crate::net::tls::Agreement;
use crate::net::{Buffer, Stream, Timer};

use super::stream::exchange;
use super::wire::Wire;

/// A stream's window: what a client may send of a body that no backend has taken.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The connection's: likewise of all bodies together.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What is held of an answer that the client's connection has not taken.
const SEND_BUFFER: usize = 64 * 1024;
/// How long a client that was told to leave may take to do so once nothing is under way.
const FAREWELL: Duration = Duration::from_secs(2);

/// What all streams of a connection share.
pub(super) struct Session {
    /// Who is connected.
    pub(super) caller: Caller,
    /// What the handshake has shown, if there was one.
    pub(super) agreement: Option<Agreement>,
    /// Exchanges under way.
    active: Cell<usize>,
    /// The client was told to open no more streams.
    leaving: Cell<bool>,
    timer: Timer,
}

/// An exchange under way, until this is dropped.
pub(super) struct Underway(pub(super) Rc<Session>);

impl Drop for Underway {
    fn drop(&mut self) {
        let Session { active, timer, caller, .. } = &*self.0;
        active.set(active.get() - 1);
        if active.get() == 0 {
            self.0.rest();
            caller.worker.timers.wake(timer.key());
        }
    }
}

/// What a listener asks of its clients.
struct Terms {
    head: Duration,
    head_bytes: u32,
    streams: u32,
}

/// Serves a client that speaks HTTP/2, on a task of its own; `input` = what was read from it already.
pub(crate) fn serve(caller: Caller, stream: Stream, input: Option<Buffer>) {
    let session = Rc::new(Session {
        agreement: stream.with_agreement(|agreement| agreement.cloned()),
        active: Cell::new(0),
        leaving: Cell::new(false),
        timer: caller.worker.timers.timer(),
        caller,
    });
    let wire = Wire::new(&session.caller.worker, stream, input);
    tokio::task::spawn_local(run(session, wire));
}

async fn run(session: Rc<Session>, wire: Wire) {
    let Some(terms) = session.terms() else { return };
    session.timer.set(terms.head);
    let shaken = session.timer.limit(builder(&terms).handshake::<_, Bytes>(wire)).await;
    let mut connection = match shaken {
        Some(Ok(connection)) => connection,
        // It was told what is wrong, as far as it listens.
        Some(Err(_)) => return,
        None => return session.caller.worker.counters().clients_timed_out.add(1),
    };
    session.rest();
    poll_fn(|cx| session.poll(&mut connection, cx)).await;
}

fn builder(terms: &Terms) -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(terms.streams)
        .max_header_list_size(terms.head_bytes)
        .max_send_buffer_size(SEND_BUFFER);
    builder
}

impl Session {
    /// `None` if the listener no longer speaks HTTP/2.
    fn terms(&self) -> Option<Terms> {
        self.caller.worker.with_table(|table, _| {
            self.caller.acceptor.with_listener(table, |listener, _| {
                let settings = &listener.settings;
                settings.http2.map(|http2| Terms {
                    head: settings.timeouts.head,
                    head_bytes: settings.limits.head_bytes as u32,
                    streams: http2.max_streams,
                })
            })
        })
    }

    /// Nothing is under way: it may stay so for a while.
    fn rest(&self) {
        let idle = || {
            self.caller.worker.with_table(|table, _| {
                self.caller
                    .acceptor
                    .with_listener(table, |listener, _| listener.settings.timeouts.idle)
            })
        };
        self.timer.set(if self.leaving.get() { FAREWELL } else { idle() });
    }

    /// Ready when the connection is over.
    fn poll(
        self: &Rc<Self>,
        connection: &mut server::Connection<Wire, Bytes>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            if self.caller.is_unwanted() {
                self.leave(connection);
            }
            match connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    self.active.set(self.active.get() + 1);
                    self.timer.clear();
                    let underway = Underway(Rc::clone(self));
                    tokio::task::spawn_local(exchange(underway, request, respond));
                }
                // Whatever it was, the client has been told, as far as it listens.
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending if self.timer.poll_expired(cx).is_pending() => return Poll::Pending,
                Poll::Pending if self.leaving.get() => return Poll::Ready(()),
                Poll::Pending => {
                    self.caller.worker.counters().clients_timed_out.add(1);
                    self.leave(connection);
                }
            }
        }
    }

    /// Tells the client, once, to open no more streams; those that are open finish.
    fn leave(&self, connection: &mut server::Connection<Wire, Bytes>) {
        if !self.leaving.replace(true) {
            connection.graceful_shutdown();
            if self.active.get() == 0 {
                self.rest();
            }
        }
    }
}
