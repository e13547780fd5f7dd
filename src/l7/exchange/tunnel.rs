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
use crate::net::{Buffer, ReadHalf, Stream, Timer, WriteHalf};

use super::rescue::Rescue;
use super::{Parties, Terms};

/// A tunnel in which nothing moves for this long is closed.
const IDLE_MAX: Duration = Duration::from_secs(3600);

/// Runs the tunnel. `early` came with the backend's answer; the client's first bytes may already
/// be in its input.
pub(super) async fn tunnel(
    parties: &mut Parties<'_>,
    backend: &mut Stream,
    early: Vec<u8>,
    (rescue, terms): (&Rescue<'_>, &Terms),
    record: &mut Record,
) {
    let peer = parties.peer;
    let (client_read, client_write) = parties.client.split();
    let (backend_read, mut backend_write) = backend.split();
    let mut client_write = client_write;
    let early_up = parties.input.take();
    let up_first = early_up.as_ref().map_or(&[][..], Buffer::filled);
    parties.timer.set(IDLE_MAX);
    let started = async {
        write_all(&mut client_write, &early).await?;
        write_all(&mut backend_write, up_first).await
    };
    if !matches!(parties.timer.limit(started).await, Some(Ok(()))) {
        return;
    }
    let up = Pump {
        worker: parties.worker,
        timer: parties.timer,
        moved: Cell::new(up_first.len() as u64),
    };
    let down =
        Pump { worker: parties.worker, timer: parties.timer, moved: Cell::new(early.len() as u64) };
    {
        let mut upward = pin!(up.run(client_read, backend_write));
        let mut downward = pin!(down.run(backend_read, client_write));
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
    /// Moves bytes until the source ends, then passes the end on.
    async fn run(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
        let stock = &self.worker.buffers;
        loop {
            let mut buffer = None;
            let n = read_lazily(&mut from, &mut buffer, stock, |stock| stock.take(0)).await?;
            self.timer.set(IDLE_MAX);
            if n == 0 {
                return to.shutdown();
            }
            if let Some(buffer) = buffer {
                write_all(&mut to, buffer.filled()).await?;
                self.moved.set(self.moved.get() + n as u64);
                stock.put(buffer);
            }
        }
    }
}
