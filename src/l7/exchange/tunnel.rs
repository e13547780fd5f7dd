//! After an upgrade: bytes both ways, until both sides have ended.
//!
//! A WebSocket that is cut off, for a drain or because its backend is gone, is told so in its own words,
//! as soon as it is between two messages' frames.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::l7::io::{read_lazily, write_all};
use crate::l7::record::Record;
use crate::l7::waits::Stay;
use crate::l7::worker::Worker;
use crate::net::{ReadHalf, Stream, Timer, WriteHalf};

use super::rescue::Rescue;
use super::websocket::{Frames, GOING_AWAY, GOING_AWAY_MASKED};
use super::{Client, Parties, Sink, Source, Terms};

/// A tunnel in which nothing moves for this long is closed.
const IDLE_MAX: Duration = Duration::from_secs(3600);

/// How long a WebSocket is waited for that is in the middle of a frame.
const GRACE: Duration = Duration::from_secs(1);

/// Runs the tunnel. `early` came with the backend's answer; the client's first bytes may already
/// be in its input.
pub(super) async fn tunnel(
    parties: &mut Parties<'_, impl Client>,
    backend: &mut Stream,
    early: Vec<u8>,
    (rescue, terms): (&Rescue<'_>, &Terms),
    record: &mut Record,
) {
    let peer = parties.peer;
    let (source, mut sink) = parties.client.split();
    let (backend_read, backend_write) = backend.split();
    parties.timer.set(IDLE_MAX);
    let started = sink.write(&[], &early, false, |_| {});
    if !matches!(parties.timer.limit(started).await, Some(Ok(()))) {
        return;
    }
    let leaving = Cell::new(None);
    let speaks = terms.upgrade.as_deref().is_some_and(|it| it.eq_ignore_ascii_case("websocket"));
    let pump = || Pump::new(parties.worker, parties.timer, &leaving, speaks);
    let (up, down) = (pump(), pump());
    down.passed(&early);
    let cut = {
        let mut upward = pin!(up.upward(source, backend_write));
        let mut downward = pin!(down.downward(backend_read, sink));
        let (mut up_open, mut down_open) = (true, true);
        poll_fn(|cx| {
            // An error either way ends both: half a tunnel is of no use to anyone.
            if up_open && let Poll::Ready(result) = upward.as_mut().poll(cx) {
                up_open = false;
                if result.is_err() {
                    return Poll::Ready(false);
                }
            }
            if down_open && let Poll::Ready(result) = downward.as_mut().poll(cx) {
                down_open = false;
                if result.is_err() {
                    return Poll::Ready(false);
                }
            }
            let stay = || Stay {
                client: peer,
                protocol: terms.upgrade.clone().unwrap_or_default(),
                route: Arc::clone(&terms.route),
                started: record.started,
                long_lived: true,
                bytes_in: up.moved.get(),
                bytes_out: down.moved.get(),
                told: Instant::now(),
            };
            if rescue.called(|| false, stay).is_some() && leaving.get().is_none() {
                leaving.set(Some(Instant::now() + GRACE));
                up.rest();
            }
            if leaving.get().is_some() && (!speaks || (up.is_between() && down.is_between())) {
                return Poll::Ready(true);
            }
            if !up_open && !down_open {
                return Poll::Ready(false);
            }
            parties.timer.poll_expired(cx).map(|()| leaving.get().is_some())
        })
        .await
    };
    if cut && speaks {
        say_goodbye(parties, backend, &up, &down).await;
    }
    record.bytes_in += up.moved.get();
    record.bytes_out += down.moved.get();
}

/// Tells both sides of a WebSocket that it ends, where that would be understood.
async fn say_goodbye(
    parties: &mut Parties<'_, impl Client>,
    backend: &mut Stream,
    up: &Pump<'_>,
    down: &Pump<'_>,
) {
    let (_, mut to_client) = parties.client.split();
    let (_, mut to_backend) = backend.split();
    parties.timer.set(GRACE);
    // Whoever does not take it now is cut off all the same.
    if down.is_between() {
        let told = to_client.write(&[], &GOING_AWAY, true, |_| {});
        drop(parties.timer.limit(told).await);
    }
    if up.is_between() {
        drop(parties.timer.limit(write_all(&mut to_backend, &GOING_AWAY_MASKED)).await);
    }
}

/// One direction.
struct Pump<'a> {
    worker: &'a Worker,
    timer: &'a Timer,
    moved: Cell<u64>,
    /// The tunnel ends then at the latest.
    leaving: &'a Cell<Option<Instant>>,
    /// What has passed, if it is frames of a WebSocket.
    frames: Option<Cell<Frames>>,
    /// Bytes are on their way.
    writing: Cell<bool>,
}

impl<'a> Pump<'a> {
    fn new(
        worker: &'a Worker,
        timer: &'a Timer,
        leaving: &'a Cell<Option<Instant>>,
        speaks: bool,
    ) -> Self {
        let frames = speaks.then(Cell::default);
        Self { worker, timer, moved: Cell::new(0), leaving, frames, writing: Cell::new(false) }
    }

    /// Takes over that these bytes were passed on.
    fn passed(&self, bytes: &[u8]) {
        self.writing.set(false);
        self.moved.set(self.moved.get() + bytes.len() as u64);
        if let Some(frames) = &self.frames {
            let mut passed = frames.get();
            passed.pass(bytes);
            frames.set(passed);
        }
    }

    /// Would a frame of ours be understood now?
    fn is_between(&self) -> bool {
        let takes = |frames: &Cell<Frames>| frames.get().takes_another();
        !self.writing.get() && self.frames.as_ref().is_none_or(takes)
    }

    /// Something has moved, or the tunnel is to end.
    fn rest(&self) {
        let left = self.leaving.get().map(|until| until.saturating_duration_since(Instant::now()));
        self.timer.set(left.unwrap_or(IDLE_MAX));
    }

    /// Moves what the client sends until it ends, then passes the end on.
    async fn upward(&self, mut from: impl Source, mut to: WriteHalf<'_>) -> io::Result<()> {
        loop {
            let n = from.bytes().len();
            if n > 0 {
                self.writing.set(true);
                write_all(&mut to, from.bytes()).await?;
                self.passed(from.bytes());
                from.consume(n);
            }
            let more = from.more(self.worker, 0).await?;
            self.rest();
            if more == 0 {
                return to.shutdown();
            }
        }
    }

    /// Likewise what the backend sends.
    async fn downward(&self, mut from: ReadHalf<'_>, mut to: impl Sink) -> io::Result<()> {
        let stock = &self.worker.buffers;
        loop {
            let mut buffer = None;
            let n = read_lazily(&mut from, &mut buffer, stock, |stock| stock.take(0)).await?;
            self.rest();
            if n == 0 {
                return to.shutdown();
            }
            if let Some(buffer) = buffer {
                self.writing.set(true);
                to.write(&[], buffer.filled(), false, |_| {}).await?;
                self.passed(buffer.filled());
                stock.put(buffer);
            }
        }
    }
}
