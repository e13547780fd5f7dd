//! HTTP/2 frame by frame, by a client or a backend, also such as neither should send.
//!
//! Heads are written as plain literals (RFC 7541 §6.2.2), which any field can be. Of a head that
//! comes only the status is read: it is the first field, and either in the static table or three
//! digits.

use std::net::{SocketAddr, TcpStream};
use std::ops::{Deref, DerefMut};

use super::{PATIENCE, Upstream, Wire};

/// Frame types (RFC 9113 §6).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// What every connection begins with.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Its stream ends with it.
    pub(crate) fn ends(&self) -> bool {
        matches!(self.kind, kind::DATA | kind::HEADERS) && self.flags & END_STREAM != 0
    }

    /// The error code of a reset or a GOAWAY.
    pub(crate) fn code(&self) -> u32 {
        let at = if self.kind == kind::GOAWAY { 4 } else { 0 };
        let bytes = self.payload[at..at + 4].try_into().expect("four bytes");
        u32::from_be_bytes(bytes)
    }

    /// The status of a head.
    pub(crate) fn status(&self) -> u16 {
        assert_eq!(self.kind, kind::HEADERS, "{self:?}");
        let block = &self.payload;
        // The encoder may begin with a change of its table's size.
        let at = block.iter().position(|byte| byte & 0xe0 != 0x20).expect("a field");
        const KNOWN: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
        match block[at] {
            indexed @ 0x88..=0x8e => KNOWN[usize::from(indexed - 0x88)],
            _ => digits(&block[at + 2..]),
        }
    }
}

/// Three digits by the code of RFC 7541, appendix B.
fn digits(coded: &[u8]) -> u16 {
    let mut bits = coded.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let mut take =
        |n: usize| bits.by_ref().take(n).fold(0_u16, |sum, bit| sum << 1 | u16::from(bit));
    (0..3).fold(0, |sum, _| {
        let five = take(5);
        let digit = if five <= 2 { five } else { (five << 1 | take(1)) - 0x19 + 3 };
        sum * 10 + digit
    })
}

/// A connection.
pub(crate) struct Frames(Wire);

impl Frames {
    /// Nothing was said yet.
    pub(crate) fn silent(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE);
        Self(Wire::new(stream.expect("the proxy listens"), "proxy (as its client)"))
    }

    /// The preface was sent, with settings of no content.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let mut frames = Self::silent(address);
        frames.0.send(PREFACE);
        frames.frame(kind::SETTINGS, 0, 0, &[]);
        frames
    }

    /// The backend's side of a connection that the proxy has opened, with these settings; nothing
    /// was read yet.
    pub(crate) fn accept(upstream: Upstream, settings: &[(u16, u32)]) -> Self {
        let mut frames = Self(upstream.into_wire());
        assert_eq!(frames.0.exactly(PREFACE.len()), PREFACE);
        let settings = settings
            .iter()
            .flat_map(|(id, value)| id.to_be_bytes().into_iter().chain(value.to_be_bytes()));
        let settings: Vec<u8> = settings.collect();
        frames.frame(kind::SETTINGS, 0, 0, &settings);
        frames
    }

    /// The stream of the next request, which must be the next frame of note.
    pub(crate) fn asked(&mut self) -> u32 {
        let frame = self.next();
        assert_eq!(frame.kind, kind::HEADERS, "{frame:?}");
        frame.stream
    }

    /// Answers a request with 200 and this body.
    pub(crate) fn ok(&mut self, stream: u32, body: &str) {
        self.head(stream, &[(":status", "200")], false);
        self.data(stream, body.as_bytes(), true);
    }

    /// Says that it takes no streams after this one, and why.
    pub(crate) fn goaway(&mut self, last: u32, code: u32) {
        let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
        self.frame(kind::GOAWAY, 0, 0, &payload);
    }

    /// Resets a stream for this reason.
    pub(crate) fn refuse_stream(&mut self, stream: u32, code: u32) {
        self.frame(kind::RST_STREAM, 0, stream, &code.to_be_bytes());
    }

    /// Sends a frame.
    pub(crate) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut bytes = Vec::with_capacity(9 + payload.len());
        bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
        bytes.extend_from_slice(&[kind, flags]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        // What a proxy that has closed does not take is part of some cases.
        self.0.offer(bytes);
    }

    /// Asks how long the way is, and waits for what comes back.
    pub(crate) fn ping(&mut self) {
        self.frame(kind::PING, 0, 0, &[7; 8]);
        loop {
            let frame = self.any();
            match (frame.kind, frame.flags) {
                (kind::PING, 1) => return,
                (kind::SETTINGS, 0) => self.frame(kind::SETTINGS, 1, 0, &[]),
                (kind::SETTINGS | kind::WINDOW_UPDATE, _) => {}
                _ => panic!("{frame:?}"),
            }
        }
    }

    /// Sends a head of these fields.
    pub(crate) fn head(&mut self, stream: u32, fields: &[(&str, &str)], ends: bool) {
        let flags = END_HEADERS | if ends { END_STREAM } else { 0 };
        self.frame(kind::HEADERS, flags, stream, &block(fields));
    }

    /// Sends a request with these fields beside the usual ones.
    pub(crate) fn request(&mut self, stream: u32, method: &str, more: &[(&str, &str)], ends: bool) {
        let usual =
            [(":method", method), (":scheme", "http"), (":path", "/"), (":authority", "a.test")];
        self.head(stream, &[&usual, more].concat(), ends);
    }

    /// Sends `GET /` as a whole.
    pub(crate) fn get(&mut self, stream: u32) {
        self.request(stream, "GET", &[], true);
    }

    /// Sends a piece of a body.
    pub(crate) fn data(&mut self, stream: u32, bytes: &[u8], ends: bool) {
        self.frame(kind::DATA, u8::from(ends), stream, bytes);
    }

    /// Gives a stream up.
    pub(crate) fn reset_stream(&mut self, stream: u32) {
        self.frame(kind::RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    }

    /// Opens a window; stream 0 is the connection's.
    pub(crate) fn open_window(&mut self, stream: u32, by: u32) {
        self.frame(kind::WINDOW_UPDATE, 0, stream, &by.to_be_bytes());
    }

    /// The next frame, whatever it is.
    pub(crate) fn any(&mut self) -> Frame {
        let head = self.0.exactly(9);
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let payload = self.0.exactly(length as usize);
        Frame { kind: head[3], flags: head[4], stream, payload }
    }

    /// The next frame that is about more than the connection's upkeep.
    pub(crate) fn next(&mut self) -> Frame {
        loop {
            let frame = self.any();
            match frame.kind {
                kind::SETTINGS if frame.flags == 0 => self.frame(kind::SETTINGS, 1, 0, &[]),
                kind::PING if frame.flags == 0 => self.frame(kind::PING, 1, 0, &frame.payload),
                kind::SETTINGS | kind::PING | kind::WINDOW_UPDATE => {}
                _ => return frame,
            }
        }
    }

    /// The whole answer on a stream, which must be the only one: its status and body.
    pub(crate) fn answer(&mut self, stream: u32) -> (u16, String) {
        let (status, body) = self.answer_bytes(stream);
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// Likewise, of a body that is no text.
    pub(crate) fn answer_bytes(&mut self, stream: u32) -> (u16, Vec<u8>) {
        let head = self.next();
        assert_eq!((head.kind, head.stream), (kind::HEADERS, stream), "{head:?}");
        let (status, mut body, mut over) = (head.status(), Vec::new(), head.ends());
        while !over {
            let frame = self.next();
            assert_eq!(frame.stream, stream, "{frame:?}");
            over = frame.ends();
            match frame.kind {
                kind::DATA => body.extend(frame.payload),
                kind::HEADERS => {}
                _ => panic!("{frame:?}"),
            }
        }
        (status, body)
    }

    /// The error that the next frame of note resets this stream with.
    pub(crate) fn stream_error(&mut self, stream: u32) -> u32 {
        let frame = self.next();
        assert_eq!((frame.kind, frame.stream), (kind::RST_STREAM, stream), "{frame:?}");
        frame.code()
    }

    /// The error that the connection is ended with.
    pub(crate) fn connection_error(&mut self) -> u32 {
        loop {
            let frame = self.next();
            if frame.kind == kind::GOAWAY {
                return frame.code();
            }
        }
    }
}

/// Fields as literals whose names are new.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}

/// A length of seven bits, which goes on in the next bytes if it needs more; then the text.
fn text(block: &mut Vec<u8>, text: &str) {
    match text.len().checked_sub(127) {
        None => block.push(text.len() as u8),
        Some(mut rest) => {
            block.push(127);
            while rest >= 128 {
                block.push(rest as u8 | 128);
                rest >>= 7;
            }
            block.push(rest as u8);
        }
    }
    block.extend_from_slice(text.as_bytes());
}

impl Deref for Frames {
    type Target = Wire;
    fn deref(&self) -> &Wire {
        &self.0
    }
}

impl DerefMut for Frames {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.0
    }
}
