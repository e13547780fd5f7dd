//! Backends played by the test itself: it accepts, reads and writes each byte.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::{Deref, DerefMut};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use socket2::SockRef;

use super::message::{Head, read_chunked};
use super::{PATIENCE, Wire};

/// Some backends whose connections arrive in one queue.
pub(crate) struct Backends {
    open: Vec<Option<Open>>,
    addresses: Vec<SocketAddr>,
    queue: Receiver<Arrival>,
    arrivals: Sender<Arrival>,
    waiting: RefCell<VecDeque<Arrival>>,
    counts: RefCell<Vec<usize>>,
}

struct Open {
    listener: TcpListener,
    acceptor: JoinHandle<()>,
}

struct Arrival {
    backend: usize,
    stream: TcpStream,
    peer: SocketAddr,
}

impl Backends {
    /// This many backends, each listening on a port of its own.
    pub(crate) fn start(n: usize) -> Self {
        let (arrivals, queue) = mpsc::channel();
        let mut backends = Self {
            open: (0..n).map(|_| None).collect(),
            addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); n],
            queue,
            arrivals,
            waiting: RefCell::default(),
            counts: RefCell::new(vec![0; n]),
        };
        for index in 0..n {
            backends.listen(index);
        }
        backends
    }

    /// Listens (again) on the backend's address.
    pub(crate) fn listen(&mut self, index: usize) {
        let listener = TcpListener::bind(self.addresses[index]).expect("a free loopback port");
        self.addresses[index] = listener.local_addr().expect("a bound socket");
        let accepting = listener.try_clone().expect("a file descriptor");
        let arrivals = self.arrivals.clone();
        let acceptor = thread::spawn(move || {
            while let Ok((stream, peer)) = accepting.accept() {
                if arrivals.send(Arrival { backend: index, stream, peer }).is_err() {
                    break;
                }
            }
        });
        self.open[index] = Some(Open { listener, acceptor });
    }

    /// Stops listening: connecting is refused from now on.
    pub(crate) fn refuse(&mut self, index: usize) {
        let Some(open) = self.open[index].take() else { return };
        let _ = SockRef::from(&open.listener).shutdown(Shutdown::Both);
        open.acceptor.join().expect("the acceptor only accepts");
    }

    pub(crate) fn address(&self, index: usize) -> SocketAddr {
        self.addresses[index]
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The next connection to any of them.
    pub(crate) fn accept(&self) -> Upstream {
        let waiting = self.waiting.borrow_mut().pop_front();
        let arrival = waiting.unwrap_or_else(|| self.arrive());
        Upstream::new(Wire::new(arrival.stream, "proxy (as its backend)"), arrival.backend)
    }

    fn arrive(&self) -> Arrival {
        let arrival = self.queue.recv_timeout(PATIENCE).expect("the proxy connects");
        self.counts.borrow_mut()[arrival.backend] += 1;
        arrival
    }

    /// How many connections this backend has had by now.
    ///
    /// A marker connection is queued behind all that came before, so none is overlooked.
    pub(crate) fn connections(&self, index: usize) -> usize {
        let marker = TcpStream::connect(self.addresses[index]).expect("the backend listens");
        let marker = marker.local_addr().expect("a connected socket");
        loop {
            let arrival = self.arrive();
            if arrival.peer == marker {
                self.counts.borrow_mut()[index] -= 1;
                return self.counts.borrow()[index];
            }
            self.waiting.borrow_mut().push_back(arrival);
        }
    }

    /// No connection was ever made to any of them.
    pub(crate) fn assert_untouched(&self) {
        for index in 0..self.addresses.len() {
            assert_eq!(self.connections(index), 0, "backend {index} must not be reached");
        }
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        for index in 0..self.open.len() {
            self.refuse(index);
        }
    }
}

/// A connection from the proxy.
#[derive(Debug)]
pub(crate) struct Upstream {
    wire: Wire,
    /// Which backend it came to.
    pub(crate) backend: usize,
}

impl Upstream {
    pub(crate) fn new(wire: Wire, backend: usize) -> Self {
        Self { wire, backend }
    }

    /// Its bytes alone.
    pub(crate) fn into_wire(self) -> Wire {
        self.wire
    }

    /// The next request's head.
    pub(crate) fn head(&mut self) -> Head {
        let head = Head::read(&mut self.wire);
        head.unwrap_or_else(|| panic!("closed without a request: {:?}", self.wire.rest()))
    }

    /// The next request with its whole body.
    pub(crate) fn request(&mut self) -> (Head, Vec<u8>) {
        let head = self.head();
        let body = self.body(&head);
        (head, body)
    }

    /// The body that goes with `head`.
    pub(crate) fn body(&mut self, head: &Head) -> Vec<u8> {
        if head.is_chunked() {
            assert!(!head.has("content-length"), "both framings: {head:?}");
            return read_chunked(&mut self.wire).0;
        }
        let length = head.content_length().unwrap_or(0);
        self.wire.exactly(length)
    }

    /// Answers with 200 and this body.
    pub(crate) fn ok(&mut self, body: &str) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.wire.send(head);
    }

    /// Reads a request and answers it with 200 and this body.
    pub(crate) fn serve(&mut self, body: &str) -> Head {
        let (head, _) = self.request();
        self.ok(body);
        head
    }

    /// Ends the connection with RST.
    pub(crate) fn reset(self) {
        self.wire.reset();
    }
}

impl Deref for Upstream {
    type Target = Wire;
    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for Upstream {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
}
