//! A backend that answers rightly, or fails in one of the ways in which backends do.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fastrand::Rng;
use socket2::SockRef;

use super::question::{answer, sum};

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Answers.
    Well,
    /// Answers after a while.
    Slow,
    /// Is not scheduled: connections open, and nothing is read or answered.
    Stopped,
    /// Is gone, and whatever was connected to it is reset.
    Killed,
    /// Resets instead of answering.
    Resetting,
    /// Sends what is no HTTP.
    Garbage,
    /// Ends in the middle of an answer.
    Truncating,
    /// Answers 500.
    Failing,
}

/// A backend on a port of its own, whatever becomes of it.
pub(crate) struct Backend {
    /// Where it listens, or did.
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    running: Option<(TcpListener, JoinHandle<()>)>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    mood: Mood,
    next: usize,
    open: HashMap<usize, TcpStream>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mood, once it is another than to be stopped.
    fn awake(&self) -> Mood {
        let mut state = self.lock();
        while state.mood == Mood::Stopped {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.mood
    }

    /// Waits for so long, or until the mood is another.
    fn idle(&self, length: Duration, mood: Mood) {
        let same = |state: &mut State| state.mood == mood;
        drop(self.changed.wait_timeout_while(self.lock(), length, same));
    }
}

impl Mood {
    /// A random way to fail.
    pub(super) fn bad(rng: &mut Rng) -> Self {
        let all = [
            Self::Slow,
            Self::Stopped,
            Self::Killed,
            Self::Resetting,
            Self::Garbage,
            Self::Truncating,
            Self::Failing,
        ];
        all[rng.usize(..all.len())]
    }
}

impl Backend {
    /// One that is well.
    pub(crate) fn start() -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let state = State { mood: Mood::Well, next: 0, open: HashMap::new() };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let mut backend = Self { address, shared, running: None };
        backend.listen()?;
        Ok(backend)
    }

    fn listen(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address)?;
        self.address = listener.local_addr()?;
        let accepting = listener.try_clone()?;
        let shared = Arc::clone(&self.shared);
        let acceptor = thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.serve(&stream));
            }
        });
        self.running = Some((listener, acceptor));
        Ok(())
    }

    /// Behaves like this from now on, also in what it is at.
    pub(super) fn turn(&mut self, mood: Mood) -> io::Result<()> {
        let before = std::mem::replace(&mut self.shared.lock().mood, mood);
        self.shared.changed.notify_all();
        match (before, mood) {
            (_, Mood::Killed) => self.kill(),
            (Mood::Killed, _) => self.listen()?,
            _ => {}
        }
        Ok(())
    }

    fn kill(&mut self) {
        if let Some((listener, acceptor)) = self.running.take() {
            let _ = SockRef::from(&listener).shutdown(Shutdown::Both);
            // It only accepts.
            let _ = acceptor.join();
        }
        for (_, stream) in self.shared.lock().open.drain() {
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.turn(Mood::Killed);
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) {
        let Ok(kept) = stream.try_clone() else { return };
        let id = {
            let mut state = self.lock();
            if state.mood == Mood::Killed {
                return;
            }
            state.next += 1;
            let id = state.next;
            state.open.insert(id, kept);
            id
        };
        // How a connection ends is its client's affair.
        let _ = self.answer_all(stream);
        self.lock().open.remove(&id);
    }

    fn answer_all(&self, mut stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        loop {
            self.awake();
            let Some(sum) = read(&mut reader)? else { return Ok(()) };
            match self.awake() {
                Mood::Well => stream.write_all(&response(sum))?,
                Mood::Slow => {
                    self.idle(Duration::from_millis(50 + sum % 500), Mood::Slow);
                    stream.write_all(&response(sum))?;
                }
                Mood::Failing => {
                    stream.write_all(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")?;
                }
                Mood::Truncating => {
                    let whole = response(sum);
                    return stream.write_all(&whole[..whole.len() / 2]);
                }
                Mood::Garbage => return stream.write_all(b"220 mail.example.com ESMTP\r\n"),
                Mood::Resetting | Mood::Killed | Mood::Stopped => {
                    return SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                }
            }
        }
    }
}

/// The checksum of the next request; `None` = there is none.
fn read(reader: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut field = String::new();
        reader.read_line(&mut field)?;
        let field = field.trim_end().to_ascii_lowercase();
        match field.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap_or(0),
            Some(("transfer-encoding", _)) => chunked = true,
            Some(_) => {}
            None => break,
        }
    }
    let body = if chunked { unchunk(reader)? } else { exactly(reader, length)? };
    Ok(Some(sum(&method, &path, &body)))
}

fn exactly(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A body in chunks, without trailers.
pub(super) fn unchunk(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end(), 16)
            .map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let piece = exactly(reader, size + 2)?;
        body.extend_from_slice(&piece[..size]);
        if size == 0 {
            return Ok(body);
        }
    }
}

/// A response to a request of this checksum, framed in either way.
fn response(sum: u64) -> Vec<u8> {
    let body = answer(sum);
    if sum & 1 == 0 {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        return [head.as_bytes(), &body].concat();
    }
    let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in body.chunks(1 + (sum >> 32) as usize % 20_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}
