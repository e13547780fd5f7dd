//! A connection that many requests share: a trunk.
//!
//! A task of its own moves its frames. It takes requests until its backend says that it leaves (GOAWAY),
//! or until it is retired: those under way then end in peace, and the connection with the last of them.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{self, Builder, SendRequest};
use tokio::time::Instant;

use crate::l7::http2::{CONNECTION_WINDOW, Meter, Metered, SEND_BUFFER, STREAM_WINDOW, Wire};
use crate::model::BadResponse;
use crate::net::{Buffers, Stream, Timer};
use crate::worker;

use super::line::Line;

/// Bytes of a head, decoded; what an answer's may have is checked for each, for it depends on who asks.
const HEAD_BYTES: u32 = 256 * 1024;
/// How long a backend may take to see that the connection ends.
const FAREWELL: Duration = Duration::from_secs(2);

type Frames = client::Connection<Wire<Trunk>, Bytes>;

/// A connection to a backend.
#[derive(Debug)]
pub(super) struct Trunk {
    worker: Rc<worker::Worker>,
    /// Opens streams; `None` = it takes no more.
    sender: RefCell<Option<SendRequest<Bytes>>>,
    /// Streams at once, by our configuration.
    streams_max: usize,
    /// Streams under way.
    active: Cell<usize>,
    /// When the last of them ended.
    idle_since: Cell<Instant>,
    /// How long it may be idle.
    idle: Duration,
    meter: Meter,
    line: Rc<Line>,
}

/// Room for one request on a trunk, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Ticket {
    trunk: Rc<Trunk>,
    sender: SendRequest<Bytes>,
}

/// How a trunk is used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Streams at once.
    pub(super) streams_max: usize,
    /// How long it may be idle.
    pub(super) idle: Duration,
}

impl Trunk {
    /// Begins HTTP/2 on a connection that was opened, and waits until the backend has said that it
    /// speaks it: a request is not risked to find out.
    ///
    /// # Errors
    /// What the backend has sent is something else, or the connection broke.
    pub(super) async fn begin(
        worker: &Rc<worker::Worker>,
        stream: Stream,
        terms: Terms,
        line: &Rc<Line>,
    ) -> io::Result<Rc<Self>> {
        let now = Instant::now();
        let trunk = Rc::new(Self {
            worker: Rc::clone(worker),
            sender: RefCell::new(None),
            streams_max: terms.streams_max,
            active: Cell::new(0),
            idle_since: Cell::new(now),
            idle: terms.idle,
            meter: Meter::of_backend(now),
            line: Rc::clone(line),
        });
        let wire = Wire::new(&trunk, stream, None);
        let (sender, mut frames): (_, Frames) =
            builder().handshake(wire).await.map_err(io::Error::other)?;
        poll_fn(|cx| trunk.poll_greeted(&mut frames, cx)).await?;
        *trunk.sender.borrow_mut() = Some(sender);
        tokio::task::spawn_local(drive(Rc::clone(&trunk), frames));
        Ok(trunk)
    }

    /// Ready once its SETTINGS have come: until then there is no stream that could be opened.
    fn poll_greeted(&self, frames: &mut Frames, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(end) = Pin::new(&mut *frames).poll(cx) {
            let ended = || io::ErrorKind::UnexpectedEof.into();
            return Poll::Ready(Err(end.err().map_or_else(ended, io::Error::other)));
        }
        if self.meter.abuse().is_some() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        match frames.max_concurrent_send_streams() {
            0 => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Does it take requests, now or later?
    pub(super) fn is_open(&self) -> bool {
        self.sender.borrow().is_some()
    }

    /// How many more it takes now.
    pub(super) fn room(&self) -> usize {
        let sender = self.sender.borrow();
        let allowed = sender.as_ref().map_or(0, SendRequest::current_max_send_streams);
        allowed.min(self.streams_max).saturating_sub(self.active.get())
    }

    /// Room for one request, if there is some.
    pub(super) fn take(self: &Rc<Self>) -> Option<Ticket> {
        if self.room() == 0 {
            return None;
        }
        let mut sender = self.sender.borrow().clone()?;
        // Nothing was opened by this one, so there is nothing it could have to wait for.
        let ready = sender.poll_ready(&mut Context::from_waker(Waker::noop()));
        if !matches!(ready, Poll::Ready(Ok(()))) {
            // The backend leaves, or all the numbers that streams may have are used up.
            self.retire();
            return None;
        }
        self.active.set(self.active.get() + 1);
        self.meter.expect_answer();
        Some(Ticket { trunk: Rc::clone(self), sender })
    }

    /// It takes no more requests, and ends with the last one that is under way.
    pub(super) fn retire(&self) {
        // That the last reference is gone wakes the task which moves the frames.
        drop(self.sender.borrow_mut().take());
    }

    /// Is nothing under way?
    pub(super) fn is_idle(&self) -> bool {
        self.active.get() == 0
    }

    /// Retires it if it was idle for long enough.
    pub(super) fn sweep(&self, now: Instant) {
        let idle = now.saturating_duration_since(self.idle_since.get());
        if self.is_idle() && idle >= self.idle {
            self.retire();
        }
    }

    /// Ready when the connection is over.
    fn poll(
        &self,
        frames: &mut Frames,
        allowed: &mut usize,
        farewell: &mut Option<Timer>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if Pin::new(&mut *frames).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if self.meter.abuse().is_some() {
            let reason = BadResponse::Frames as usize;
            self.worker.counters().bad_responses[reason].add(1);
            return Poll::Ready(());
        }
        // A backend may change its mind about how much it takes.
        let now_allowed = frames.max_concurrent_send_streams();
        if now_allowed > std::mem::replace(allowed, now_allowed) {
            self.line.call(self.room());
        }
        if self.is_open() || !self.is_idle() {
            return Poll::Pending;
        }
        let farewell = farewell.get_or_insert_with(|| {
            let timer = self.worker.timers.timer();
            timer.set(FAREWELL);
            timer
        });
        farewell.poll_expired(cx)
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_max_send_streams(0)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEAD_BYTES)
        .max_send_buffer_size(SEND_BUFFER);
    builder
}

/// Moves a trunk's frames until it is over.
async fn drive(trunk: Rc<Trunk>, mut frames: Frames) {
    let (mut allowed, mut farewell) = (frames.max_concurrent_send_streams(), None);
    poll_fn(|cx| trunk.poll(&mut frames, &mut allowed, &mut farewell, cx)).await;
    trunk.retire();
    drop(frames);
    // Who waits for room here may have to open another one.
    trunk.line.call(1);
}

impl Metered for Trunk {
    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn stock(&self) -> &Buffers {
        &self.worker.buffers
    }
}

impl Ticket {
    /// What opens its stream.
    pub(super) fn sender(&self) -> SendRequest<Bytes> {
        self.sender.clone()
    }

    /// A piece of a body was sent, at which the backend may ask how long the way is.
    pub(super) fn earn(&self) {
        self.trunk.meter.earn();
    }

    /// Changes whenever the backend has sent something on this connection.
    pub(super) fn heard(&self) -> u32 {
        self.trunk.meter.heard()
    }

    /// The connection gets no more requests.
    pub(super) fn retire_trunk(&self) {
        self.trunk.retire();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Trunk { active, idle_since, line, .. } = &*self.trunk;
        active.set(active.get() - 1);
        if active.get() == 0 {
            idle_since.set(Instant::now());
        }
        line.call(1);
    }
}
