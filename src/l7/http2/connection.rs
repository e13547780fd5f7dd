//! One client's connection, from its preface to its last stream.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::server::{self, Builder};
use tokio::time::Instant;

use crate::l7::caller::Caller;
use crate::model::{Http2Abuse, SlowClient};
use crate::net::tls::Agreement;
use crate::net::{Buffer, Buffers, Stream, Timer};

use super::meter::Meter;
use super::wire::{Metered, Wire};

/// A stream's window: what a peer may send of a body that the other side has not taken.
pub(crate) const STREAM_WINDOW: u32 = 64 * 1024;
/// The connection's: likewise of all bodies together.
pub(crate) const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What is held of a body that the peer's connection has not taken.
pub(crate) const SEND_BUFFER: usize = 64 * 1024;
/// How long a client that was told to leave may take to do so once nothing is under way.
const FAREWELL: Duration = Duration::from_secs(2);

/// What all streams of a connection share.
#[derive(Debug)]
pub(super) struct Session {
    /// Who is connected.
    pub(super) caller: Caller,
    /// What the handshake has shown, if there was one.
    pub(super) agreement: Option<Agreement>,
    /// Exchanges under way.
    active: Cell<usize>,
    /// The client was told to open no more streams.
    leaving: Cell<bool>,
    /// What its client has sent too much of, if it did.
    pub(super) meter: Meter,
    /// It was told to calm down, and that is the end.
    ended: Cell<bool>,
    /// Until when it may be idle, or go on after it was told to leave.
    timer: Timer,
    /// Until when the head that is under way must be whole, and which that is.
    head: Timer,
    reading: Cell<Option<u32>>,
}

/// An exchange under way, until this is dropped.
#[derive(Debug)]
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

/// What a client is told that does too much.
const CALM: Reason = Reason::ENHANCE_YOUR_CALM;

/// What has to be done about a connection.
enum Due {
    /// Its client is to calm down.
    Calm(Http2Abuse),
    /// It was idle for too long, or told to leave and did not.
    End,
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
        meter: Meter::of_client(Instant::now()),
        ended: Cell::new(false),
        timer: caller.worker.timers.timer(),
        head: caller.worker.timers.timer(),
        reading: Cell::new(None),
        caller,
    });
    let wire = Wire::new(&session, stream, input);
    tokio::task::spawn_local(run(session, wire));
}

async fn run(session: Rc<Session>, wire: Wire<Session>) {
    let Some(terms) = session.terms() else { return };
    session.timer.set(terms.head);
    let shaken = session.timer.limit(builder(&terms).handshake::<_, Bytes>(wire)).await;
    let mut connection = match shaken {
        Some(Ok(connection)) => connection,
        // It was told what is wrong, as far as it listens.
        Some(Err(_)) => return,
        None => return session.caller.was_slow(SlowClient::Head),
    };
    session.rest();
    poll_fn(|cx| session.poll(&mut connection, terms.head, cx)).await;
}

fn builder(terms: &Terms) -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(terms.streams)
        .max_header_list_size(terms.head_bytes)
        .max_send_buffer_size(SEND_BUFFER)
        // RFC 8441: WebSockets.
        .enable_connect_protocol();
    builder
}

impl Metered for Session {
    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn stock(&self) -> &Buffers {
        &self.caller.worker.buffers
    }
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
        connection: &mut server::Connection<Wire<Self>, Bytes>,
        head: Duration,
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
                    let stream = super::Stream { underway, request, respond };
                    self.caller.worker.streams.serve(stream);
                }
                // Whatever it was, the client has been told, as far as it listens.
                Poll::Ready(end) => {
                    let error = end.and_then(Result::err);
                    if error.is_some_and(|it| it.is_library() && it.reason() == Some(CALM)) {
                        self.count(Http2Abuse::FrameLayer);
                    }
                    return Poll::Ready(());
                }
                Poll::Pending => match ready!(self.poll_due(head, cx)) {
                    Due::Calm(abuse) => self.calm(connection, abuse),
                    Due::End if self.leaving.get() => return Poll::Ready(()),
                    Due::End => {
                        self.caller.was_slow(SlowClient::Idle);
                        self.leave(connection);
                    }
                },
            }
        }
    }

    /// Ready when something has to be done about the connection.
    fn poll_due(&self, head: Duration, cx: &mut Context<'_>) -> Poll<Due> {
        if !self.ended.get() {
            if let Some(abuse) = self.meter.abuse() {
                return Poll::Ready(Due::Calm(abuse));
            }
            if self.poll_slow_head(head, cx).is_ready() {
                self.caller.was_slow(SlowClient::Head);
                return Poll::Ready(Due::Calm(Http2Abuse::SlowHead));
            }
        }
        self.timer.poll_expired(cx).map(|()| Due::End)
    }

    /// Ready when a head has been under way for too long, whatever else came meanwhile.
    fn poll_slow_head(&self, within: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let under_way = self.meter.head_under_way();
        if self.reading.replace(under_way) != under_way {
            self.head.set(within);
        }
        if under_way.is_some() { self.head.poll_expired(cx) } else { Poll::Pending }
    }

    /// Ends the connection: what it does is too much.
    fn calm(&self, connection: &mut server::Connection<Wire<Self>, Bytes>, abuse: Http2Abuse) {
        self.count(abuse);
        self.ended.set(true);
        self.leaving.set(true);
        self.timer.set(FAREWELL);
        connection.abrupt_shutdown(CALM);
    }

    fn count(&self, abuse: Http2Abuse) {
        self.caller.worker.counters().http2_abuses[abuse as usize].add(1);
    }

    /// Tells the client, once, to open no more streams; those that are open finish.
    fn leave(&self, connection: &mut server::Connection<Wire<Self>, Bytes>) {
        if !self.leaving.replace(true) {
            connection.graceful_shutdown();
            if self.active.get() == 0 {
                self.rest();
            }
        }
    }
}
