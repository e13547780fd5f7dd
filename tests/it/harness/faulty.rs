//! A backend that fails on demand, in each way a backend can while it still listens.

use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

use super::Wire;
use super::message::Head;

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// 200, and its name as the body.
    Well,
    /// Accepts, reads, and never answers.
    Silent,
    /// Answers after this long.
    Slow(Duration),
    /// Answers requests for this path after this long.
    SlowAt(&'static str, Duration),
    /// This status to every request.
    Status(&'static str),
    /// This status to requests for this path.
    StatusAt(&'static str, &'static str),
    /// 200 with this body to requests for this path.
    BodyAt(&'static str, &'static str),
    /// A body that ends before its length.
    Truncated,
    /// Bytes that are no HTTP.
    Garbage,
    /// RST instead of an answer.
    Reset,
}

/// A running backend.
pub(crate) struct Faulty {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    acceptor: Option<JoinHandle<()>>,
    state: Arc<State>,
}

struct State {
    name: &'static str,
    mood: Mutex<Mood>,
    changed: Condvar,
    /// Requests that were no checks.
    requests: AtomicUsize,
}

impl Faulty {
    /// One that is well for now.
    pub(crate) fn named(name: &'static str) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(address).expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::new(State {
            name,
            mood: Mutex::new(Mood::Well),
            changed: Condvar::new(),
            requests: AtomicUsize::new(0),
        });
        let accepting = listener.try_clone().expect("a file descriptor");
        let shared = Arc::clone(&state);
        let acceptor = thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let state = Arc::clone(&shared);
                thread::spawn(move || state.serve(stream));
            }
        });
        Self { address, listener, acceptor: Some(acceptor), state }
    }

    /// Behaves like this from now on, also in what it is at.
    pub(crate) fn turn(&self, mood: Mood) {
        *self.state.mood() = mood;
        self.state.changed.notify_all();
    }

    /// Stops listening: connecting is refused from now on.
    pub(crate) fn refuse(&mut self) {
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("the acceptor only accepts");
        }
    }

    /// Requests so far, checks not counted.
    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.refuse();
        // Lets those go who wait for it to speak.
        self.turn(Mood::Reset);
    }
}

impl State {
    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mood once it is another than silence.
    fn spoken(&self) -> Mood {
        let mut mood = self.mood();
        while *mood == Mood::Silent {
            mood = self.changed.wait(mood).unwrap_or_else(PoisonError::into_inner);
        }
        *mood
    }

    /// The answer, once this long has passed or it is to behave otherwise.
    fn slowly(&self, by: Duration, answer: String) -> String {
        let before = *self.mood();
        let _ = self.changed.wait_timeout_while(self.mood(), by, |mood| *mood == before);
        answer
    }

    fn serve(&self, stream: TcpStream) {
        let mut wire = Wire::unhurried(stream, "proxy (as its backend)");
        while let Some(head) = Head::read(&mut wire) {
            let path = head.start.split(' ').nth(1).unwrap_or_default();
            if path == "/" && !head.has("user-agent") {
                self.requests.fetch_add(1, Ordering::SeqCst);
            }
            let answer = |status: &str, body: &str| {
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            };
            let well = answer("200 OK", self.name);
            let bytes = match self.spoken() {
                Mood::Slow(by) => self.slowly(by, well),
                Mood::SlowAt(at, by) if at == path => self.slowly(by, well),
                Mood::Status(status) => answer(status, ""),
                Mood::StatusAt(at, status) if at == path => answer(status, ""),
                Mood::BodyAt(at, body) if at == path => answer("200 OK", body),
                Mood::Truncated => {
                    wire.offer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
                    return;
                }
                Mood::Garbage => "220 mail.example.com ESMTP\r\n".to_owned(),
                Mood::Reset => return wire.reset(),
                Mood::Well
                | Mood::Silent
                | Mood::StatusAt(..)
                | Mood::SlowAt(..)
                | Mood::BodyAt(..) => well,
            };
            if !wire.offer(bytes) {
                return;
            }
        }
    }
}
