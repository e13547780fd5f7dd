//! A backend that answers in clear and by TLS on one port, with a certificate that can go wrong.

use std::io::Write as _;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use super::message::Head;
use super::{PATIENCE, Wire};

/// The name its certificates are for.
pub(crate) const NAME: &str = "app.test";
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 22;

/// A running backend.
pub(crate) struct Secure {
    pub(crate) address: SocketAddr,
    /// The certificate it began with, as a file.
    pub(crate) pem: String,
    listener: TcpListener,
    acceptor: Option<JoinHandle<()>>,
    config: Arc<Mutex<Arc<ServerConfig>>>,
}

impl Secure {
    pub(crate) fn named(name: &'static str) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(address).expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket");
        let (config, pem) = certified();
        let config = Arc::new(Mutex::new(config));
        let (accepting, shared) =
            (listener.try_clone().expect("a file descriptor"), Arc::clone(&config));
        let acceptor = thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let config = Arc::clone(&shared.lock().unwrap_or_else(PoisonError::into_inner));
                thread::spawn(move || serve(stream, config, name));
            }
        });
        Self { address, pem, listener, acceptor: Some(acceptor), config }
    }

    /// From now on its certificate is one that nobody vouches for.
    pub(crate) fn lose_trust(&self) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = certified().0;
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("the acceptor only accepts");
        }
    }
}

/// A certificate of its own making, and what serves it.
fn certified() -> (Arc<ServerConfig>, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a matching key");
    (Arc::new(config), cert.pem())
}

/// Answers requests with the name: in clear one after the other, by TLS one.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, name: &str) {
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
    let mut first = [0];
    if matches!(stream.peek(&mut first), Ok(1)) && first[0] == HANDSHAKE {
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let Ok(connection) = ServerConnection::new(config) else { return };
        // Whoever asks does so in one record, and need not be understood to be answered.
        let mut stream = StreamOwned::new(connection, stream);
        if stream.conn.complete_io(&mut stream.sock).is_ok() {
            let _ = stream.write_all(answer.as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
            let _ = stream.sock.shutdown(Shutdown::Write);
        }
        return;
    }
    let mut wire = Wire::unhurried(stream, "proxy (as its backend)");
    while Head::read(&mut wire).is_some() && wire.offer(&answer) {}
}
