//! TLS and HTTP/2 over real sockets, to a server in the same process.

use std::future::pending;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request as HyperRequest, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;

use crate::bench::load::{Measured, Plan, Precise, Protocol, Refusal, Request, Server, run};
use crate::bench::measure::{Arrivals, Fault, Schedule, Step};

/// Answers 200 to what came in the version that `http2` says, else 505; and what the path asks for.
async fn answer(
    request: HyperRequest<Incoming>,
    http2: bool,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let expected = if http2 { Version::HTTP_2 } else { Version::HTTP_11 };
    let status = if request.version() == expected { 200 } else { 505 };
    let mut response = Response::new(Full::new(Bytes::from_static(b"hello")));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    match request.uri().path() {
        // Over HTTP/2 an error of the service resets the stream.
        "/reset" => return Err(io::Error::other("as asked")),
        "/close" => {
            drop(response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close")));
        }
        _ => {}
    }
    Ok(response)
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, http2: bool) {
    let service = service_fn(move |request| answer(request, http2));
    let io = TokioIo::new(stream);
    if http2 {
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        drop(server.serve_connection(io, service).await);
    } else {
        let server = hyper::server::conn::http1::Builder::new();
        drop(server.serve_connection(io, service).await);
    }
}

/// A server's session settings, with a certificate nobody signed.
fn acceptor(http2: bool) -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key);
    let mut config = config.unwrap();
    config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    TlsAcceptor::from(Arc::new(config))
}

/// Serves so many connections, and hangs up on all after them.
async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, http2: bool, mut served: usize) {
    while let Ok((stream, _)) = listener.accept().await {
        if served == 0 {
            continue;
        }
        served -= 1;
        let tls = tls.clone();
        tokio::spawn(async move {
            let stream: TcpStream = stream;
            match tls {
                None => serve(stream, http2).await,
                Some(tls) => {
                    // A client that does not like the certificate leaves.
                    if let Ok(session) = tls.accept(stream).await {
                        serve(session, http2).await;
                    }
                }
            }
        });
    }
}

#[derive(Clone, Copy)]
struct Case {
    path: &'static str,
    /// Connections that the server takes.
    served: usize,
    tls: bool,
    http2: bool,
    server_http2: bool,
    insecure: bool,
}

const GOOD: Case = Case {
    path: "/",
    served: usize::MAX,
    tls: true,
    http2: false,
    server_http2: false,
    insecure: true,
};

/// Fifty requests within a twentieth of a second.
fn measure(case: &Case) -> Result<Measured, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = case.tls.then(|| acceptor(case.server_http2));
        tokio::spawn(accept(listener, acceptor, case.server_http2, case.served));
        let scheme = if case.tls { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{port}{}", case.path);
        let step = Step { rate: 1000.0, length: Duration::from_millis(50) };
        let plan = Plan {
            request: Request::new(&url, "GET", &[], Bytes::new()).unwrap(),
            schedule: Schedule::new(vec![step], Arrivals::Constant).unwrap(),
            connections: 2,
            protocol: if case.http2 { Protocol::Http2 { streams: 3 } } else { Protocol::Http1 },
            insecure: case.insecure,
            warm_up: Duration::ZERO,
            timeout: Duration::from_secs(20),
        };
        let server = Server::find(&plan).await?;
        let pace = Precise::new(Precise::WATCHED).unwrap();
        run(&plan, &server, pace, pending(), |_| ()).await
    })
}

#[test]
fn both_protocols_are_spoken_with_and_without_tls() {
    for (tls, http2) in [(false, false), (false, true), (true, false), (true, true)] {
        let case = Case { tls, http2, server_http2: http2, ..GOOD };
        let measured = measure(&case).unwrap();
        let faults: Vec<_> = measured.tally.faults().collect();
        assert_eq!(faults, [], "tls {tls}, http2 {http2}");
        assert_eq!((measured.tally.answers(), measured.reopened), (50, 0));
    }
}

#[test]
fn a_certificate_nobody_signed_is_refused_before_any_load() {
    let case = Case { insecure: false, ..GOOD };
    let refusal = measure(&case).unwrap_err().to_string();
    // Where the system has no roots at all, that is what is told.
    let told = ["no TLS session", "no root certificates"].iter().any(|it| refusal.contains(it));
    assert!(told, "{refusal}");
}

#[test]
fn a_server_without_http2_is_named_before_any_load() {
    let case = Case { http2: true, ..GOOD };
    let refusal = measure(&case).unwrap_err();
    assert!(matches!(refusal, Refusal::Tls { .. } | Refusal::NoHttp2 { .. }), "{refusal}");
}

#[test]
fn a_stream_that_is_reset_is_told_apart_and_leaves_the_connection() {
    let case = Case { path: "/reset", tls: false, http2: true, server_http2: true, ..GOOD };
    let measured = measure(&case).unwrap();
    let faults: Vec<_> = measured.tally.faults().collect();
    assert_eq!((faults, measured.reopened), (vec![(Fault::StreamReset, 50)], 0));
}

#[test]
fn a_connection_without_a_session_is_told_apart() {
    // One connection to find the server and two to begin with; each of these answers once.
    let measured = measure(&Case { path: "/close", served: 3, ..GOOD }).unwrap();
    let faults: Vec<_> = measured.tally.faults().collect();
    assert_eq!((faults, measured.tally.answers()), (vec![(Fault::Tls, 48)], 2));
}
