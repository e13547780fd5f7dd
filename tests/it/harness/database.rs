//! A database server that refuses on demand: as much of PostgreSQL as a query needs.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use socket2::SockRef;

/// A running server that lets everybody in.
pub(crate) struct Database {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    acceptor: Option<JoinHandle<()>>,
    refuses: Arc<AtomicBool>,
}

impl Database {
    pub(crate) fn start() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(address).expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket");
        let refuses = Arc::new(AtomicBool::new(false));
        let accepting = listener.try_clone().expect("a file descriptor");
        let shared = Arc::clone(&refuses);
        let acceptor = thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let refuses = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &refuses));
            }
        });
        Self { address, listener, acceptor: Some(acceptor), refuses }
    }

    /// From now on it refuses every query, or none.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("the acceptor only accepts");
        }
    }
}

/// Serves one connection until its client leaves (`None`).
fn serve(mut stream: TcpStream, refuses: &AtomicBool) -> Option<()> {
    // The start-up message has no kind, only a length.
    body(&mut stream)?;
    let ready = message(b'Z', b"I");
    stream.write_all(&[message(b'R', &[0; 4]), ready.clone()].concat()).ok()?;
    loop {
        let mut kind = [0];
        stream.read_exact(&mut kind).ok()?;
        body(&mut stream)?;
        if kind == *b"Q" {
            let answer = if refuses.load(Ordering::SeqCst) {
                message(b'E', b"SERROR\0VERROR\0C53300\0Mno more connections\0\0")
            } else {
                message(b'C', b"SELECT 1\0")
            };
            stream.write_all(&[answer, ready.clone()].concat()).ok()?;
        }
    }
}

/// A message's body: its length, itself included, comes first.
fn body(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; (u32::from_be_bytes(length) as usize).checked_sub(4)?];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    [&[kind], &length[..], body].concat()
}
