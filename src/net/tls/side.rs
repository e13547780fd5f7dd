//! Our half of a connection's TLS, whichever it is: the same steps for a client's and a server's.

use std::io;

use rustls::Error;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};

/// One message of a handshake: rustls splits what is longer.
const ANSWER_BYTES: usize = 17 * 1024;

/// Which half of the protocol is ours.
pub(super) enum Side {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

impl Side {
    pub(super) fn is_handshaking(&self) -> bool {
        match self {
            Self::Client(tls) => tls.is_handshaking(),
            Self::Server(tls) => tls.is_handshaking(),
        }
    }

    /// What was agreed on to be spoken.
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Client(tls) => tls.alpn_protocol(),
            Self::Server(tls) => tls.alpn_protocol(),
        }
    }

    /// Takes the next state; returns how many bytes of `records` are done with.
    pub(super) fn step(
        &mut self,
        records: &mut [u8],
        answer: &mut Vec<u8>,
        give: &mut dyn FnMut(&[u8]),
    ) -> (usize, Result<Step, Error>) {
        match self {
            Self::Client(tls) => step(tls.process_tls_records(records), answer, give),
            Self::Server(tls) => step(tls.process_tls_records(records), answer, give),
        }
    }

    /// Seals, or writes a message that goes first; returns how many bytes of `records` are done with.
    pub(super) fn seal(
        &mut self,
        records: &mut [u8],
        out: &mut [u8],
        what: Sealed<'_>,
    ) -> (usize, io::Result<Sealing>) {
        match self {
            Self::Client(tls) => seal(tls.process_tls_records(records), out, what),
            Self::Server(tls) => seal(tls.process_tls_records(records), out, what),
        }
    }
}

/// What a record is made of.
#[derive(Clone, Copy)]
pub(super) enum Sealed<'a> {
    Bytes(&'a [u8]),
    Goodbye,
}

/// A step on the way to a sealed record.
pub(super) enum Sealing {
    /// A message of so many bytes was written that goes before it.
    First(usize),
    /// The peer has said that nothing follows.
    Ended,
    /// It was written, and is so long.
    Done(usize),
}

fn seal<Data>(
    UnbufferedStatus { discard, state }: UnbufferedStatus<'_, '_, Data>,
    out: &mut [u8],
    what: Sealed<'_>,
) -> (usize, io::Result<Sealing>) {
    let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
    let sealing = match state {
        Ok(ConnectionState::WriteTraffic(mut writer)) => {
            let sealed = match what {
                Sealed::Bytes(plain) => writer.encrypt(plain, out),
                Sealed::Goodbye => writer.queue_close_notify(out),
            };
            sealed.map(Sealing::Done).map_err(|_| broken())
        }
        Ok(ConnectionState::EncodeTlsData(mut message)) => {
            message.encode(out).map(Sealing::First).map_err(|_| broken())
        }
        Ok(ConnectionState::TransmitTlsData(sent)) => {
            sent.done();
            Ok(Sealing::First(0))
        }
        Ok(ConnectionState::PeerClosed) => Ok(Sealing::Ended),
        Ok(_) | Err(_) => Err(broken()),
    };
    (discard, sealing)
}

/// One state of the connection, gone through.
pub(super) enum Step {
    Go,
    Ended,
    /// For more bytes.
    Wait,
}

fn step<Data>(
    UnbufferedStatus { mut discard, state }: UnbufferedStatus<'_, '_, Data>,
    answer: &mut Vec<u8>,
    give: &mut dyn FnMut(&[u8]),
) -> (usize, Result<Step, Error>) {
    let step = match state {
        Err(error) => Err(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                Some(Ok(record)) => {
                    discard += record.discard;
                    give(record.payload);
                }
                Some(Err(error)) => break Err(error),
                None => break Ok(Step::Go),
            }
        },
        Ok(ConnectionState::EncodeTlsData(mut message)) => {
            let at = answer.len();
            answer.resize(at + ANSWER_BYTES, 0);
            let written = message.encode(&mut answer[at..]);
            answer.truncate(at + written.as_ref().copied().unwrap_or_default());
            written.map(|_| Step::Go).map_err(|error| Error::General(error.to_string()))
        }
        Ok(ConnectionState::TransmitTlsData(sent)) => {
            sent.done();
            Ok(Step::Go)
        }
        Ok(ConnectionState::PeerClosed) => Ok(Step::Ended),
        // Blocked, or open for bytes to write; early data is not offered.
        Ok(_) => Ok(Step::Wait),
    };
    (discard, step)
}
