//! The handshake: from a connection's first byte to its first encrypted one.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};

use rustls::{AlertDescription, Error};

use super::session::Broken;
use super::{Context, Scratch, Server, Session};
use crate::model::TlsFailure;
use crate::net::client_hello::{self, Hello};
use crate::net::socket::Socket;

/// What a client that speaks HTTP in clear is told.
const IN_CLEAR: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain\r\n\
    connection: close\r\n\
    content-length: 54\r\n\
    \r\n\
    This port speaks HTTPS, and the request came in clear\n";

/// Does TLS with a client that has connected.
///
/// # Errors
/// Why there is no agreement. The client has been told, as far as it listens.
pub(in crate::net) async fn accept(
    socket: &Socket,
    context: &Context,
    scratch: &Rc<Scratch>,
) -> Result<Session, TlsFailure> {
    let mut session = begin(context, None, scratch)?;
    let mut greeted = false;
    poll_fn(|cx| {
        while session.is_handshaking() {
            ready!(session.poll_flush(cx, socket)).map_err(|_| TlsFailure::Gone)?;
            let received = ready!(session.poll_receive(cx, socket)).map_err(|error| why(&error))?;
            if !greeted {
                let (hello, first) = {
                    let seen = &scratch.incoming()[..received];
                    (client_hello::read(seen), seen[0])
                };
                match hello {
                    Hello::Whole(hello) => {
                        let asked = hello.server_name;
                        // What its client has to prove follows from the name it asks for.
                        if !context.asks_alike(asked.as_deref(), None) {
                            session = begin(context, asked.as_deref(), scratch)?;
                        }
                        session.agreement.server_name = asked;
                    }
                    Hello::Partial => {
                        session.hold(received);
                        continue;
                    }
                    Hello::Not if first.is_ascii_uppercase() => {
                        socket.send_now(IN_CLEAR);
                        return Poll::Ready(Err(TlsFailure::InClear));
                    }
                    // Rustls tells the client what is wrong with it.
                    Hello::Not => {}
                }
                greeted = true;
            }
            session.open(received, socket, &mut |_| 0).map_err(|error| why(&error))?;
        }
        Poll::Ready(Ok(()))
    })
    .await?;
    session.know_client();
    Ok(session)
}

fn begin(
    context: &Context,
    asked: Option<&str>,
    scratch: &Rc<Scratch>,
) -> Result<Session, TlsFailure> {
    let config = context.config(asked).ok_or(TlsFailure::UnknownName)?;
    let session = Session::with_client(Arc::clone(config), Rc::clone(scratch));
    session.map_err(|_| TlsFailure::Protocol)
}

/// Does TLS with a server that was connected to.
///
/// # Errors
/// Why there is no agreement: the connection broke, or, of kind `InvalidData`, one side does not
/// believe the other.
pub(in crate::net) async fn connect(
    socket: &Socket,
    server: &Server,
    scratch: &Rc<Scratch>,
) -> io::Result<Session> {
    let (config, name) = (server.context().config(), server.name().clone());
    let session = Session::with_server(config, name, Rc::clone(scratch));
    let mut session = session.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    session.open(0, socket, &mut |_| 0)?;
    poll_fn(|cx| {
        while session.is_handshaking() {
            ready!(session.poll_flush(cx, socket))?;
            let received = ready!(session.poll_receive(cx, socket))?;
            session.open(received, socket, &mut |_| 0)?;
        }
        Poll::Ready(Ok::<_, io::Error>(()))
    })
    .await?;
    Ok(session)
}

fn why(broken: &Broken) -> TlsFailure {
    match broken {
        Broken::Io(_) => TlsFailure::Gone,
        Broken::Tls(Error::PeerIncompatible(_)) => TlsFailure::NoAgreement,
        Broken::Tls(Error::NoCertificatesPresented) => TlsFailure::NoCertificate,
        Broken::Tls(Error::InvalidCertificate(_)) => TlsFailure::BadCertificate,
        Broken::Tls(Error::AlertReceived(AlertDescription::CloseNotify)) => TlsFailure::Gone,
        Broken::Tls(Error::AlertReceived(_)) => TlsFailure::Refused,
        // What rustls says when nobody's certificate is chosen.
        Broken::Tls(Error::General(_)) => TlsFailure::UnknownName,
        Broken::Tls(_) => TlsFailure::Protocol,
    }
}
