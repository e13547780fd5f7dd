//! The direction from client to backend: the head, the body, and then a watch on the client.
//!
//! A client that resets its connection has left, and the backend should not go on working for
//! nobody. A client that merely ended its direction may well wait for its answer.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::MinRate;
use crate::l7::worker::Worker;
use crate::model::{BadRequest, SlowClient};

use super::backend::Asking;
use super::client::Client;
use super::deadline::Deadline;
use super::pace::{Pace, Rate};
use super::rescue::Rescue;
use super::{Parties, Source, Terms, Upload};

/// What both directions of an attempt know of each other.
pub(super) struct Shared<'a> {
    pub(super) worker: &'a Worker,
    pub(super) terms: &'a Terms,
    pub(super) rescue: &'a Rescue<'a>,
    /// The client's listener was removed.
    pub(super) removed: &'a Cell<bool>,
    pub(super) deadline: &'a Deadline<'a>,
    /// How long the backend's connection may be kept idle.
    pub(super) idle: Duration,
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
    /// The client is what is waited for; what it is too slow with if the deadline passes.
    pub(super) on_client: Cell<Option<SlowClient>>,
    /// How slowly it has sent its body.
    sending: Pace,
    /// How slowly it has taken its response.
    pub(super) taking: Pace,
    pub(super) status: Cell<u16>,
    /// How a call of gRPC ended, once its trailers have told.
    pub(super) code: Cell<Option<u8>>,
    pub(super) bytes_in: Cell<u64>,
    pub(super) bytes_out: Cell<u64>,
    pub(super) first_byte_us: Cell<Option<u64>>,
}

impl<'a> Shared<'a> {
    /// Nothing has happened yet.
    pub(super) fn new(
        parties: &Parties<'a, impl Client>,
        terms: &'a Terms,
        rescue: &'a Rescue<'a>,
        deadline: &'a Deadline<'a>,
        (idle, at): (Duration, Instant),
    ) -> Self {
        let no = || Cell::new(false);
        Self {
            worker: parties.worker,
            terms,
            rescue,
            removed: parties.removed,
            deadline,
            idle,
            sent: no(),
            streamed: no(),
            lost: no(),
            uploaded: no(),
            sent_at: Cell::new(at),
            answered_at: Cell::new(at),
            interim: no(),
            begun: no(),
            events: no(),
            on_client: Cell::new(None),
            sending: Pace::default(),
            taking: Pace::default(),
            status: Cell::new(0),
            code: Cell::new(None),
            bytes_in: Cell::new(0),
            bytes_out: Cell::new(0),
            first_byte_us: Cell::new(None),
        }
    }
}

impl Shared<'_> {
    /// How fast the client must send; as it likes once it is answered, and until it is told to go on.
    fn sending_rate(&self) -> Rate {
        let MinRate { request, grace, .. } = self.terms.route.policy.min_rate;
        let waits = self.terms.expects && !self.interim.get();
        let free = self.terms.converses || self.begun.get() || waits;
        Rate { bytes: request.filter(|_| !free), grace }
    }

    /// How fast it must take what it is sent.
    pub(super) fn taking_rate(&self) -> Rate {
        let MinRate { response, grace, .. } = self.terms.route.policy.min_rate;
        Rate { bytes: response, grace }
    }

    /// May the request be sent again without anyone noticing?
    pub(super) fn is_repeatable(&self) -> bool {
        self.is_held() && (self.terms.idempotent || !self.sent.get())
    }

    /// May it be if whoever had it has done nothing with it?
    pub(super) fn is_held(&self) -> bool {
        !self.lost.get() && !self.interim.get() && !self.begun.get()
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
    client: &mut impl Source,
    backend: &mut impl Asking,
    held: &mut Vec<u8>,
    upload: &mut Upload,
    abort_on_close: bool,
) -> InboundEnd {
    let timeouts = shared.terms.route.policy.timeouts;
    shared.deadline.set(timeouts.first_byte);
    let mut sending = backend.send(held, &shared.sent).await;
    // The watch on the client may have read ahead while a connection was opened.
    let mut ahead = !client.bytes().is_empty();
    while sending.is_ok() && !upload.is_done() {
        if !std::mem::take(&mut ahead) && !more(shared, client, upload).await {
            return InboundEnd::Left;
        }
        match pass_on(shared, backend, client, upload, held).await {
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
    let (worker, timer) = (shared.worker, shared.deadline.timer);
    client.left(worker, timer, shared.terms.head_bytes, abort_on_close).await;
    InboundEnd::Left
}

/// Reads more of the body; `false` = the client ended before its body did, so the request is not
/// whole and never will be.
async fn more(shared: &Shared<'_>, client: &mut impl Source, upload: &Upload) -> bool {
    let idle = shared.terms.route.policy.timeouts.body_idle;
    let (rate, pace) = (shared.sending_rate(), &shared.sending);
    let slow = if pace.decides(rate, idle) { SlowClient::BodyRate } else { SlowClient::Body };
    shared.on_client.set(Some(slow));
    shared.deadline.set(pace.limit(rate, idle));
    let since_ms = shared.deadline.timer.now_ms();
    let read = client.more(shared.worker, shared.terms.head_bytes).await;
    let waited_ms = shared.deadline.timer.now_ms() - since_ms;
    if let Ok(n @ 1..) = &read
        && !shared.sending.moved(shared.sending_rate(), waited_ms, *n)
    {
        // The other direction has moved the deadline that it ran into.
        shared.on_client.set(Some(SlowClient::BodyRate));
        shared.deadline.set(Duration::ZERO);
        return std::future::pending().await;
    }
    shared.on_client.set(None);
    match read {
        Ok(0) => upload.may_end(),
        Ok(_) => true,
        Err(_) => false,
    }
}

/// Passes on what was read of the body. The inner result is the backend's side.
async fn pass_on(
    shared: &Shared<'_>,
    backend: &mut impl Asking,
    client: &mut impl Source,
    upload: &mut Upload,
    held: &mut Vec<u8>,
) -> Result<io::Result<()>, InboundEnd> {
    let worker = shared.worker;
    shared.streamed.set(true);
    let count = |n: u64| shared.bytes_in.set(shared.bytes_in.get() + n);
    let plain = upload.plain(client.bytes());
    if plain > 0 {
        upload.sent(plain);
        hold(shared, upload, held, &client.bytes()[..plain]);
        let result = backend.send(&client.bytes()[..plain], &shared.sent).await;
        client.consume(plain);
        count(plain as u64);
        return Ok(result);
    }
    let mut framed = worker.buffers.take_vec();
    let absorbed = upload.absorb(client, &mut framed).map_err(InboundEnd::Refused);
    let result = match absorbed {
        Ok(n) => {
            count(n);
            hold(shared, upload, held, &framed);
            Ok(backend.send(&framed, &shared.sent).await)
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
