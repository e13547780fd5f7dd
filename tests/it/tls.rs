//! HTTPS: other implementations' clients against the real binary.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, DigitallySignedStruct, RootCertStore,
    SignatureScheme, StreamOwned,
};

use crate::harness::{
    Client, PATIENCE, Pulsegate, Server, Setup, certificate, folder, pulsegate, until,
};

pub(crate) fn client_config(roots: &[CertificateDer<'static>]) -> Arc<ClientConfig> {
    Arc::new(believing(roots).with_no_client_auth())
}

/// A client that believes these.
pub(crate) fn believing(
    roots: &[CertificateDer<'static>],
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut store = RootCertStore::empty();
    roots.iter().for_each(|root| store.add(root.clone()).expect("a certificate"));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().expect("the default versions");
    builder.with_root_certificates(store)
}

pub(crate) type Secure = StreamOwned<ClientConnection, TcpStream>;

pub(crate) fn connect(
    proxy: &Pulsegate,
    config: &Arc<ClientConfig>,
    name: &str,
) -> io::Result<Secure> {
    let tcp = TcpStream::connect(proxy.address("web"))?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, tcp))
}

/// Sends a request and reads until this text has come.
pub(crate) fn ask(stream: &mut Secure, request: &str, until: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut room) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&answer).contains(until) {
        match stream.read(&mut room)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => answer.extend_from_slice(&room[..n]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

pub(crate) fn get(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

/// A server that tells which scheme it was told.
pub(crate) fn scheme() -> Server {
    Server::answering(Arc::new(|head| {
        let body = head.get("x-forwarded-proto").unwrap_or("none").to_owned();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }))
}

/// `tls` with these certificates of a folder.
pub(crate) fn tls(dir: &Path, called: &[&str]) -> String {
    let one = |called: &&str| {
        let file = |ending: &str| dir.join(format!("{called}.{ending}")).display().to_string();
        format!("{{ cert: {}, key: {} }}", file("pem"), file("key"))
    };
    let all: Vec<_> = called.iter().map(one).collect();
    format!("tls: {{ certificates: [ {} ] }}", all.join(", "))
}

#[test]
fn each_name_is_served_with_its_certificate_over_one_kept_connection() {
    let (_dir, dir) = folder();
    let roots = [certificate(&dir, "a", &["a.test"]), certificate(&dir, "b", &["*.b.test"])];
    let server = scheme();
    let proxy = Setup::default().listener(&tls(&dir, &["a", "b"])).over(&[&server]);
    let config = client_config(&roots);
    for name in ["a.test", "x.b.test"] {
        let mut stream = connect(&proxy, &config, name).expect("a connection");
        for _ in 0..3 {
            let answer = ask(&mut stream, &get(name), "https").expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
        // Opened for one host, it is not for one of another certificate.
        let other = if name == "a.test" { "x.b.test" } else { "a.test" };
        let answer = ask(&mut stream, &get(other), "another host").expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    }
    assert!(connect(&proxy, &config, "c.test").and_then(|mut it| ask(&mut it, "x", "x")).is_err());
}

#[test]
fn a_client_in_clear_is_told_so_and_a_silent_one_is_let_go() {
    let (_dir, dir) = folder();
    certificate(&dir, "a", &["a.test"]);
    let server = scheme();
    let setup = Setup::default().listener(&tls(&dir, &["a"])).listener("timeouts: { head: 100ms }");
    let proxy = setup.over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    client.send(get("a.test"));
    let refused = client.response();
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("HTTPS"), "{}", refused.text());
    client.ended();
    let mut client = Client::connect(proxy.address("web"));
    client.send(b"\x16\x03\x01");
    client.ended();
    let metrics = Client::connect(proxy.admin()).admin("/metrics").text();
    for line in [
        "pulsegate_tls_handshakes_total{result=\"in_clear\"} 1\n",
        "pulsegate_tls_handshakes_total{result=\"late\"} 1\n",
        "pulsegate_tls_handshakes_total{result=\"agreed\"} 0\n",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[test]
fn handshakes_beyond_the_limit_wait_until_one_has_ended() {
    let (_dir, dir) = folder();
    let roots = [certificate(&dir, "a", &["a.test"])];
    let server = scheme();
    let setup = Setup::default().listener(&tls(&dir, &["a"])).listener("limits: { handshakes: 1 }");
    let proxy = setup.over(&[&server]);
    let mut slow = Client::connect(proxy.address("web"));
    slow.send(b"\x16\x03\x01");
    until("the pause", || {
        let metrics = Client::connect(proxy.admin()).admin("/metrics").text();
        let ended = "reason=\"handshakes\"} 1";
        let paused = |line: &str| {
            line.starts_with("pulsegate_accept_pauses_total{") && line.ends_with(ended)
        };
        metrics.lines().any(paused).then_some(())
    });
    let config = client_config(&roots);
    let answer = thread::scope(|scope| {
        let quick = scope.spawn(|| {
            let mut stream = connect(&proxy, &config, "a.test")?;
            ask(&mut stream, &get("a.test"), "https")
        });
        drop(slow);
        quick.join().expect("a thread")
    });
    assert!(answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ")));
}

/// Is what the first certificate's files hold refused?
fn is_refused(proxy: &Pulsegate) -> bool {
    let metrics = Client::connect(proxy.admin()).admin("/metrics").text();
    let refused = metrics.lines().find(|line| line.starts_with("pulsegate_certificate_refused{"));
    refused.is_some_and(|line| line.ends_with(" 1"))
}

#[test]
fn a_certificate_is_changed_under_load_without_one_failed_handshake() {
    let (_dir, dir) = folder();
    let mut roots = vec![certificate(&dir, "a", &["a.test"])];
    let server = scheme();
    let setup = Setup::default().listener(&tls(&dir, &["a"]));
    let proxy = Arc::new(setup.over(&[&server]));
    let coming = folder();
    roots.push(certificate(&coming.1, "a", &["a.test"]));
    let config = client_config(&roots);
    let (over, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load = {
        let (proxy, over, made) = (Arc::clone(&proxy), Arc::clone(&over), Arc::clone(&made));
        let config = Arc::clone(&config);
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let mut stream = connect(&proxy, &config, "a.test").expect("a connection");
                ask(&mut stream, &get("a.test"), "https").expect("an answer");
                made.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let more = || {
        let before = made.load(Ordering::Relaxed);
        until("more handshakes", || (made.load(Ordering::Relaxed) > before + 5).then_some(()));
    };
    let shown = || {
        // A client that resumes its session goes on with the certificate it has seen.
        let newcomer = client_config(&roots);
        let mut stream = connect(&proxy, &newcomer, "a.test").expect("a connection");
        ask(&mut stream, &get("a.test"), "https").expect("an answer");
        stream.conn.peer_certificates().expect("a certificate")[0].clone().into_owned()
    };
    more();
    assert_eq!(shown(), roots[0]);
    // One after the other, as tools write them; nobody asks for a reload.
    for file in ["a.pem", "a.key"] {
        fs::copy(coming.1.join(file), dir.join(file)).expect("a writable folder");
    }
    until("the renewed certificate", || (shown() == roots[1]).then_some(()));
    more();
    // A pair that does not match changes nothing, and says which file is wrong.
    let key = fs::read(dir.join("a.key")).expect("the key");
    certificate(&dir, "a", &["a.test"]);
    fs::write(dir.join("a.key"), key).expect("a writable folder");
    until("the refusal", || {
        let metrics = Client::connect(proxy.admin()).admin("/metrics").text();
        let refused =
            metrics.lines().find(|line| line.starts_with("pulsegate_certificate_refused{"));
        refused.is_some_and(|line| line.ends_with(" 1")).then_some(())
    });
    let status = proxy.command("status");
    assert!(status.stdout.contains("is not renewed: the key does not belong"), "{status:?}");
    let refused = proxy.command("reload");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("does not belong to the certificate"), "{refused:?}");
    more();
    assert_eq!(shown(), roots[1]);
    over.store(true, Ordering::Relaxed);
    load.join().expect("no handshake failed");
}

#[test]
fn a_tunnel_goes_through_tls() {
    let (_dir, dir) = folder();
    let roots = [certificate(&dir, "a", &["a.test"])];
    let site = Setup::default().listener(&tls(&dir, &["a"])).start();
    let mut stream = connect(&site.proxy, &client_config(&roots), "a.test").expect("a connection");
    let upgrade = "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).expect("sent");
    let mut upstream = site.accept();
    upstream.head();
    upstream.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi",
    );
    let answer = ask(&mut stream, "", "\r\n\r\nhi").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    for _ in 0..3 {
        stream.write_all(b"ping").expect("sent");
        assert_eq!(upstream.exactly(4), b"ping");
        upstream.send("pong");
        assert_eq!(ask(&mut stream, "", "pong").expect("an answer"), "pong");
    }
}

#[test]
fn curl_believes_the_demo_certificates() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: curl not installed");
        return;
    }
    let (_dir, dir) = folder();
    let certs = dir.join("certs");
    let made = pulsegate(["certs", "make-demo", &certs.display().to_string()]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let again = pulsegate(["certs", "make-demo", &certs.display().to_string()]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("exists already; nothing was written"), "{again:?}");
    let server = scheme();
    let proxy = Setup::default().listener(&tls(&certs, &["demo"])).over(&[&server]);
    let large = dir.join("large");
    fs::write(&large, vec![b'x'; 3_000_000]).expect("a writable folder");
    let (ca, port) = (certs.join("ca.pem"), proxy.address("web").port());
    for arguments in [
        vec![],
        vec!["--tls-max".into(), "1.2".into()],
        vec!["--data-binary".to_owned(), format!("@{}", large.display())],
    ] {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--max-time", "20", "--cacert"])
            .arg(&ca)
            .args(["--resolve", &format!("www.demo.test:{port}:127.0.0.1")])
            .args(&arguments)
            .args([
                &format!("https://www.demo.test:{port}/a"),
                &format!("https://www.demo.test:{port}/b"),
            ])
            .output()
            .expect("runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.stdout, b"httpshttps", "curl {arguments:?}: {error}");
    }
}

#[test]
fn a_folder_is_shown_as_it_is_filled() {
    let (_dir, dir) = folder();
    let mut roots = vec![certificate(&dir, "a", &["a.test"])];
    let setup = Setup::default().listener(&format!(
        "tls: {{ unknown_names: refuse, certificates: [ {{ folder: {} }} ] }}",
        dir.display()
    ));
    let server = scheme();
    let proxy = setup.over(&[&server]);
    let shows = |roots: &[CertificateDer<'static>], name: &str| {
        let config = client_config(roots);
        connect(&proxy, &config, name).and_then(|mut it| ask(&mut it, &get(name), "HTTP")).is_ok()
    };
    assert!(shows(&roots, "a.test") && !shows(&roots, "b.test"));
    roots.push(certificate(&dir, "b", &["b.test"]));
    until("the new one", || shows(&roots, "b.test").then_some(()));
    fs::remove_file(dir.join("b.pem")).expect("it is there");
    until("it to be gone", || (!shows(&roots, "b.test")).then_some(()));
    // The last one stays, whatever becomes of its file.
    fs::remove_file(dir.join("a.pem")).expect("it is there");
    until("the refusal", || is_refused(&proxy).then_some(()));
    assert!(shows(&roots, "a.test"));
}

#[test]
fn what_an_authority_says_of_a_certificate_today_is_shown_with_it() {
    let (_dir, dir) = folder();
    let roots = [certificate(&dir, "a", &["a.test"])];
    let staple = b"\x30\x03\x0a\x01\x00".to_vec();
    fs::write(dir.join("a.ocsp"), &staple).expect("a writable folder");
    let file = |name: &str| dir.join(name).display().to_string();
    let setup = Setup::default().listener(&format!(
        "tls: {{ certificates: [ {{ cert: {}, key: {}, ocsp: {} }} ] }}",
        file("a.pem"),
        file("a.key"),
        file("a.ocsp")
    ));
    let server = scheme();
    let proxy = setup.over(&[&server]);
    let stapled = Arc::new(Stapled::default());
    let mut config = ClientConfig::clone(&client_config(&roots));
    config.dangerous().set_certificate_verifier(Arc::clone(&stapled) as _);
    let config = Arc::new(config);
    let mut stream = connect(&proxy, &config, "a.test").expect("a connection");
    ask(&mut stream, &get("a.test"), "https").expect("an answer");
    assert_eq!(*stapled.0.lock().expect("unpoisoned"), staple);
    fs::write(dir.join("a.ocsp"), "not DER").expect("a writable folder");
    let refused = proxy.command("reload");
    assert!(refused.stderr.contains("no OCSP response in DER"), "{refused:?}");
}

/// A client that believes anybody, and remembers what it was shown.
#[derive(Debug, Default)]
struct Stapled(Mutex<Vec<u8>>);

impl ServerCertVerifier for Stapled {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().expect("unpoisoned") = ocsp_response.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[test]
fn the_examples_are_valid_with_the_demo_certificates() {
    let (_dir, dir) = folder();
    let made = pulsegate(["certs", "make-demo", &dir.join("certs").display().to_string()]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let certs = format!("{}/certs/", dir.display());
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/tls");
    for example in fs::read_dir(examples).expect("examples") {
        let example = example.expect("an entry").path();
        let text = fs::read_to_string(&example).expect("the example");
        let file = dir.join("example.yaml");
        fs::write(&file, text.replace(" certs/", &format!(" {certs}"))).expect("a writable folder");
        let checked = pulsegate(["check", "--config", &file.display().to_string()]);
        assert_eq!(checked.code, Some(0), "{}: {checked:?}", example.display());
    }
}
