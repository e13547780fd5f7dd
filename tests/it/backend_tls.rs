//! Backends by TLS: who is believed, what is shown, and what comes of it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};

use crate::harness::{Client, PATIENCE, Pulsegate, Server, Setup, certificate, folder, until};

type Secured = StreamOwned<ServerConnection, TcpStream>;

/// For each handshake, what was asked for by name and how it went.
type Greetings = Vec<(Option<String>, HandshakeKind)>;

/// How a response ends.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    /// By its length; the connection is kept.
    Length,
    /// By the word that nothing follows.
    Goodbye,
    /// By the end of the connection alone.
    Cut,
}

/// A backend by TLS, which answers requests with their targets.
struct Origin {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    greetings: Arc<Mutex<Greetings>>,
}

impl Origin {
    /// With the certificate `called` of the folder; believes clients with the certificate of `clients` only.
    fn new(dir: &Path, called: &str, clients: Option<CertificateDer<'static>>) -> Self {
        Self::ending(dir, called, clients, Ending::Length, rustls::ALL_VERSIONS)
    }

    fn ending(
        dir: &Path,
        called: &str,
        clients: Option<CertificateDer<'static>>,
        ending: Ending,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let config = server_config(dir, called, clients, versions);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let (requests, greetings) = (Arc::default(), Arc::default());
        let origin =
            Self { address, requests: Arc::clone(&requests), greetings: Arc::clone(&greetings) };
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (config, requests) = (Arc::clone(&config), Arc::clone(&requests));
                let greetings = Arc::clone(&greetings);
                thread::spawn(move || {
                    stream.set_read_timeout(Some(PATIENCE)).expect("an open socket");
                    let connection = ServerConnection::new(config).expect("a configuration");
                    let mut stream = StreamOwned::new(connection, stream);
                    if stream.conn.complete_io(&mut stream.sock).is_err() {
                        return;
                    }
                    let name = stream.conn.server_name().map(ToOwned::to_owned);
                    let kind = stream.conn.handshake_kind().expect("it is over");
                    greetings.lock().expect("unpoisoned").push((name, kind));
                    serve(&mut stream, &requests, ending);
                });
            }
        });
        origin
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn server_config(
    dir: &Path,
    called: &str,
    clients: Option<CertificateDer<'static>>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let file = |ending| dir.join(format!("{called}.{ending}"));
    let cert = CertificateDer::from_pem_file(file("pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(file("key")).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(versions).expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(root) => {
            let mut roots = RootCertStore::empty();
            roots.add(root).expect("a certificate");
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("roots"))
        }
    };
    Arc::new(builder.with_single_cert(vec![cert], key).expect("they belong together"))
}

fn serve(stream: &mut Secured, requests: &AtomicUsize, ending: Ending) {
    let (mut input, mut room) = (Vec::new(), [0; 16 * 1024]);
    loop {
        while let Some(end) = find(&input, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&input[..end]).into_owned();
            input.drain(..end + 4);
            let target = head.split(' ').nth(1).expect("a request line").to_owned();
            requests.fetch_add(1, Ordering::SeqCst);
            let answer = match ending {
                Ending::Length => {
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len())
                }
                Ending::Goodbye | Ending::Cut => format!("HTTP/1.0 200 OK\r\n\r\n{target}"),
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
            if ending != Ending::Length {
                if ending == Ending::Goodbye {
                    stream.conn.send_close_notify();
                }
                let _ = stream.flush();
                let _ = stream.sock.shutdown(Shutdown::Write);
                return;
            }
        }
        match stream.read(&mut room) {
            Ok(n @ 1..) => input.extend_from_slice(&room[..n]),
            _ => return,
        }
    }
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

fn metric(proxy: &Pulsegate, name: &str) -> u64 {
    let metrics = Client::connect(proxy.admin()).admin("/metrics").text();
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

fn ca(dir: &Path, called: &str) -> String {
    dir.join(format!("{called}.pem")).display().to_string()
}

#[test]
fn a_backend_is_verified_by_name_and_its_connections_are_kept() {
    let (_dir, dir) = folder();
    certificate(&dir, "app", &["app.test"]);
    for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
        let origin = Origin::ending(&dir, "app", None, Ending::Length, versions);
        let tls = format!("tls: {{ ca: {}, server_name: app.test }}", ca(&dir, "app"));
        let proxy = Setup::default().pool(&tls).over_addresses(&[origin.address]);
        let mut client = Client::connect(proxy.address("web"));
        for n in 0..20 {
            let response = client.get(&format!("/{n}"));
            assert_eq!((response.status, response.text()), (200, format!("/{n}")));
        }
        let greetings = origin.greetings.lock().expect("unpoisoned").clone();
        assert_eq!(greetings.len(), 1, "one connection serves them all");
        assert_eq!(greetings[0].0.as_deref(), Some("app.test"));
    }
}

#[test]
fn a_session_is_resumed_on_the_next_connection() {
    let (_dir, dir) = folder();
    certificate(&dir, "app", &["app.test"]);
    let origin = Origin::new(&dir, "app", None);
    let tls = format!("tls: {{ ca: {}, server_name: app.test }}", ca(&dir, "app"));
    let proxy = Setup::default().pool(&tls).pool("idle_connections: 0");
    let proxy = proxy.over_addresses(&[origin.address]);
    let mut client = Client::connect(proxy.address("web"));
    for _ in 0..3 {
        assert_eq!(client.get("/").status, 200);
    }
    let greetings = origin.greetings.lock().expect("unpoisoned").clone();
    let kinds: Vec<_> = greetings.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds[1..], [HandshakeKind::Resumed, HandshakeKind::Resumed]);
    assert_ne!(kinds[0], HandshakeKind::Resumed);
}

#[test]
fn who_is_not_believed_gets_no_request_and_another_backend_answers() {
    let (_dir, dir) = folder();
    certificate(&dir, "app", &["app.test"]);
    certificate(&dir, "stranger", &["app.test"]);
    certificate(&dir, "other", &["other.test"]);
    let (stranger, other) = (Origin::new(&dir, "stranger", None), Origin::new(&dir, "other", None));
    let good = Origin::new(&dir, "app", None);
    let tls = format!("tls: {{ ca: {}, server_name: app.test }}", ca(&dir, "app"));
    let setup = Setup::default().pool(&tls);
    for bad in [stranger.address, other.address] {
        let proxy = setup.over_addresses(&[bad]);
        let refused = Client::connect(proxy.address("web")).get("/");
        assert_eq!(refused.status, 502);
        assert!(refused.text().contains("secure connection"), "{}", refused.text());
        assert_eq!(metric(&proxy, "pulsegate_backend_tls_failures_total"), 1);
        let proxy = setup.over_addresses(&[bad, good.address]);
        let mut client = Client::connect(proxy.address("web"));
        for _ in 0..4 {
            assert_eq!(client.get("/").status, 200);
        }
    }
    assert_eq!(stranger.requests() + other.requests(), 0);
}

#[test]
fn a_backend_in_clear_is_told_nothing_and_waited_for_no_longer_than_for_a_connection() {
    let (_dir, dir) = folder();
    certificate(&dir, "app", &["app.test"]);
    let in_clear = Server::named("in clear");
    let tls = format!("tls: {{ ca: {}, server_name: app.test }}", ca(&dir, "app"));
    let setup = Setup::default().pool(&tls).pool("timeouts: { connect: 100ms }");
    let proxy = setup.over(&[&in_clear]);
    assert_eq!(Client::connect(proxy.address("web")).get("/").status, 504);
    assert_eq!(in_clear.requests(), 0);
}

#[test]
fn an_operator_may_say_that_nobody_need_be_verified() {
    let (_dir, dir) = folder();
    certificate(&dir, "stranger", &["stranger.test"]);
    let origin = Origin::new(&dir, "stranger", None);
    let proxy = Setup::default().pool("tls: { verify: false }").over_addresses(&[origin.address]);
    assert_eq!(Client::connect(proxy.address("web")).get("/").status, 200);
    // An address is no name to ask for.
    assert_eq!(origin.greetings.lock().expect("unpoisoned")[0].0, None);
}

#[test]
fn a_backend_that_asks_for_a_certificate_is_shown_ours() {
    let (_dir, dir) = folder();
    certificate(&dir, "app", &["app.test"]);
    let ours = certificate(&dir, "ours", &["proxy.test"]);
    let origin = Origin::new(&dir, "app", Some(ours));
    let file = |ending: &str| dir.join(format!("ours.{ending}")).display().to_string();
    let client = format!("client: {{ cert: {}, key: {} }}", file("pem"), file("key"));
    let tls =
        |more: &str| format!("tls: {{ ca: {}, server_name: app.test, {more} }}", ca(&dir, "app"));
    let proxy = Setup::default().pool(&tls(&client)).over_addresses(&[origin.address]);
    assert_eq!(Client::connect(proxy.address("web")).get("/").status, 200);
    let proxy = Setup::default().pool(&tls("verify: true")).over_addresses(&[origin.address]);
    assert_eq!(Client::connect(proxy.address("web")).get("/").status, 502);
    assert_eq!(origin.requests(), 1);
}

#[test]
fn an_answer_that_ends_without_a_word_is_not_passed_on_as_whole() {
    let (_dir, dir) = folder();
    certificate(&dir, "app", &["app.test"]);
    let tls = format!("tls: {{ ca: {}, server_name: app.test }}", ca(&dir, "app"));
    let setup = Setup::default().pool(&tls);
    let answer = |ending| {
        let origin = Origin::ending(&dir, "app", None, ending, rustls::ALL_VERSIONS);
        let proxy = setup.over_addresses(&[origin.address]);
        let mut stream = TcpStream::connect(proxy.address("web")).expect("a proxy");
        stream.set_read_timeout(Some(PATIENCE)).expect("an open socket");
        stream.write_all(b"GET /whole HTTP/1.0\r\nHost: a\r\n\r\n").expect("an open socket");
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer).map_err(|error| error.kind());
        (end.is_ok(), String::from_utf8_lossy(&answer).contains("/whole"))
    };
    assert_eq!(answer(Ending::Goodbye), (true, true));
    assert!(!answer(Ending::Cut).0, "the client is reset");
}

#[test]
fn probes_speak_as_the_traffic_does_and_tell_what_is_wrong() {
    let (_dir, dir) = folder();
    certificate(&dir, "app", &["app.test"]);
    certificate(&dir, "other", &["other.test"]);
    let (good, bad) = (Origin::new(&dir, "app", None), Origin::new(&dir, "other", None));
    let tls = format!("tls: {{ ca: {}, server_name: app.test }}", ca(&dir, "app"));
    let health = "{ process: { interval: 50ms, timeout: 2s }, \
                  application: { interval: 50ms, timeout: 2s, endpoints: [ /health ] } }";
    let proxy = Setup::default().pool(&tls).health(health);
    let proxy = proxy.over_addresses(&[good.address, bad.address]);
    let mut client = Client::connect(proxy.address("web"));
    until("the first verdict", || (client.get("/").status == 200).then_some(()));
    until("the reason", || {
        let status = Client::connect(proxy.admin()).admin("/status").text();
        status.contains("certificate").then_some(())
    });
    for _ in 0..10 {
        assert_eq!(client.get("/").status, 200);
    }
    assert_eq!(bad.requests(), 0);
}

#[test]
fn other_terms_are_for_other_connections() {
    let (_dir, dir) = folder();
    certificate(&dir, "app", &["app.test"]);
    let origin = Origin::new(&dir, "app", None);
    let config = |name: &str| {
        let tls = format!("tls: {{ ca: {}, server_name: {name} }}", ca(&dir, "app"));
        Setup::default().pool(&tls).config(&[origin.address])
    };
    let home = Pulsegate::folder();
    let proxy = Pulsegate::start(home, &config("app.test"));
    let mut client = Client::connect(proxy.address("web"));
    assert_eq!(client.get("/").status, 200);
    proxy.rewrite(&config("app.test").replace("version: 1", "version: 1 # the same"));
    assert_eq!(proxy.command("reload").code, Some(0));
    assert_eq!(client.get("/").status, 200);
    assert_eq!(origin.greetings.lock().expect("unpoisoned").len(), 1, "nothing has changed");
    proxy.rewrite(&config("other.test"));
    assert_eq!(proxy.command("reload").code, Some(0));
    assert_eq!(client.get("/").status, 502, "the kept connection was for somebody else");
}
