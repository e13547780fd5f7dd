//! A backend that answers by itself, for tests about many requests.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use socket2::SockRef;

use super::Wire;
use super::message::Head;

/// What a [`Server`] answers a request with; the default is 200 with its name as the body.
pub(crate) type Reply = Arc<dyn Fn(&Head) -> Vec<u8> + Send + Sync>;

/// A running backend.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    reply: Reply,
    state: Arc<State>,
    running: Option<(TcpListener, JoinHandle<()>)>,
}

#[derive(Default)]
struct State {
    requests: AtomicUsize,
    next: AtomicUsize,
    open: Mutex<HashMap<usize, TcpStream>>,
}

impl Server {
    /// Answers every request with 200 and `name`.
    pub(crate) fn named(name: &'static str) -> Self {
        Self::answering(Arc::new(move |_: &Head| {
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()).into_bytes()
        }))
    }

    /// Answers every request with what `reply` makes of its head.
    pub(crate) fn answering(reply: Reply) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut server = Self { address, reply, state: Arc::default(), running: None };
        server.start();
        server
    }

    /// Starts (again) on the same address.
    pub(crate) fn start(&mut self) {
        let listener = TcpListener::bind(self.address).expect("the port is still free");
        self.address = listener.local_addr().expect("a bound socket");
        let accepting = listener.try_clone().expect("a file descriptor");
        let (reply, state) = (Arc::clone(&self.reply), Arc::clone(&self.state));
        let acceptor = thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let (reply, state) = (Arc::clone(&reply), Arc::clone(&state));
                thread::spawn(move || state.serve(stream, &reply));
            }
        });
        self.running = Some((listener, acceptor));
    }

    /// Ends as a killed process does: no more listening, every connection gone.
    pub(crate) fn kill(&mut self) {
        let Some((listener, acceptor)) = self.running.take() else { return };
        let _ = SockRef::from(&listener).shutdown(Shutdown::Both);
        acceptor.join().expect("the acceptor only accepts");
        drop(listener);
        let mut open = self.state.open.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, stream) in open.drain() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Requests read so far.
    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl State {
    fn serve(&self, stream: TcpStream, reply: &Reply) {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        let Ok(clone) = stream.try_clone() else { return };
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id, clone);
        let mut wire = Wire::unhurried(stream, "proxy (as its backend)");
        while let Some(head) = Head::read(&mut wire) {
            // Probes are not traffic.
            if !head.start.contains("/health") {
                self.requests.fetch_add(1, Ordering::SeqCst);
            }
            if let Some(length) = head.content_length() {
                let _ = wire.exactly(length);
            }
            if !wire.offer(reply(&head)) {
                break;
            }
        }
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}
