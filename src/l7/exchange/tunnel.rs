//! After an upgrade: bytes both ways, until both sides have ended.

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
use super::{Client, Parties, Sink, Source, Terms};

/// A tunnel in which nothing moves for this long is closed.
const IDLE_MAX: Duration = Duration::from_secs(3600);

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
    let started = sink.write(&[], &early, false, || {});
    if !matches!(parties.timer.limit(started).await, Some(Ok(()))) {
        return;
    }
    let pump = |moved: usize| Pump {
        worker: parties.worker,
        timer: parties.timer,
        moved: Cell::new(moved as u64),
    };
    let (up, down) = (pump(0), pump(early.len()));
    {
        let mut upward = pin!(up.upward(source, backend_write));
        let mut downward = pin!(down.downward(backend_read, sink));
        let (mut up_open, mut down_open) = (true, true);
        poll_fn(|cx| {
            // An error either way ends both: half a tunnel is of no use to anyone.
            if up_open && let Poll::Ready(result) = upward.as_mut().poll(cx) {
                up_open = false;
                if result.is_err() {
                    return Poll::Ready(());
                }
            }
            if down_open && let Poll::Ready(result) = downward.as_mut().poll(cx) {
                down_open = false;
                if result.is_err() {
                    return Poll::Ready(());
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
            let called = rescue.called(|| false, stay).is_some();
            if called || (!up_open && !down_open) {
                return Poll::Ready(());
            }
            parties.timer.poll_expired(cx)
        })
        .await;
    }
    record.bytes_in += up.moved.get();
    record.bytes_out += down.moved.get();
}

/// One direction.
struct Pump<'a> {
    worker: &'a Worker,
    timer: &'a Timer,
    moved: Cell<u64>,
}

impl Pump<'_> {
    /// Moves what the client sends until it ends, then passes the end on.
    async fn upward(&self, mut from: impl Source, mut to: WriteHalf<'_>) -> io::Result<()> {
        loop {
            let n = from.bytes().len();
            if n > 0 {
                write_all(&mut to, from.bytes()).await?;
                from.consume(n);
                self.moved.set(self.moved.get() + n as u64);
            }
            let more = from.more(self.worker, 0).await?;
            self.timer.set(IDLE_MAX);
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
            self.timer.set(IDLE_MAX);
            if n == 0 {
                return to.shutdown();
            }
            if let Some(buffer) = buffer {
                to.write(&[], buffer.filled(), false, || {}).await?;
                self.moved.set(self.moved.get() + n as u64);
                stock.put(buffer);
            }
        }
    }
}
