//! Meters the frames that are cheap to send and not to take.
//!
//! The frame layer acknowledges each SETTINGS, answers each PING and forgets each stream that is given
//! up, as fast as they come: a client that sends little else keeps a core busy for a few bytes each
//! (CVE-2019-9512, -9515, CVE-2023-44487). It has no hook for that, so the heads of frames are
//! read here, beneath it, as their bytes go by. Each frame of those kinds takes from an allowance,
//! which time refills, and every answer that was wanted, and every piece of a body that was sent.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::Http2Abuse;

/// How much is taken of the frames that are metered.
#[derive(Clone, Copy, Debug)]
struct Terms {
    /// So many at once.
    allowance: u32,
    /// How soon another one may follow then.
    refill: Duration,
    /// Heads are metered, too.
    heads: bool,
}

const OF_CLIENT: Terms = Terms { allowance: 400, refill: Duration::from_millis(10), heads: false };

/// A backend's heads are metered, too,
/// because no window holds interim answers back: they wait in memory for a client that takes none.
const OF_BACKEND: Terms = Terms { allowance: 2000, refill: Duration::from_millis(1), heads: true };

/// What a backend has for each answer: more heads than are passed on.
const PER_ANSWER: u32 = 20;
/// Before the first frame there is the preface.
const PREFACE_BYTES: u32 = 24;
/// The head of a frame (RFC 9113 §4.1).
const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// What a connection's peer has sent, as far as it is metered.
#[derive(Debug)]
pub(crate) struct Meter {
    terms: Terms,
    reader: Cell<Reader>,
    /// Pieces that were read.
    heard: Cell<u32>,
    left: Cell<u32>,
    refilled: Cell<Instant>,
    abuse: Cell<Option<Http2Abuse>>,
}

/// Follows frames through bytes that come in any pieces.
#[derive(Clone, Copy, Debug)]
struct Reader {
    head: [u8; HEAD_BYTES],
    /// Bytes of the head that have come.
    have: usize,
    /// Bytes of the payload (or the preface) that are still to come.
    payload: u32,
    /// The payload belongs to a request's head.
    of_request: bool,
    /// A request's head goes on in the next frame.
    goes_on: bool,
    /// Heads that have begun.
    begun: u32,
}

impl Reader {
    /// `preface` = the bytes that come before the first frame.
    fn new(preface: u32) -> Self {
        let head = [0; HEAD_BYTES];
        Self { head, have: 0, payload: preface, of_request: false, goes_on: false, begun: 0 }
    }

    /// Reads on, up to and with the head of the next frame; says its type, and what is left of the bytes.
    fn next<'b>(&mut self, bytes: &'b [u8]) -> (Option<u8>, &'b [u8]) {
        let skipped = bytes.len().min(self.payload as usize);
        self.payload -= skipped as u32;
        let bytes = &bytes[skipped..];
        let taken = bytes.len().min(HEAD_BYTES - self.have);
        self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
        self.have += taken;
        let rest = &bytes[taken..];
        if self.have < HEAD_BYTES {
            return (None, rest);
        }
        let [high, middle, low, kind, flags, ..] = self.head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        (self.have, self.payload) = (0, length);
        self.begun = self.begun.wrapping_add(u32::from(kind == HEADERS));
        self.of_request = matches!(kind, HEADERS | CONTINUATION);
        self.goes_on = self.of_request && flags & END_HEADERS == 0;
        (Some(kind), rest)
    }

    /// The number of the head that has begun and is not whole.
    fn head_under_way(&self) -> Option<u32> {
        (self.goes_on || (self.of_request && self.payload > 0)).then_some(self.begun)
    }
}

/// What a frame of this type is metered as, if it is; `heads` = those of messages are, too.
fn metered(kind: u8, heads: bool) -> Option<Http2Abuse> {
    match kind {
        HEADERS if heads => Some(Http2Abuse::Other),
        // Acknowledgements ask for nothing; nobody has reason to send more of them than questions.
        SETTINGS => Some(Http2Abuse::Settings),
        PING => Some(Http2Abuse::Pings),
        RST_STREAM => Some(Http2Abuse::Resets),
        // Of these the frame layer takes only so many, or so much.
        DATA | HEADERS | CONTINUATION | WINDOW_UPDATE => None,
        _ => Some(Http2Abuse::Other),
    }
}

impl Meter {
    /// Of a client whose connection begins now.
    pub(super) fn of_client(now: Instant) -> Self {
        Self::new(OF_CLIENT, PREFACE_BYTES, now)
    }

    /// Of a backend whose connection begins now.
    pub(crate) fn of_backend(now: Instant) -> Self {
        Self::new(OF_BACKEND, 0, now)
    }

    fn new(terms: Terms, preface: u32, now: Instant) -> Self {
        Self {
            terms,
            reader: Cell::new(Reader::new(preface)),
            heard: Cell::new(0),
            left: Cell::new(terms.allowance),
            refilled: Cell::new(now),
            abuse: Cell::new(None),
        }
    }

    /// Looks at bytes that have come; `now` is asked only if it matters. Says whether it is too much.
    pub(super) fn read(&self, mut bytes: &[u8], now: impl Fn() -> Instant) -> bool {
        let mut reader = self.reader.get();
        self.heard.set(self.heard.get().wrapping_add(1));
        while !bytes.is_empty() {
            let (kind, rest) = reader.next(bytes);
            bytes = rest;
            if let Some(abuse) = kind.and_then(|kind| metered(kind, self.terms.heads))
                && !self.take(&now)
            {
                self.abuse.set(self.abuse.get().or(Some(abuse)));
                break;
            }
        }
        self.reader.set(reader);
        self.abuse.get().is_some()
    }

    fn take(&self, now: impl Fn() -> Instant) -> bool {
        if self.left.get() == 0 {
            let now = now();
            let since = now.saturating_duration_since(self.refilled.get());
            let refill = since.as_millis() / self.terms.refill.as_millis();
            self.left.set(refill.min(u128::from(self.terms.allowance)) as u32);
            self.refilled.set(now);
        }
        let left = self.left.get().checked_sub(1);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }

    /// An answer was wanted and taken, or a piece of a body was sent.
    pub(crate) fn earn(&self) {
        self.left.set((self.left.get() + 1).min(self.terms.allowance));
    }

    /// An answer is wanted of a backend.
    pub(crate) fn expect_answer(&self) {
        self.left.set((self.left.get() + PER_ANSWER).min(self.terms.allowance));
    }

    /// Changes whenever something has come.
    pub(crate) fn heard(&self) -> u32 {
        self.heard.get()
    }

    /// What it was too much of.
    pub(crate) fn abuse(&self) -> Option<Http2Abuse> {
        self.abuse.get()
    }

    /// The number of the head that has begun and is not whole.
    pub(super) fn head_under_way(&self) -> Option<u32> {
        self.reader.get().head_under_way()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: u32 = OF_CLIENT.allowance;
    const REFILL: Duration = OF_CLIENT.refill;

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let ping = frame(PING, 0, &[0; 8]);
        let all = [PREFACE, &ping, &frame(DATA, 0, b"body"), &ping].concat();
        for piece in 1..all.len() {
            let now = Instant::now();
            let meter = Meter::of_client(now);
            all.chunks(piece).for_each(|bytes| assert!(!meter.read(bytes, || now)));
            assert_eq!(meter.left.get(), ALLOWANCE - 2, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_costs_more_than_it_brings_is_told_by_its_kind() {
        for (kind, flags, payload, abuse) in [
            (PING, 0, &[0; 8][..], Some(Http2Abuse::Pings)),
            (SETTINGS, 0, &[], Some(Http2Abuse::Settings)),
            (RST_STREAM, 0, &[0; 4], Some(Http2Abuse::Resets)),
            (2, 0, &[0; 5], Some(Http2Abuse::Other)),
            (99, 0, b"?", Some(Http2Abuse::Other)),
            (DATA, 0, b"x", None),
            (DATA, 1, &[], None),
            (HEADERS, 4, b"x", None),
            (WINDOW_UPDATE, 0, &[0; 4], None),
        ] {
            let now = Instant::now();
            let meter = Meter::of_client(now);
            meter.read(PREFACE, || now);
            let bytes = frame(kind, flags, payload);
            let taken = (0..=ALLOWANCE).take_while(|_| !meter.read(&bytes, || now)).count();
            assert_eq!(meter.abuse(), abuse, "kind {kind}");
            let goes_on = abuse.is_none();
            assert_eq!(taken as u32, ALLOWANCE + u32::from(goes_on), "kind {kind}");
        }
    }

    #[test]
    fn time_and_answers_refill_the_allowance() {
        let (now, ping) = (Instant::now(), frame(PING, 0, &[0; 8]));
        let meter = Meter::of_client(now);
        meter.read(PREFACE, || now);
        (0..ALLOWANCE).for_each(|_| assert!(!meter.read(&ping, || now)));
        meter.earn();
        assert!(!meter.read(&ping, || now));
        assert!(!meter.read(&ping, || now + REFILL), "a moment later");
        assert!(meter.read(&ping, || now + REFILL), "but not two");
    }

    #[test]
    fn a_backends_heads_are_metered_and_each_answer_that_is_wanted_allows_some() {
        let (now, head) = (Instant::now(), frame(HEADERS, 4, b"x"));
        let meter = Meter::of_backend(now);
        (0..OF_BACKEND.allowance).for_each(|_| assert!(!meter.read(&head, || now)));
        meter.expect_answer();
        (0..PER_ANSWER).for_each(|_| assert!(!meter.read(&head, || now)));
        assert!(meter.read(&head, || now));
    }

    #[test]
    fn a_head_is_under_way_until_its_last_byte() {
        let now = Instant::now();
        let meter = Meter::of_client(now);
        meter.read(PREFACE, || now);
        let head = frame(HEADERS, 0, b"ab");
        meter.read(&head[..10], || now);
        assert_eq!(meter.head_under_way(), Some(1));
        meter.read(&head[10..], || now);
        assert_eq!(meter.head_under_way(), Some(1), "it goes on in the next frame");
        meter.read(&frame(CONTINUATION, 4, b"cd"), || now);
        assert_eq!(meter.head_under_way(), None);
        meter.read(&frame(DATA, 0, b"body")[..11], || now);
        assert_eq!(meter.head_under_way(), None);
    }
}
