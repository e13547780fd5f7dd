//! The direction from client to backend: the head, the body, and then a watch on the client.
//!
//! A client that resets its connection has left, and the backend should not go on working for
//! nobody. A client that merely ended its direction may well wait for its answer. To see either,
//! the watch reads ahead into the buffer where the next request begins anyway; when that is full
//! it stops reading, so pipelined bytes are never spun on. The client is left alone for a moment
//! first: most answers are back before a look at it would be worth what it costs.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io;
use std::task::{Poll, ready};

use tokio::time::Instant;

use crate::l7::io::{read_lazily, write_all};
use crate::l7::worker::Worker;
use crate::model::BadRequest;
use crate::net::{Buffer, ReadHalf, Timer, WriteHalf};

use super::deadline::Deadline;
use super::rescue::Rescue;
use super::{Parties, Terms, Upload};

/// What both directions of an attempt know of each other.
pub(super) struct Shared<'a> {
    pub(super) worker: &'a Worker,
    pub(super) terms: &'a Terms,
    pub(super) rescue: &'a Rescue<'a>,
    /// The client's listener was removed.
    pub(super) removed: &'a Cell<bool>,
    pub(super) deadline: &'a Deadline<'a>,
    /// A byte of the request was handed to the kernel.
    pub(super) sent: Cell<bool>,
    /// Body bytes were sent that did not come with the head.
    pub(super) streamed: Cell<bool>,
    /// Body bytes were sent that are not held.
    pub(super) lost: Cell<bool>,
    /// All of the request was sent.
    pub(super) uploaded: Cell<bool>,
    /// When sending the request began; of a body that is streamed, when all of it was sent.
    pub(super) sent_at: Cell<Instant>,
    /// When the response's head was whole, or its body if that took longer.
    pub(super) answered_at: Cell<Instant>,
    /// An interim response was sent to the client: the request cannot be repeated, but a failure
    /// can still be answered.
    pub(super) interim: Cell<bool>,
    /// A byte of the final response was sent to the client, or of an interim one not all.
    pub(super) begun: Cell<bool>,
    /// The response is a stream of events, which would not end by itself.
    pub(super) events: Cell<bool>,
    /// The client is what is waited for.
    pub(super) on_client: Cell<bool>,
    pub(super) status: Cell<u16>,
    pub(super) bytes_in: Cell<u64>,
    pub(super) bytes_out: Cell<u64>,
    pub(super) first_byte_us: Cell<Option<u64>>,
}

impl<'a> Shared<'a> {
    /// Nothing has happened yet.
    pub(super) fn new(
        parties: &Parties<'a>,
        terms: &'a Terms,
        rescue: &'a Rescue<'a>,
        deadline: &'a Deadline<'a>,
        at: Instant,
    ) -> Self {
        let no = || Cell::new(false);
        Self {
            worker: parties.worker,
            terms,
            rescue,
            removed: parties.removed,
            deadline,
            sent: no(),
            streamed: no(),
            lost: no(),
            uploaded: no(),
            sent_at: Cell::new(at),
            answered_at: Cell::new(at),
            interim: no(),
            begun: no(),
            events: no(),
            on_client: no(),
            status: Cell::new(0),
            bytes_in: Cell::new(0),
            bytes_out: Cell::new(0),
            first_byte_us: Cell::new(None),
        }
    }
}

impl Shared<'_> {
    /// May the request be sent again without anyone noticing?
    pub(super) fn is_repeatable(&self) -> bool {
        let held = !self.lost.get() && !self.interim.get();
        let harmless = self.terms.idempotent || !self.sent.get();
        !self.begun.get() && held && harmless
    }
}

/// Why the direction ended; it never ends well, it only watches.
pub(super) enum InboundEnd {
    /// The client left.
    Left,
    /// The body is refused.
    Refused(BadRequest),
}

/// Sends the request, then watches the client. `held` is what of it is to be sent first; what is
/// read of the body is added, as far as it is to be held for another try.
pub(super) async fn inbound(
    shared: &Shared<'_>,
    client: &mut ReadHalf<'_>,
    backend: &mut WriteHalf<'_>,
    input: &mut Option<Buffer>,
    held: &mut Vec<u8>,
    upload: &mut Upload,
    abort_on_close: bool,
) -> InboundEnd {
    let timeouts = shared.terms.route.policy.timeouts;
    shared.deadline.set(timeouts.first_byte);
    let mut sending = send(backend, held, &shared.sent).await;
    // The watch on the client may have read ahead while a connection was opened.
    let mut ahead = input.as_ref().is_some_and(|input| !input.is_empty());
    while sending.is_ok() && !upload.is_done() {
        if !std::mem::take(&mut ahead) && !more(shared, client, input).await {
            return InboundEnd::Left;
        }
        match pass_on(shared, backend, input, upload, held).await {
            Ok(sent) => sending = sent,
            Err(end) => return end,
        }
    }
    // A backend that takes no more may still have an answer: it is awaited, not the rest sent.
    shared.uploaded.set(sending.is_ok());
    if shared.streamed.get() {
        shared.sent_at.set(Instant::now());
        if !shared.begun.get() {
            shared.deadline.set(timeouts.first_byte);
        }
    }
    let (by, capacity) = ((shared.worker, shared.deadline.timer), shared.terms.head_bytes);
    left(client, input, by, capacity, abort_on_close).await;
    InboundEnd::Left
}

/// Writes all of `bytes`, noting when the first of them was taken.
async fn send(half: &mut WriteHalf<'_>, bytes: &[u8], sent: &Cell<bool>) -> io::Result<()> {
    let first = poll_fn(|cx| half.poll_write(cx, bytes)).await?;
    sent.set(sent.get() || first > 0);
    if first < bytes.len() { write_all(half, &bytes[first..]).await } else { Ok(()) }
}

/// Reads more of the body; `false` = the client ended before its body did, so the request is not
/// whole and never will be.
async fn more(shared: &Shared<'_>, client: &mut ReadHalf<'_>, input: &mut Option<Buffer>) -> bool {
    let worker = shared.worker;
    shared.deadline.set(shared.terms.route.policy.timeouts.body_idle);
    shared.on_client.set(true);
    let read =
        read_lazily(client, input, &worker.buffers, |stock| stock.take(shared.terms.head_bytes))
            .await;
    shared.on_client.set(false);
    matches!(read, Ok(1..))
}

/// Passes on what was read of the body. The inner result is the backend's side.
async fn pass_on(
    shared: &Shared<'_>,
    backend: &mut WriteHalf<'_>,
    input: &mut Option<Buffer>,
    upload: &mut Upload,
    held: &mut Vec<u8>,
) -> Result<io::Result<()>, InboundEnd> {
    let worker = shared.worker;
    shared.streamed.set(true);
    let count = |n: u64| shared.bytes_in.set(shared.bytes_in.get() + n);
    let plain = input.as_ref().map_or(0, |input| upload.plain(input));
    if plain > 0
        && let Some(input) = input.as_mut()
    {
        upload.sent(plain);
        hold(shared, upload, held, &input.filled()[..plain]);
        let result = write_all(backend, &input.filled()[..plain]).await;
        input.consume(plain);
        count(plain as u64);
        return Ok(result);
    }
    let mut framed = worker.buffers.take_vec();
    let absorbed = upload.absorb(input, &mut framed).map_err(InboundEnd::Refused);
    let result = match absorbed {
        Ok(n) => {
            count(n);
            hold(shared, upload, held, &framed);
            Ok(write_all(backend, &framed).await)
        }
        Err(refused) => Err(refused),
    };
    worker.buffers.put_vec(framed);
    result
}

/// Holds bytes of a body for another try, if there may be one and all of the body fits.
fn hold(shared: &Shared<'_>, upload: &Upload, held: &mut Vec<u8>, bytes: &[u8]) {
    let retries = &shared.terms.route.policy.retries;
    let wanted = shared.terms.idempotent && retries.attempts > 1;
    if shared.lost.get() || !wanted || !upload.fits(retries.body_bytes) {
        shared.lost.set(true);
    } else {
        held.extend_from_slice(bytes);
    }
}

/// Ends when the client has left.
pub(super) async fn left(
    client: &mut ReadHalf<'_>,
    input: &mut Option<Buffer>,
    (worker, timer): (&Worker, &Timer),
    capacity: usize,
    abort_on_close: bool,
) {
    match read_ahead(client, input, worker, timer, capacity).await {
        Ahead::Reset => {}
        Ahead::End if abort_on_close => {}
        Ahead::End | Ahead::Full => client.broken().await,
    }
}

/// Ends when the client has ended its direction or reset it: before a request was sent, either
/// means that nobody waits for it.
pub(super) async fn left_early(
    client: &mut ReadHalf<'_>,
    input: &mut Option<Buffer>,
    worker: &Worker,
    timer: &Timer,
    capacity: usize,
) {
    match read_ahead(client, input, worker, timer, capacity).await {
        Ahead::End | Ahead::Reset => {}
        Ahead::Full => pending().await,
    }
}

enum Ahead {
    /// The buffer is full.
    Full,
    /// The client ended its direction.
    End,
    /// The client reset the connection.
    Reset,
}

async fn read_ahead(
    client: &mut ReadHalf<'_>,
    input: &mut Option<Buffer>,
    worker: &Worker,
    timer: &Timer,
    capacity: usize,
) -> Ahead {
    let mut turned = false;
    poll_fn(|cx| {
        if !turned {
            ready!(timer.poll_next_turn(cx));
            turned = true;
            if client.watch().is_err() {
                return Poll::Ready(Ahead::Reset);
            }
        }
        loop {
            if ready!(client.poll_read_ready(cx)).is_err() {
                return Poll::Ready(Ahead::Reset);
            }
            let buffer = input.get_or_insert_with(|| worker.buffers.take(capacity));
            if buffer.spare().is_empty() {
                buffer.compact();
            }
            if buffer.spare().is_empty() {
                return Poll::Ready(Ahead::Full);
            }
            match ready!(client.poll_read(cx, buffer)) {
                Ok(1..) => {}
                Ok(0) => return Poll::Ready(Ahead::End),
                Err(_) => return Poll::Ready(Ahead::Reset),
            }
        }
    })
    .await
}
