//! Each fault on a real loopback socket, for the failure it is reported as.

mod answers;
mod databases;
mod installed;
mod process;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use tokio::sync::{mpsc, watch};

use super::attempt::attempt;
use super::connect::Target;
use super::fault::Fault;
use super::tls::Tls;
use super::{connect, fault, http, status_line};
use crate::model::{
    Address, BackendKey, Expect, Failure, HttpAsk, HttpRequest, Layer, Observation, Outcome,
    ProbeKind, ProbePlan, ProbeSpec,
};

/// Long enough for any answer that will come.
const PATIENT: Duration = Duration::from_secs(30);
/// For an answer that will not.
const BRIEF: Duration = Duration::from_millis(50);

async fn listener() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Inet(listener.local_addr().unwrap());
    (listener, address)
}

/// `GET` of this path, of which any success passes.
fn ask(path: &str) -> HttpAsk {
    let expect = Expect {
        status: vec![(200, 299)],
        headers: Vec::new(),
        body: None,
        json: Vec::new(),
        body_bytes_max: 64 * 1024,
    };
    let request = HttpRequest::get(path.into());
    HttpAsk { tls: None, http2: false, host: "app.test".into(), request, expect }
}

async fn http(address: &Address, ask: &HttpAsk) -> Result<(), Fault> {
    http::probe(&Tls::new(), &address.clone().into(), ask).await
}

/// What one `GET /health` reports of a backend that does `serve` with the connection once it has
/// read the request.
async fn get<F>(limit: Duration, serve: impl FnOnce(TcpStream) -> F) -> Option<Result<(), Fault>>
where
    F: Future<Output = ()>,
{
    let (listener, address) = listener().await;
    let question = ask("/health");
    let served = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "request was cut off");
        }
        serve(stream).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = attempt(limit, http(&address, &question)) => ended.result,
        () = served => None,
    }
}

/// As [`get`], of a backend that sends `response` and closes.
async fn answered(response: impl AsRef<[u8]>) -> Result<(), Fault> {
    let serve = |mut stream: TcpStream| async move {
        // The prober may have seen enough and be gone.
        let _ = stream.write_all(response.as_ref()).await;
    };
    get(PATIENT, serve).await.expect("an answer")
}

fn failure<T: std::fmt::Debug>(result: Result<T, Fault>) -> Failure {
    match result {
        Err(Fault::Peer(reason)) => reason.failure,
        other => panic!("not a failure of the backend: {other:?}"),
    }
}

/// An address nobody listens at, and the socket that keeps it from being given away.
fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn a_listening_port_passes() {
    let (_listener, address) = listener().await;
    assert_eq!(connect::probe(&address).await, Ok(()));
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let (_kept, address) = nobody();
    assert_eq!(failure(connect::probe(&Address::Inet(address)).await), Failure::Refused);
}

#[tokio::test]
async fn the_backend_does_not_see_probes_that_pass() {
    const PROBES: usize = 20;
    let (listener, address) = listener().await;
    for _ in 0..PROBES {
        assert_eq!(connect::probe(&address).await, Ok(()));
    }
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut seen = 0;
    while listener.accept().await.unwrap().1 != client.local_addr().unwrap() {
        seen += 1;
    }
    // A probe whose thread is held up for the time of a delayed ACK is seen after all.
    assert!(seen < PROBES / 2, "{seen} of {PROBES} probes were seen");
}

#[tokio::test]
async fn a_full_accept_queue_times_out() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    // A backlog of 0 holds one connection, which nobody accepts.
    let _waiting = TcpStream::connect(address).await.unwrap();
    let ended = attempt(BRIEF, connect::probe(&Address::Inet(address))).await;
    assert_eq!(ended.result, None);
}

#[tokio::test]
async fn a_unix_socket_passes_and_its_absence_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    let address = Address::Unix(path.as_path().into());
    assert_eq!(failure(connect::probe(&address).await), Failure::Missing);

    let listener = UnixListener::bind(&path).unwrap();
    assert_eq!(connect::probe(&address).await, Ok(()));

    drop(listener);
    assert_eq!(failure(connect::probe(&address).await), Failure::Refused);
}

#[tokio::test]
async fn an_expected_status_passes() {
    let whole = "HTTP/1.1 204 No Content\r\n\r\n";
    assert_eq!(answered(whole).await, Ok(()));
    let early = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    assert_eq!(answered(early).await, Ok(()));
}

#[tokio::test]
async fn another_status_fails_and_is_shown() {
    for status in [302, 404, 500, 503] {
        let response = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        let expected = Fault::seen(Failure::Status, &status.to_string());
        assert_eq!(answered(response).await, Err(expected));
    }
}

#[tokio::test]
async fn garbage_is_not_the_protocol() {
    for garbage in ["SSH-2.0-OpenSSH_9.2\r\n", "\x00\x01\x02\x03\r\n\r\n", "HTTP/1.1 2x0 ?\r\n\r\n"]
    {
        assert_eq!(failure(answered(garbage).await), Failure::Protocol, "{garbage:?}");
    }
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot a size\r\n";
    assert_eq!(failure(answered(chunks).await), Failure::Protocol);
}

#[tokio::test]
async fn an_answer_cut_off_is_truncated() {
    for part in
        ["", "HTTP/1.1 200 OK\r\ncontent-", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"]
    {
        assert_eq!(failure(answered(part).await), Failure::Truncated, "{part:?}");
    }
}

#[tokio::test]
async fn a_reset_is_named() {
    let reset = |stream: TcpStream| async move {
        stream.set_zero_linger().unwrap();
        drop(stream);
    };
    assert_eq!(failure(get(PATIENT, reset).await.expect("an answer")), Failure::Reset);
}

#[tokio::test]
async fn a_connection_closed_at_once_is_no_answer() {
    let (listener, address) = listener().await;
    let served = async {
        loop {
            drop(listener.accept().await.unwrap());
        }
    };
    let question = ask("/");
    let asked = tokio::select! {
        asked = http(&address, &question) => asked,
        () = served => unreachable!("it accepts for ever"),
    };
    // Which of the two depends on whether the request was there before the close.
    assert!(matches!(failure(asked), Failure::Truncated | Failure::Reset));
}

#[tokio::test]
async fn an_endless_head_is_too_large() {
    let endless = |mut stream: TcpStream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"x-more: and more and more\r\n").await.is_ok() {}
    };
    assert_eq!(failure(get(PATIENT, endless).await.expect("an answer")), Failure::TooLarge);

    let one_line = |mut stream: TcpStream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
    };
    assert_eq!(failure(get(PATIENT, one_line).await.expect("an answer")), Failure::TooLarge);
}

#[tokio::test]
async fn an_endless_body_is_too_large() {
    for head in ["connection: close", "transfer-encoding: chunked"] {
        let endless = |mut stream: TcpStream| async move {
            let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(b"8\r\n12345678\r\n").await.is_ok() {}
        };
        assert_eq!(failure(get(PATIENT, endless).await.expect("an answer")), Failure::TooLarge);
    }
}

#[tokio::test]
async fn silence_is_given_up_wherever_it_begins() {
    for said in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let silent = |mut stream: TcpStream| async move {
            stream.write_all(said.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        };
        assert_eq!(get(BRIEF, silent).await, None, "{said:?}");
    }
}

#[tokio::test]
async fn the_request_says_who_asks_for_what() {
    let (listener, address) = listener().await;
    let question = ask("/health?deep=1");
    let served = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        String::from_utf8(request).unwrap()
    };
    let (asked, request) = tokio::join!(http(&address, &question), served);
    assert_eq!(asked, Ok(()));
    assert!(request.starts_with("GET /health?deep=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("host: app.test\r\n"), "{request}");
    assert!(request.contains("connection: close\r\n"), "{request}");
}

/// What the status-line probe says of a backend that sends `answer` and closes.
async fn status_line(answer: &[u8]) -> Result<(), Fault> {
    let (listener, address) = listener().await;
    let served = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.unwrap();
        }
        assert!(request.starts_with(b"HEAD /live HTTP/1.1\r\nhost: app.test\r\n"));
        // The prober may have seen enough and be gone.
        let _ = stream.write_all(answer).await;
    };
    let (tls, target) = (Tls::new(), address.into());
    tokio::join!(status_line::probe(&tls, &target, None, ("app.test", "/live")), served).0
}

#[tokio::test]
async fn any_status_line_is_life() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 404 Not Found\r\nx: y",
        "HTTP/1.1 500 \r\n",
        "HTTP/1.1 503 Busy\r\nnot a header\r\n\r\n",
    ] {
        assert_eq!(status_line(answer.as_bytes()).await, Ok(()), "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_no_status_line_is_no_life() {
    for (answer, expected) in [
        (&b""[..], Failure::Truncated),
        (b"HTTP/1.1 20", Failure::Truncated),
        (b"HTTP/1.1 200 OK", Failure::Truncated),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Failure::Protocol),
        (b"HTTP/1.1 2x0 OK\r\n", Failure::Protocol),
        (b"\0\x01\x02", Failure::Protocol),
    ] {
        let shown = String::from_utf8_lossy(answer);
        assert_eq!(failure(status_line(answer).await), expected, "{shown:?}");
    }
    let endless = [b"HTTP/1.1 200 ", &[b'a'; 100_000][..]].concat();
    assert_eq!(failure(status_line(&endless).await), Failure::TooLarge);
}

#[tokio::test]
async fn a_backend_is_watched_while_it_comes_and_goes() {
    let (listener, address) = listener().await;
    let spec = |layer, kind| ProbeSpec {
        backend: BackendKey { pool: "site".into(), name: "a".into() },
        address: address.clone(),
        introduced: None,
        layer,
        check: 0,
        kind,
        interval: Duration::from_millis(10),
        timeout: PATIENT,
        jitter: Duration::from_millis(1),
    };
    let http = ProbeKind::Http(ask("/"));
    let probes = vec![spec(Layer::Network, ProbeKind::Connect), spec(Layer::Application, http)];
    let (plan, plans) = watch::channel(Arc::new(ProbePlan { probes }));
    let (out, mut results) = mpsc::channel(16);
    let watching = tokio::spawn(super::run(plans, out));

    let port = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener));
    await_both(&mut results, |outcome| *outcome == Outcome::Pass).await;
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    await_both(
        &mut results,
        |outcome| matches!(outcome, Outcome::Fail(reason) if reason.failure == Failure::Refused),
    )
    .await;
    let again = tokio::spawn(serve(TcpListener::bind(port).await.unwrap()));
    await_both(&mut results, |outcome| *outcome == Outcome::Pass).await;
    drop(plan);
    again.abort();
    watching.await.unwrap();
}

/// Answers every connection with 200.
async fn serve(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

/// Waits until both layers have reported such an outcome.
async fn await_both(results: &mut mpsc::Receiver<Observation>, such: impl Fn(&Outcome) -> bool) {
    let mut wanted = vec![Layer::Network, Layer::Application];
    while !wanted.is_empty() {
        let result = results.recv().await.unwrap();
        wanted.retain(|layer| *layer != result.layer || !such(&result.outcome));
    }
}

#[test]
fn what_this_machine_lacks_is_not_the_backends_fault() {
    for errno in [
        rustix::io::Errno::MFILE,
        rustix::io::Errno::NFILE,
        rustix::io::Errno::NOBUFS,
        rustix::io::Errno::NOMEM,
        rustix::io::Errno::ADDRNOTAVAIL,
    ] {
        assert!(matches!(Fault::from(std::io::Error::from(errno)), Fault::Local(_)), "{errno}");
    }
}

#[test]
fn text_from_outside_is_capped_and_escaped() {
    assert_eq!(&*fault::shown("a\r\n\u{1b}[31mb"), "a\\r\\n\\u{1b}[31mb");
    assert_eq!(fault::shown(&"\0".repeat(1000)).chars().count(), 200);
    assert_eq!(fault::shown(&"é".repeat(1000)).chars().count(), 200);
}
