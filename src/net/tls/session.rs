//! One connection's records: opened as they come, sealed as they go.

use std::fmt;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, Error, ServerConfig};

use super::context::HTTP2;
use super::scratch::{SEALED_AT_ONCE, Scratch};
use super::side::{Sealed, Sealing, Side, Step};
use super::{Agreement, ClientIdentity};
use crate::net::socket::Socket;

/// Up to so many plain bytes in several pieces are sent as one record.
const RECORD_BYTES: usize = 16 * 1024;

/// The state of one connection's encryption.
pub(in crate::net) struct Session {
    side: Side,
    scratch: Rc<Scratch>,
    /// What the client asked for, and who it is.
    pub(super) agreement: Agreement,
    /// Encrypted: the beginning of a record whose rest has not come.
    partial: Vec<u8>,
    /// Decrypted and not asked for yet.
    plain: Held,
    /// Encrypted and not taken by the socket yet.
    unsent: Held,
    /// Plain bytes of the write under way, of which `unsent` is the rest.
    owed: usize,
    /// The peer has said that nothing follows, or its connection has ended.
    ended: bool,
    /// The connection has ended without that word.
    cut: bool,
    /// What the peer sent was not TLS as agreed: it has been told, and nothing is sealed any more.
    broken: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = [self.partial.len(), self.plain.rest().len(), self.unsent.rest().len()];
        f.debug_struct("Session").field("held", &held).field("ended", &self.ended).finish()
    }
}

/// Bytes that go away from the front.
#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    at: usize,
}

impl Held {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Drops `n` bytes, and the memory with the last of them.
    fn consume(&mut self, n: usize) {
        self.at += n;
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

/// Why a connection is of no more use.
#[derive(Debug)]
pub(super) enum Broken {
    /// The connection itself broke, or ended where it must not.
    Io(io::Error),
    /// What came over it is not TLS as agreed.
    Tls(Error),
}

impl From<Broken> for io::Error {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Io(error) => error,
            Broken::Tls(error) => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

impl Session {
    /// With a client that has connected.
    pub(super) fn with_client(
        config: Arc<ServerConfig>,
        scratch: Rc<Scratch>,
    ) -> Result<Self, Error> {
        let side = Side::Server(UnbufferedServerConnection::new(config)?);
        Ok(Self::new(side, scratch))
    }

    /// With a server that was connected to.
    pub(super) fn with_server(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        scratch: Rc<Scratch>,
    ) -> Result<Self, Error> {
        let side = Side::Client(UnbufferedClientConnection::new(config, name)?);
        Ok(Self::new(side, scratch))
    }

    fn new(side: Side, scratch: Rc<Scratch>) -> Self {
        Self {
            side,
            scratch,
            agreement: Agreement::default(),
            partial: Vec::new(),
            plain: Held::default(),
            unsent: Held::default(),
            owed: 0,
            ended: false,
            cut: false,
            broken: false,
        }
    }

    /// What the client asked for, and who it is.
    pub(in crate::net) fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// Remembers who the client has proved to be.
    pub(super) fn know_client(&mut self) {
        let Side::Server(tls) = &self.side else { return };
        let shown = tls.peer_certificates().and_then(|chain| chain.first());
        self.agreement.client = shown.and_then(ClientIdentity::of).map(Box::new);
    }

    /// Was HTTP/2 agreed on?
    pub(in crate::net) fn speaks_http2(&self) -> bool {
        self.side.protocol() == Some(HTTP2)
    }

    /// Was something decrypted that nobody has asked for yet?
    pub(in crate::net) fn holds_plain(&self) -> bool {
        !self.plain.is_empty()
    }

    /// Gives decrypted bytes to `sink`, which says how many it took; 0 = the client's end.
    pub(in crate::net) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        socket: &Socket,
        mut sink: impl FnMut(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            if !self.plain.is_empty() {
                let n = sink(self.plain.rest());
                self.plain.consume(n);
                return Poll::Ready(Ok(n));
            }
            if self.ended {
                return Poll::Ready(self.end());
            }
            let received = ready!(self.poll_receive(cx, socket)).map_err(io::Error::from)?;
            let mut taken = 0;
            let opened = self.open(received, socket, &mut |payload| {
                let n = sink(payload);
                taken += n;
                n
            });
            // What was taken has to be told, whatever follows it.
            match opened {
                _ if taken > 0 => return Poll::Ready(Ok(taken)),
                Ok(()) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// The peer's end. Of a server's response whose length is told by its end, the word that nothing
    /// follows is the only proof that it is whole (RFC 8446 section 6.1); a client may just leave.
    fn end(&self) -> io::Result<usize> {
        match self.side {
            Side::Client(_) if self.cut => Err(io::ErrorKind::UnexpectedEof.into()),
            Side::Client(_) | Side::Server(_) => Ok(0),
        }
    }

    /// Is there no agreement yet?
    pub(super) fn is_handshaking(&self) -> bool {
        self.side.is_handshaking()
    }

    /// Reads once from the socket, into the scratch; returns how many bytes wait there to be opened.
    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        socket: &Socket,
    ) -> Poll<Result<usize, Broken>> {
        let mut incoming = self.scratch.incoming();
        let before = self.partial.len();
        let n = ready!(socket.poll_recv(cx, &mut incoming[before..])).map_err(Broken::Io)?;
        incoming[..before].copy_from_slice(&self.partial);
        if n == 0 {
            (self.ended, self.cut) = (true, true);
            if self.is_handshaking() {
                return Poll::Ready(Err(Broken::Io(io::ErrorKind::UnexpectedEof.into())));
            }
        }
        Poll::Ready(Ok(before + n))
    }

    /// Keeps the bytes that wait in the scratch until more have come.
    pub(super) fn hold(&mut self, received: usize) {
        self.partial = self.scratch.incoming()[..received].to_vec();
    }

    /// Opens the bytes that wait in the scratch. `sink` says how many decrypted bytes it took; the
    /// others are kept.
    pub(super) fn open(
        &mut self,
        received: usize,
        socket: &Socket,
        sink: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Result<(), Broken> {
        let scratch = Rc::clone(&self.scratch);
        let mut incoming = scratch.incoming();
        let records = &mut incoming[..received];
        let (mut answer, mut done) = (Vec::new(), 0);
        let Self { side, plain, ended, .. } = self;
        let mut give = |payload: &[u8]| {
            let n = if plain.is_empty() { sink(payload) } else { 0 };
            plain.push(&payload[n..]);
        };
        let mut result = Ok(());
        loop {
            let (n, next) = side.step(&mut records[done..], &mut answer, &mut give);
            done += n;
            match next {
                // That was what the peer is told about the error.
                _ if result.is_err() => break,
                Ok(Step::Go) => {}
                Ok(Step::Ended) => *ended = true,
                Ok(Step::Wait) => break,
                // One more step, and no other: rustls would judge the rest again.
                Err(error) => result = Err(Broken::Tls(error)),
            }
        }
        self.partial.clear();
        self.partial.extend_from_slice(&records[done..]);
        if self.partial.is_empty() {
            self.partial = Vec::new();
        }
        // What the socket does not take at once goes before the next write.
        let sent = if answer.is_empty() { 0 } else { socket.send_now(&answer) };
        self.unsent.push(&answer[sent..]);
        self.broken |= result.is_err();
        result
    }

    /// Seals and writes the beginning of `slices`; returns how many of their bytes were written. Until
    /// it is ready it must be called with the same bytes again.
    pub(in crate::net) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        socket: &Socket,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.owed == 0 {
            ready!(self.poll_flush(cx, socket))?;
            self.owed = self.write(socket, slices)?;
        }
        ready!(self.poll_flush(cx, socket))?;
        Poll::Ready(Ok(std::mem::take(&mut self.owed)))
    }

    /// Writes what the socket did not take before.
    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        socket: &Socket,
    ) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            match ready!(socket.poll_send(cx, self.unsent.rest(), false))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.unsent.consume(n),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Seals some of the bytes and sends what the socket takes at once; the rest is kept.
    fn write(&mut self, socket: &Socket, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let scratch = Rc::clone(&self.scratch);
        let mut gathered = scratch.gathered();
        let plain = one_piece(slices, &mut gathered);
        let mut outgoing = scratch.outgoing();
        let length = self.seal(&mut outgoing, Sealed::Bytes(plain))?;
        let sent = socket.send_now(&outgoing[..length]);
        self.unsent.push(&outgoing[sent..length]);
        Ok(plain.len())
    }

    /// Says that nothing follows, as far as the socket takes it at once.
    pub(in crate::net) fn say_goodbye(&mut self, socket: &Socket) {
        let mut out = [0; 1024];
        if self.unsent.is_empty()
            && !self.is_handshaking()
            && let Ok(length) = self.seal(&mut out, Sealed::Goodbye)
        {
            socket.send_now(&out[..length]);
        }
    }

    /// Writes records, after the messages that go first; returns their length.
    fn seal(&mut self, out: &mut [u8], what: Sealed<'_>) -> io::Result<usize> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut length = 0;
        loop {
            let (n, sealing) = self.side.seal(&mut self.partial, &mut out[length..], what);
            match sealing? {
                Sealing::Done(sealed) => {
                    length += sealed;
                    self.partial.drain(..n);
                    return Ok(length);
                }
                Sealing::First(message) => length += message,
                Sealing::Ended => self.ended = true,
            }
            self.partial.drain(..n);
        }
    }
}

/// The first of the slices, or as many of them as fit into one record, copied together: a head and its
/// short body go as one.
fn one_piece<'a>(slices: &'a [IoSlice<'_>], gathered: &'a mut Vec<u8>) -> &'a [u8] {
    let mut filled = slices.iter().filter(|slice| !slice.is_empty());
    let Some(first) = filled.next() else { return &[] };
    if first.len() >= RECORD_BYTES || filled.clone().next().is_none() {
        return &first[..first.len().min(SEALED_AT_ONCE)];
    }
    gathered.clear();
    for slice in slices {
        let room = RECORD_BYTES - gathered.len();
        gathered.extend_from_slice(&slice[..slice.len().min(room)]);
    }
    gathered
}
