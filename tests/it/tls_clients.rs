//! Clients of the world over TLS, where they are installed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use crate::harness::{Pulsegate, Server, Setup, certificate, folder, is_installed, python};
use crate::tls::tls;

/// A proxy with a certificate for `localhost`, over one backend that tells the protocol.
struct Stage {
    proxy: Pulsegate,
    _server: Server,
    _folder: tempfile::TempDir,
    dir: PathBuf,
}

fn stage() -> Stage {
    let (folder, dir) = folder();
    certificate(&dir, "a", &["localhost"]);
    let server = Server::answering(Arc::new(|head| {
        let body = head.get("x-forwarded-proto").unwrap_or("none").to_owned();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }));
    let proxy = Setup::default().listener(&tls(&dir, &["a"])).over(&[&server]);
    Stage { proxy, _server: server, _folder: folder, dir }
}

impl Stage {
    fn port(&self) -> u16 {
        self.proxy.address("web").port()
    }

    fn certificate(&self) -> PathBuf {
        self.dir.join("a.pem")
    }
}

fn says(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn h2load_sees_every_request_succeed() {
    if !is_installed("h2load") {
        return println!("skipped: h2load not installed");
    }
    let stage = stage();
    let url = format!("https://localhost:{}/", stage.port());
    for protocol in [&["-m", "20"][..], &["--h1"]] {
        let output = Command::new("h2load")
            .args(["-n", "2000", "-c", "10"])
            .args(protocol)
            .args(["--connect-to", &format!("127.0.0.1:{}", stage.port()), &url])
            .output()
            .expect("runs");
        let expected = "2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout";
        assert!(says(&output).contains(expected), "{}", says(&output));
    }
}

/// What `openssl s_client` prints about a session in which one request is sent.
fn s_client(stage: &Stage, options: &[&str]) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{}", stage.port())])
        .args(["-servername", "localhost", "-verify_return_error", "-ign_eof", "-CAfile"])
        .arg(stage.certificate())
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    child.stdin.as_mut().expect("piped").write_all(request).expect("taken");
    says(&child.wait_with_output().expect("ends"))
}

#[test]
fn openssl_speaks_both_versions_and_resumes() {
    if !is_installed("openssl") {
        return println!("skipped: openssl not installed");
    }
    let stage = stage();
    let file = stage.dir.join("session").display().to_string();
    for (version, named) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let first = s_client(&stage, &[version, "-sess_out", &file]);
        for part in ["HTTP/1.1 200 OK", "Verify return code: 0 (ok)", &format!("New, {named}")] {
            assert!(first.contains(part), "{part} in {first}");
        }
        let second = s_client(&stage, &[version, "-sess_in", &file]);
        let part = format!("Reused, {named}");
        assert!(second.contains(&part) && second.contains("200 OK"), "{part} in {second}");
    }
    let old = s_client(&stage, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    assert!(!old.contains("200 OK") && old.contains("alert"), "{old}");
}

const NODE: &str = r#"
const fs = require('fs'), http2 = require('http2');
const [url, ca] = process.argv.slice(1);
const session = http2.connect(url, { ca: fs.readFileSync(ca) });
const ask = (headers, body) => new Promise((good, bad) => {
  const stream = session.request(headers, { endStream: body === undefined });
  let text = '', status;
  stream.on('response', (head) => { status = head[':status']; });
  stream.on('data', (piece) => { text += piece; });
  stream.on('end', () => good(status + ' ' + text));
  stream.on('error', bad);
  if (body !== undefined) stream.end(body);
});
(async () => {
  const gets = Array.from({ length: 100 }, () => ask({ ':path': '/' }));
  const posts = Array.from({ length: 3 }, () =>
    ask({ ':path': '/', ':method': 'POST' }, Buffer.alloc(1000000, 'x')));
  const answers = new Set(await Promise.all([...gets, ...posts]));
  console.log([...answers].join(','));
  session.close();
})().catch((error) => { console.log(String(error)); process.exit(1); });
"#;

#[test]
fn node_asks_for_many_streams_at_once() {
    if !is_installed("node") {
        return println!("skipped: node not installed");
    }
    let stage = stage();
    let url = format!("https://localhost:{}", stage.port());
    let output = Command::new("node")
        .args(["-e", NODE, &url])
        .arg(stage.certificate())
        .output()
        .expect("runs");
    assert_eq!(says(&output), "200 https\n");
}

/// An echo and its client, both of the same library; the proxy is between them.
const WEBSOCKETS: &str = r#"
import asyncio, json, ssl, subprocess, sys
import websockets

async def echo(socket, path=None):
    async for message in socket:
        await socket.send(message)

async def main():
    port, ca = sys.argv[1:]
    server = await websockets.serve(echo, "127.0.0.1", int(port), max_size=None)
    print("listening", flush=True)
    url = sys.stdin.readline().strip()
    context = ssl.create_default_context(cafile=ca)
    async with websockets.connect(url, ssl=context, max_size=None) as socket:
        for message in ["", "hello", b"\x00" * 70000, "x" * 3000000]:
            await socket.send(message)
            assert await socket.recv() == message
        await asyncio.wait_for(await socket.ping(), 10)
        await socket.close(1000, "bye")
        print("closed", socket.close_code, flush=True)
    server.close()

asyncio.run(main())
"#;

#[test]
fn a_websocket_library_talks_to_itself_through_the_proxy() {
    let Some(python) = python("websockets") else {
        return println!("skipped: python3-websockets not installed");
    };
    let (_folder, dir) = folder();
    certificate(&dir, "a", &["localhost"]);
    let backend = free_port();
    let setup = Setup::default().listener(&tls(&dir, &["a"]));
    let proxy = setup.over_addresses(&[([127, 0, 0, 1], backend).into()]);
    let said = talk(python, backend, &dir.join("a.pem"), proxy.address("web").port());
    assert_eq!(said, "listening\nclosed 1000\n");
}

/// One that nobody has now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}

fn talk(python: &str, backend: u16, ca: &Path, proxy: u16) -> String {
    let mut child = Command::new(python)
        .args(["-c", WEBSOCKETS, &backend.to_string()])
        .arg(ca)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    // It is read once the echo listens.
    let url = format!("wss://localhost:{proxy}/chat\n");
    child.stdin.as_mut().expect("piped").write_all(url.as_bytes()).expect("taken");
    says(&child.wait_with_output().expect("ends"))
}
