//! One end of a TCP connection, as bytes.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::PATIENCE;

/// How the peer ended its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order, with FIN.
    Fin,
    /// With RST.
    Reset,
}

/// A connection with what has been read from it but not yet used.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    /// Who is at the other end, for failure messages.
    peer: &'static str,
    buffer: Vec<u8>,
    end: Option<End>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, peer: &'static str) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a TCP socket");
        Self::unhurried(stream, peer)
    }

    /// Waits for its peer as long as it takes: for a backend that idles in a pool.
    pub(crate) fn unhurried(stream: TcpStream, peer: &'static str) -> Self {
        let _ = stream.set_nodelay(true);
        Self { stream, peer, buffer: Vec::new(), end: None }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.stream.local_addr().expect("a connected socket")
    }

    /// The stream itself, for what bytes cannot express.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends everything, or fails.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = self.stream.write_all(bytes.as_ref());
        sent.unwrap_or_else(|e| panic!("sending to the {} failed: {e}", self.peer));
    }

    /// Sends as much as the peer takes: it may have closed already.
    pub(crate) fn offer(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends FIN and goes on reading.
    pub(crate) fn half_close(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// Ends the connection with RST.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("a TCP socket");
    }

    /// Reads on; `false` at the end.
    fn fill(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.end = Some(End::Fin),
            Ok(n) => self.buffer.extend_from_slice(&bytes[..n]),
            Err(e) if e.kind() == ErrorKind::ConnectionReset => self.end = Some(End::Reset),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => panic!("reading from the {} failed: {e}; {}", self.peer, self.so_far()),
        }
        self.end.is_none()
    }

    fn so_far(&self) -> String {
        format!("unread so far: \"{}\"", self.buffer.escape_ascii())
    }

    /// Up to and including `mark`; `None` if the peer ended first.
    pub(crate) fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = self.buffer.windows(mark.len()).position(|window| window == mark);
            if let Some(at) = found {
                return Some(self.buffer.drain(..at + mark.len()).collect());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Exactly `n` bytes.
    pub(crate) fn exactly(&mut self, n: usize) -> Vec<u8> {
        while self.buffer.len() < n {
            let more = self.fill();
            assert!(more, "the {} ended before {n} bytes; {}", self.peer, self.so_far());
        }
        self.buffer.drain(..n).collect()
    }

    /// One line, without its CRLF.
    pub(crate) fn line(&mut self) -> String {
        let line = self.until(b"\r\n");
        let line = line.unwrap_or_else(|| panic!("no whole line; {}", self.so_far()));
        String::from_utf8_lossy(&line[..line.len() - 2]).into_owned()
    }

    /// All that is still sent, and how the peer ended.
    pub(crate) fn rest(&mut self) -> (Vec<u8>, End) {
        while self.fill() {}
        (std::mem::take(&mut self.buffer), self.end.expect("set when no more can be read"))
    }

    /// The peer sends nothing more and closes, in whichever way.
    pub(crate) fn ended(&mut self) -> End {
        let (rest, end) = self.rest();
        assert!(rest.is_empty(), "the {} still sent \"{}\"", self.peer, rest.escape_ascii());
        end
    }
}
