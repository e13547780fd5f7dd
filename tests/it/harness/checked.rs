//! Backends that answer their own checks, while the test plays their part in everything else.

use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use socket2::SockRef;

use super::message::Head;
use super::{PATIENCE, Upstream, Wire};

/// Some backends that are well until told otherwise, and whose requests arrive in one queue.
pub(crate) struct Checked {
    backends: Vec<Backend>,
    queue: Receiver<Asked>,
}

struct Backend {
    listener: TcpListener,
    acceptor: Option<JoinHandle<()>>,
    well: Arc<AtomicBool>,
}

/// A request that waits for its answer.
pub(crate) struct Asked {
    pub(crate) head: Head,
    pub(crate) upstream: Upstream,
}

impl Checked {
    /// The health block that asks them.
    pub(crate) const HEALTH: &str = "{ application: { interval: 50ms, timeout: 5s, fall: 1, \
         rise: 1, endpoints: [ /health ] } }";

    pub(crate) fn start(n: usize) -> Self {
        let (asked, queue) = mpsc::channel();
        Self { backends: (0..n).map(|index| Backend::start(index, &asked)).collect(), queue }
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let address = |backend: &Backend| backend.listener.local_addr().expect("a bound socket");
        self.backends.iter().map(address).collect()
    }

    /// From now on its checks fail, or pass.
    pub(crate) fn set_well(&self, index: usize, well: bool) {
        self.backends[index].well.store(well, Ordering::SeqCst);
    }

    /// The next request to any of them.
    pub(crate) fn asked(&self) -> Asked {
        self.queue.recv_timeout(PATIENCE).expect("the proxy asks")
    }
}

impl Backend {
    fn start(index: usize, asked: &Sender<Asked>) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(address).expect("a free loopback port");
        let accepting = listener.try_clone().expect("a file descriptor");
        let well = Arc::new(AtomicBool::new(true));
        let (asked, state) = (asked.clone(), Arc::clone(&well));
        let acceptor = thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let (asked, state) = (asked.clone(), Arc::clone(&state));
                thread::spawn(move || serve(index, stream, &state, &asked));
            }
        });
        Self { listener, acceptor: Some(acceptor), well }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("the acceptor only accepts");
        }
    }
}

/// Answers checks; hands the connection over with the first request that is none.
fn serve(index: usize, stream: TcpStream, well: &AtomicBool, asked: &Sender<Asked>) {
    let mut wire = Wire::new(stream, "proxy (as its backend)");
    while let Some(head) = Head::read(&mut wire) {
        if !head.start.contains("/health") {
            let upstream = Upstream::new(wire, index);
            // A test that has ended asks for nothing more.
            let _ = asked.send(Asked { head, upstream });
            return;
        }
        let status = if well.load(Ordering::SeqCst) { "200 OK" } else { "503 Unwell" };
        if !wire.offer(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")) {
            return;
        }
    }
}
