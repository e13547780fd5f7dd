//! L2 and TLS: servers that speak other protocols than HTTP in clear, well and badly.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::model::{AgentReport, AgentState, GrpcAsk, ProxyVersion, TlsAsk, TrustedRoots};
use crate::probe::{agent, banner, grpc};

/// The first of what `probe` says of a backend that does `serve` with its one connection.
async fn against<T, F: Future<Output = ()>>(
    serve: impl FnOnce(TcpStream) -> F,
    probe: impl AsyncFnOnce(Target) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let (listener, address) = listener().await;
    let served = async {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = probe(address.into()) => result,
        () = served => unreachable!("it waits for ever"),
    }
}

/// Says this at once and closes.
async fn says(bytes: &[u8], mut stream: TcpStream) {
    // The prober may have seen enough and be gone.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    // Closed with bytes unread, a connection would end by reset.
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

async fn endless(mut stream: TcpStream) {
    while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
}

#[tokio::test]
async fn a_backend_behind_the_proxy_protocol_is_sent_its_header_first() {
    for (version, header) in [
        (ProxyVersion::V1, &b"PROXY UNKNOWN\r\n"[..]),
        (ProxyVersion::V2, b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0"),
    ] {
        let greet = async move |mut stream: TcpStream| {
            let mut read = vec![0; header.len()];
            stream.read_exact(&mut read).await.unwrap();
            assert_eq!(read, header);
            says(b"220 ready\r\n", stream).await;
        };
        let ask = async |at: Target| {
            let target = Target { introduced: Some(version), ..at };
            banner::probe(&target, "220 ").await
        };
        assert_eq!(against(greet, ask).await, Ok(()));
    }
}

#[tokio::test]
async fn a_banner_is_life_if_it_begins_as_expected() {
    let greeted = async |said: &'static [u8], prefix: &str| {
        against(|stream| says(said, stream), async |at| banner::probe(&at, prefix).await).await
    };
    assert_eq!(greeted(b"220 mail.test ESMTP\r\n", "220 ").await, Ok(()));
    assert_eq!(greeted(b"\x4a", "").await, Ok(()), "any byte");
    assert_eq!(failure(greeted(b"554 no\r\n", "220 ").await), Failure::Content);
    assert_eq!(failure(greeted(b"22", "220 ").await), Failure::Truncated);
    assert_eq!(failure(greeted(b"", "").await), Failure::Truncated);
}

#[tokio::test]
async fn an_endless_banner_is_read_no_further_than_needed() {
    let asked =
        async |prefix: &str| against(endless, async |at| banner::probe(&at, prefix).await).await;
    assert_eq!(asked("xxx").await, Ok(()));
    assert_eq!(failure(asked("SSH-").await), Failure::Content);
}

#[tokio::test]
async fn an_agent_says_how_it_is() {
    let asked = async |line: &'static [u8]| {
        against(
            |stream| says(line, stream),
            async |at| {
                let Address::Inet(inet) = at.address else { unreachable!("it listens on TCP") };
                agent::probe(&Address::Inet(([127, 0, 0, 1], 1).into()), inet.port(), "how?").await
            },
        )
        .await
    };
    let report = |state, weight, reason: &str| AgentReport { state, weight, reason: reason.into() };
    assert_eq!(asked(b"up 75%\n").await, Ok(report(AgentState::Up, Some(0.75), "")));
    assert_eq!(asked(b"drain").await, Ok(report(AgentState::Drain, None, "")));
    let down = report(AgentState::Down, None, "disk\\u{7} full");
    assert_eq!(asked(b"down disk\x07 full\r\nmore\n").await, Ok(down));
    assert_eq!(failure(asked(b"").await), Failure::Truncated);
    assert_eq!(failure(asked(b"\n").await), Failure::Truncated);
    assert_eq!(failure(asked(b"\xff\xfe\0\n").await), Failure::Protocol);
}

#[tokio::test]
async fn an_endless_agent_is_too_large() {
    let asked = against(endless, async |at| {
        let Address::Inet(inet) = at.address else { unreachable!("it listens on TCP") };
        agent::probe(&Address::Inet(inet), inet.port(), "").await
    });
    assert_eq!(failure(asked.await.map(|_| ())), Failure::TooLarge);
}

/// A server's TLS for `app.test`, and whom to trust for it.
fn certified() -> (TlsAcceptor, TrustedRoots) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["app.test".to_owned()]).unwrap();
    let roots = TrustedRoots::new(vec![cert.der().to_vec()]);
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), roots)
}

#[tokio::test]
async fn any_tls_record_is_life() {
    let hello = async |serve: &'static [u8]| {
        against(|stream| says(serve, stream), async |at| Tls::new().hello(&at, "app.test").await)
            .await
    };
    let (acceptor, _) = certified();
    let real = against(
        async |stream| drop(acceptor.accept(stream).await),
        async |at| Tls::new().hello(&at, "app.test").await,
    );
    assert_eq!(real.await, Ok(()));
    assert_eq!(hello(&[21, 3, 3, 0, 2, 2, 112]).await, Ok(()), "an alert is an answer");
    for garbage in
        [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"\x16\x05\x01\0\x05", b"\x16\x03\x01\xff\xff"]
    {
        assert_eq!(failure(hello(garbage).await), Failure::Protocol);
    }
    assert_eq!(failure(hello(b"\x16\x03").await), Failure::Truncated);
}

/// What `GET /` over TLS says of a server with a certificate for `app.test`.
async fn https(
    name: &str,
    trust: impl FnOnce(TrustedRoots) -> Option<TrustedRoots>,
) -> Result<(), Fault> {
    let (acceptor, roots) = certified();
    let tls = TlsAsk { server_name: name.into(), roots: trust(roots), identity: None };
    let question = HttpAsk { tls: Some(tls), ..ask("/") };
    against(
        async |stream| {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut request).await.unwrap();
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
            let _ = stream.shutdown().await;
        },
        async |at| http::probe(&Tls::new(), &at, &question).await,
    )
    .await
}

#[tokio::test]
async fn a_certificate_is_verified_unless_anyones_will_do() {
    assert_eq!(https("app.test", Some).await, Ok(()));
    assert_eq!(failure(https("other.test", Some).await), Failure::Certificate);
    let stranger = |_| Some(certified().1);
    assert_eq!(failure(https("app.test", stranger).await), Failure::Certificate);
    assert_eq!(https("other.test", |_| None).await, Ok(()));
}

/// What the gRPC probe says of a server that answers `status` with these frames.
async fn health(
    tls: bool,
    answer: impl Fn(Bytes) -> (Vec<u8>, HeaderMap) + Copy + Send + 'static,
) -> Result<(), Fault> {
    let (acceptor, roots) = certified();
    let by_tls = TlsAsk { server_name: "app.test".into(), roots: Some(roots), identity: None };
    let ask = GrpcAsk {
        host: "app.test".into(),
        service: "shop.Cart".into(),
        tls: tls.then_some(by_tls),
    };
    let service = service_fn(move |request: Request<Incoming>| async move {
        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
        assert_eq!(request.uri().authority().unwrap().as_str(), "app.test");
        let question = request.into_body().collect().await.unwrap().to_bytes();
        let (data, trailers) = answer(question);
        let body = Full::new(Bytes::from(data)).with_trailers(async { Some(Ok(trailers)) });
        Ok::<_, Infallible>(Response::new(body))
    });
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    against(
        async |stream| {
            if tls {
                let stream = acceptor.accept(stream).await.unwrap();
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            } else {
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            }
        },
        async |at| grpc::probe(&Tls::new(), &at, &ask).await,
    )
    .await
}

/// A frame of a `HealthCheckResponse` with this status, and trailers that say the call succeeded.
fn serving(status: u8) -> (Vec<u8>, HeaderMap) {
    (vec![0, 0, 0, 0, 2, 8, status], trailers("0"))
}

fn trailers(status: &str) -> HeaderMap {
    [("grpc-status".parse().unwrap(), status.parse().unwrap())].into_iter().collect()
}

#[tokio::test]
async fn a_grpc_service_is_asked_for_by_name() {
    let expected = b"\0\0\0\0\x0b\x0a\x09shop.Cart";
    for tls in [false, true] {
        let result = health(tls, |question| {
            assert_eq!(question, &expected[..]);
            serving(1)
        });
        assert_eq!(result.await, Ok(()));
    }
}

#[tokio::test]
async fn a_grpc_service_that_does_not_serve_is_rejected() {
    let not_serving = health(false, |_| serving(2)).await;
    assert_eq!(not_serving, Err(Fault::seen(Failure::Rejected, "NOT_SERVING")));
    let absent = health(false, |_| (Vec::new(), trailers("12"))).await;
    assert_eq!(
        absent,
        Err(Fault::seen(Failure::Rejected, "grpc-status 12 (no health service here)"))
    );
}

#[tokio::test]
async fn what_is_no_grpc_answer_is_told() {
    let empty = health(false, |_| (vec![0, 0, 0, 0, 0], trailers("0"))).await;
    assert_eq!(empty, Err(Fault::seen(Failure::Rejected, "UNKNOWN")));
    let garbage = health(false, |_| (b"garbage".to_vec(), trailers("0"))).await;
    assert_eq!(failure(garbage), Failure::Protocol);
    let long = health(false, |_| (vec![0; 100_000], trailers("0"))).await;
    assert_eq!(failure(long), Failure::TooLarge);
    let no_status = health(false, |_| (serving(1).0, HeaderMap::new())).await;
    assert_eq!(failure(no_status), Failure::Protocol);

    let grpc = GrpcAsk { host: "a".into(), service: "".into(), tls: None };
    let http1 = against(
        |stream| says(b"HTTP/1.1 400 Bad Request\r\n\r\n", stream),
        async |at| grpc::probe(&Tls::new(), &at, &grpc).await,
    );
    assert!(matches!(failure(http1.await), Failure::Protocol | Failure::Truncated));
}
