//! A gibibyte each way: every byte where it belongs, and no more memory than for a page.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use crate::harness::{Pulsegate, Setup, certificate, folder};
use crate::http2::curl_speaks_http2;
use crate::tls::{client_config, connect, tls};

/// What is moved.
const BYTES: u64 = 1 << 30;
/// How much more than before the process may hold: buffers of a connection on each side.
const GROWTH_KIB: u64 = 8 * 1024;
/// Of what is repeated: a prime, so that a piece that was lost or sent twice is seen.
const PERIOD: usize = 1_000_003;

/// The bytes, over and over.
fn period() -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(7);
    (0..PERIOD).map(|_| rng.u8(..)).collect()
}

/// Writes all of them.
fn send(to: &mut impl Write) -> io::Result<()> {
    let period = period();
    let mut left = BYTES as usize;
    while left > 0 {
        let n = left.min(PERIOD);
        to.write_all(&period[..n])?;
        left -= n;
    }
    to.flush()
}

/// Reads and compares all of them.
fn compare(from: &mut impl Read) -> io::Result<()> {
    let period = period();
    let (mut room, mut at) = (vec![0; 256 * 1024], 0);
    while at < BYTES as usize {
        let want = room.len().min(PERIOD - at % PERIOD).min(BYTES as usize - at);
        match from.read(&mut room[..want])? {
            0 => return Err(io::Error::other(format!("ended after {at} bytes"))),
            n => {
                if room[..n] != period[at % PERIOD..][..n] {
                    return Err(io::Error::other(format!("other bytes after {at}")));
                }
                at += n;
            }
        }
    }
    Ok(())
}

/// A backend that sends them to whoever gets, and compares what is put.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that gives up shows in the test.
            thread::spawn(|| drop(answer(stream)));
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut from = BufReader::with_capacity(256 * 1024, stream.try_clone()?);
    let (mut put, mut line) = (false, String::new());
    for first in [true].into_iter().chain(std::iter::repeat(false)) {
        line.clear();
        from.read_line(&mut line)?;
        put |= first && line.starts_with("PUT");
        if line == "\r\n" {
            break;
        }
    }
    let small =
        |text: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    if put {
        let text =
            compare(&mut from).map_or_else(|error| error.to_string(), |()| "whole".to_owned());
        return stream.write_all(small(&text).as_bytes());
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BYTES}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    send(&mut stream)
}

/// The most memory the process ever held, in KiB.
fn peak_kib(proxy: &Pulsegate) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", proxy.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Does it, and sees that the process needed no memory for it.
fn flat(proxy: &Pulsegate, what: &str, transfer: impl FnOnce()) {
    let before = peak_kib(proxy);
    transfer();
    let after = peak_kib(proxy);
    assert!(after <= before + GROWTH_KIB, "{what}: {before} KiB before, {after} KiB after");
}

#[test]
fn over_http1_by_tls() {
    let (_dir, dir) = folder();
    let roots = [certificate(&dir, "a", &["a.test"])];
    let proxy = Setup::default().listener(&tls(&dir, &["a"])).over_addresses(&[serve()]);
    let config = client_config(&roots);
    let ask = |request: String| {
        let mut stream = connect(&proxy, &config, "a.test").expect("a session");
        stream.write_all(request.as_bytes()).expect("taken");
        stream
    };
    flat(&proxy, "download", || {
        let mut from = BufReader::new(ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned()));
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            from.read_line(&mut line).expect("a head");
        }
        compare(&mut from).expect("the whole");
    });
    flat(&proxy, "upload", || {
        let head = format!("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {BYTES}\r\n\r\n");
        let mut stream = ask(head);
        send(&mut stream).expect("taken");
        let (mut answer, mut room) = (String::new(), [0; 4096]);
        while !answer.ends_with("whole") {
            let n = stream.read(&mut room).expect("an answer");
            assert!(n > 0, "{answer}");
            answer.push_str(&String::from_utf8_lossy(&room[..n]));
        }
    });
}

#[test]
fn over_http2_by_tls() {
    if !curl_speaks_http2() {
        return println!("skipped: curl with HTTP/2 not installed");
    }
    let (_dir, dir) = folder();
    certificate(&dir, "a", &["a.test"]);
    let proxy = Setup::default().listener(&tls(&dir, &["a"])).over_addresses(&[serve()]);
    let port = proxy.address("web").port();
    let curl = || {
        let mut command = Command::new("curl");
        command.args(["--http2", "--silent", "--show-error", "--fail", "--max-time", "120"]);
        command.arg("--cacert").arg(dir.join("a.pem"));
        command.args(["--resolve", &format!("a.test:{port}:127.0.0.1")]);
        command.arg(format!("https://a.test:{port}/"));
        command
    };
    flat(&proxy, "download", || {
        let mut child = curl().stdout(Stdio::piped()).spawn().expect("runs");
        compare(child.stdout.as_mut().expect("piped")).expect("the whole");
        assert!(child.wait().expect("ends").success());
    });
    let path = dir.join("bytes");
    send(&mut File::create(&path).expect("a writable folder")).expect("a gibibyte of disk");
    flat(&proxy, "upload", || {
        let output = curl().arg("--upload-file").arg(&path).output().expect("runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "whole", "{output:?}");
    });
}
