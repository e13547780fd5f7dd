//! Real handshakes with another implementation's half over a socket pair, whole and in pieces.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;

use rcgen::{CertifiedKey as Signed, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::server::ProducesTickets;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Context, Scratch};
use crate::config::{
    CIPHER_SUITES, Certificate, CertificateFiles, GROUPS, IdentityHeaders, Shown, Source,
    TlsTermination, TlsVersion,
};
use crate::model::TlsFailure;
use crate::net::trust::Anyone;
use crate::net::{Buffer, Stream, WriteHalf};

/// A certificate nobody vouches for.
fn certificate(names: &[&str]) -> Certificate {
    let Signed { cert, signing_key } = generate_simple_self_signed(
        names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(),
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("cert.pem"), cert.pem()).unwrap();
    std::fs::write(path("cert.key"), signing_key.serialize_pem()).unwrap();
    let files = CertificateFiles { cert: path("cert.pem"), key: path("cert.key"), ocsp: None };
    Certificate::load(&files).unwrap()
}

fn shown(names: &[&str]) -> Shown {
    Shown { source: Source::Pair(certificate(names)), client_auth: None }
}

fn asked_for(stream: &Stream) -> Option<Box<str>> {
    stream.with_agreement(|agreement| agreement?.server_name.clone())
}

fn terms() -> TlsTermination {
    TlsTermination {
        shown: vec![shown(&["a.test"]), shown(&["*.wild.test", "wild.test"]), shown(&["b.test"])],
        min_version: TlsVersion::V1_2,
        refuse_unknown_names: false,
        cipher_suites: Vec::new(),
        groups: Vec::new(),
        identity_headers: IdentityHeaders::default(),
        hsts: None,
    }
}

fn tickets() -> Option<Arc<dyn ProducesTickets>> {
    Some(aws_lc_rs::Ticketer::new().unwrap())
}

/// A client that believes anybody and speaks these versions.
fn client(versions: &[&'static SupportedProtocolVersion]) -> TlsConnector {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone::new(&provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config).into()
}

const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

fn pair() -> (Stream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (Stream::new(ours.into_std().unwrap().into()), theirs)
}

fn named(name: &str) -> ServerName<'static> {
    ServerName::try_from(name.to_owned()).unwrap()
}

/// Both ends after a handshake, or why there was none.
async fn agreed(
    context: &Context,
    connector: &TlsConnector,
    name: &str,
) -> Result<(Stream, TlsStream<UnixStream>), TlsFailure> {
    let (mut ours, theirs) = pair();
    let scratch = Rc::<Scratch>::default();
    let (accepted, connected) =
        tokio::join!(ours.accept_tls(context, &scratch), connector.connect(named(name), theirs));
    accepted.map(|()| (ours, connected.unwrap()))
}

async fn write_all(half: &mut WriteHalf<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = poll_fn(|cx| half.poll_write(cx, bytes)).await?;
        bytes = &bytes[n..];
    }
    Ok(())
}

/// Reads until the end, through a buffer of this size.
async fn read_all(stream: &mut Stream, room: usize) -> Vec<u8> {
    let (mut read, mut all) = (Buffer::new(room), Vec::new());
    let (mut half, _) = stream.split();
    while poll_fn(|cx| half.poll_read(cx, &mut read)).await.unwrap() > 0 {
        all.extend_from_slice(read.filled());
        read.clear();
    }
    all
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn bytes_arrive_as_they_were_sent_whatever_their_number() {
    let context = Context::new(&terms(), false, tickets().as_ref());
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        for length in [1, 100, 16 * 1024, 16 * 1024 + 1, 3_000_000] {
            let sent = bytes(length);
            let (mut ours, mut theirs) =
                agreed(&context, &client(versions), "a.test").await.unwrap();
            // Towards the client, which reads slowly while the socket's room is small.
            let mut received = Vec::new();
            let (_, mut writer) = ours.split();
            let (written, read) = tokio::join!(write_all(&mut writer, &sent), async {
                while received.len() < length {
                    theirs.read_buf(&mut received).await?;
                }
                io::Result::Ok(())
            });
            written.and(read).unwrap();
            assert!(received == sent, "{length} bytes to the client");
            // And back, with a room that cuts records apart.
            let (read, written) = tokio::join!(read_all(&mut ours, 1000), async {
                theirs.write_all(&sent).await?;
                theirs.shutdown().await
            });
            written.unwrap();
            assert!(read == sent, "{length} bytes from the client");
        }
    }
}

#[tokio::test]
async fn a_head_and_its_body_go_in_one_record() {
    let context = Context::new(&terms(), false, tickets().as_ref());
    let (mut ours, mut theirs) = agreed(&context, &client(BOTH), "a.test").await.unwrap();
    let (_, mut writer) = ours.split();
    let slices = [IoSlice::new(b"head, "), IoSlice::new(b"body")];
    assert_eq!(poll_fn(|cx| writer.poll_write_vectored(cx, &slices)).await.unwrap(), 10);
    let mut read = [0; 64];
    let n = theirs.read(&mut read).await.unwrap();
    assert_eq!(&read[..n], b"head, body");
}

#[tokio::test]
async fn each_name_is_shown_its_certificate() {
    let terms = terms();
    let context = Context::new(&terms, false, tickets().as_ref());
    for (name, expected) in [
        ("a.test", 0),
        ("A.Test", 0),
        ("wild.test", 1),
        ("x.wild.test", 1),
        ("b.test", 2),
        ("x.y.wild.test", 0),
        ("unknown.test", 0),
    ] {
        let (ours, theirs) = agreed(&context, &client(BOTH), name).await.unwrap();
        let shown = &theirs.get_ref().1.peer_certificates().unwrap()[0];
        assert_eq!(shown, &terms.certificates().nth(expected).unwrap().keyed.cert[0], "{name}");
        assert_eq!(theirs.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let asked = name.to_lowercase();
        assert_eq!(asked_for(&ours), Some(asked.into()));
    }
    assert!(
        context.vouches(Some("a.test"), "a.test")
            && context.vouches(Some("x.wild.test"), "wild.test")
    );
    assert!(!context.vouches(Some("a.test"), "b.test"));
}

#[tokio::test]
async fn what_a_client_cannot_agree_on_has_a_reason() {
    let mut strict = terms();
    strict.refuse_unknown_names = true;
    strict.min_version = TlsVersion::V1_3;
    let context = Context::new(&strict, false, tickets().as_ref());
    let failure = async |name: &str, versions| {
        let (mut ours, theirs) = pair();
        let connector = client(versions);
        let scratch = Rc::<Scratch>::default();
        let (accepted, connected) = tokio::join!(
            ours.accept_tls(&context, &scratch),
            connector.connect(named(name), theirs)
        );
        // The client was told: it did not just find the connection closed.
        let error = connected.err().map(|error| error.to_string());
        assert!(
            accepted.is_ok() || error.as_ref().is_some_and(|it| it.contains("alert")),
            "{error:?}"
        );
        accepted.err()
    };
    assert_eq!(failure("a.test", BOTH).await, None);
    assert_eq!(failure("unknown.test", BOTH).await, Some(TlsFailure::UnknownName));
    assert_eq!(failure("a.test", &[&TLS12]).await, Some(TlsFailure::NoAgreement));
}

/// What becomes of a client that sends `said` and then ends, and what it is sent.
async fn says(said: &[u8]) -> (TlsFailure, Vec<u8>) {
    let context = Context::new(&terms(), false, tickets().as_ref());
    let (mut ours, mut theirs) = pair();
    theirs.write_all(said).await.unwrap();
    theirs.shutdown().await.unwrap();
    let failure = ours.accept_tls(&context, &Rc::default()).await.unwrap_err();
    drop(ours);
    let mut answer = Vec::new();
    theirs.read_to_end(&mut answer).await.unwrap();
    (failure, answer)
}

#[tokio::test]
async fn a_request_in_clear_is_answered_in_clear() {
    let (failure, answer) = says(b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n").await;
    assert_eq!(failure, TlsFailure::InClear);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
}

#[tokio::test]
async fn what_is_no_hello_is_told_apart() {
    assert_eq!(says(b"").await.0, TlsFailure::Gone);
    assert_eq!(says(b"\x16\x03\x01\x02\x00\x01").await.0, TlsFailure::Gone);
    assert_eq!(says(b"\x16\x03\x01\x00\x04\x02\x00\x00\x00").await.0, TlsFailure::Protocol);
    let (failure, answer) = says(&[0x80; 64]).await;
    assert_eq!(failure, TlsFailure::Protocol);
    assert_eq!(answer.first(), Some(&21), "an alert: {answer:?}");
}

/// Hands bytes on one at a time, both ways, for ever.
async fn crumble(mut from: DuplexStream, mut to: UnixStream) -> Infallible {
    let (mut from_read, mut from_write) = tokio::io::split(&mut from);
    let (mut to_read, mut to_write) = to.split();
    let up = async {
        while let Ok(byte) = from_read.read_u8().await {
            to_write.write_u8(byte).await.unwrap();
            tokio::task::yield_now().await;
        }
        to_write.shutdown().await.unwrap();
    };
    tokio::join!(up, async {
        let _ = tokio::io::copy(&mut to_read, &mut from_write).await;
    });
    std::future::pending().await
}

#[tokio::test]
async fn a_client_may_send_a_byte_at_a_time() {
    let context = Context::new(&terms(), false, tickets().as_ref());
    let (mut ours, theirs) = pair();
    let (near, far) = duplex(1);
    let scratch = Rc::<Scratch>::default();
    let serve = async {
        ours.accept_tls(&context, &scratch).await.unwrap();
        assert_eq!(asked_for(&ours), Some("b.test".into()));
        read_all(&mut ours, 1000).await
    };
    let ask = async {
        let mut stream = client(BOTH).connect(named("b.test"), near).await.unwrap();
        stream.write_all(b"a request").await.unwrap();
        stream.shutdown().await.unwrap();
    };
    tokio::select! {
        (read, ()) = async { tokio::join!(serve, ask) } => assert_eq!(read, b"a request"),
        never = crumble(far, theirs) => match never {},
    }
}

#[tokio::test]
async fn a_client_can_tell_the_end_from_a_break() {
    let context = Context::new(&terms(), false, tickets().as_ref());
    let end = async |goodbye: bool| {
        let (ours, mut theirs) = agreed(&context, &client(BOTH), "a.test").await.unwrap();
        if goodbye {
            ours.say_goodbye();
        }
        drop(ours);
        theirs.read_to_end(&mut Vec::new()).await.map_err(|error| error.kind())
    };
    assert_eq!(end(true).await, Ok(0));
    assert_eq!(end(false).await, Err(io::ErrorKind::UnexpectedEof));
}

#[tokio::test]
async fn a_session_is_resumed_where_the_tickets_are_the_same() {
    let tickets = tickets();
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        let connector = client(versions);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            // Each on another worker, after another reload.
            let context = Context::new(&terms(), false, tickets.as_ref());
            let (mut ours, mut theirs) = agreed(&context, &connector, "a.test").await.unwrap();
            // TLS 1.3 sends tickets after the handshake: with the first bytes they are read.
            let (_, mut writer) = ours.split();
            write_all(&mut writer, b"x").await.unwrap();
            theirs.read_u8().await.unwrap();
            kinds.push(theirs.get_ref().1.handshake_kind().unwrap());
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
    }
}

#[test]
fn any_suite_and_any_group_can_be_the_only_one() {
    let alone = |suites: &[&'static str], groups: &[&'static str]| {
        let (cipher_suites, groups) = (suites.to_vec(), groups.to_vec());
        let terms = TlsTermination { cipher_suites, groups, ..terms() };
        let provider =
            Arc::clone(Context::new(&terms, true, None).config(None).unwrap().crypto_provider());
        (provider.cipher_suites.len(), provider.kx_groups.len())
    };
    let all = alone(&[], &[]);
    assert!(all.0 >= CIPHER_SUITES.len() && all.1 >= GROUPS.len(), "{all:?}");
    for suite in CIPHER_SUITES {
        assert_eq!(alone(&[suite], &[]), (1, all.1), "{suite}");
    }
    for group in GROUPS {
        assert_eq!(alone(&[], &[group]), (all.0, 1), "{group}");
    }
}
