//! A backend of its own process, which signals make answer wrongly.

use std::cell::Cell;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

use anyhow::Result;
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_local;

use crate::rig::backend::{SMALL, bind};
use crate::rig::process::{LOAD_CORE, Process};
use crate::rig::proxy::free_address;

/// Where a user's transaction ends.
pub(crate) const LAST_STEP: &str = "/cart";

/// A started backend.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
}

/// Starts this program as so many backends.
pub(crate) async fn start(count: usize, dir: &Path) -> Result<Vec<Backend>> {
    let mut backends = Vec::new();
    for _ in 0..count {
        let address = free_address()?;
        let command: Vec<OsString> =
            vec![std::env::current_exe()?.into(), "backend".into(), address.to_string().into()];
        let log = dir.join(format!("backend-{}", address.port()));
        let mut process = Process::start("backend", LOAD_CORE, &command, &log)?;
        process.listening(address).await?;
        backends.push(Backend { address, process });
    }
    Ok(backends)
}

/// How requests are answered.
#[derive(Clone, Copy)]
enum Answers {
    Well,
    /// 500 to everything, since SIGUSR1.
    Errors,
    /// 409 at the last step of a transaction, since SIGUSR2.
    Wrong,
}

/// Is the backend.
pub(crate) async fn run(listen: SocketAddr) -> Result<()> {
    let answers = Rc::new(Cell::new(Answers::Well));
    for (kind, then) in [
        (SignalKind::user_defined1(), Answers::Errors),
        (SignalKind::user_defined2(), Answers::Wrong),
    ] {
        let (mut signals, answers) = (signal(kind)?, Rc::clone(&answers));
        spawn_local(async move {
            while signals.recv().await.is_some() {
                answers.set(then);
            }
        });
    }
    let listener = bind(listen)?;
    loop {
        let (stream, _) = listener.accept().await?;
        spawn_local(connection(stream, Rc::clone(&answers)));
    }
}

async fn connection(mut stream: TcpStream, answers: Rc<Cell<Answers>>) {
    let _ = stream.set_nodelay(true);
    let well = answer("200 OK", SMALL.length);
    let (errors, wrong) = (answer("500 Internal Server Error", 0), answer("409 Conflict", 0));
    let last_step = format!("GET {LAST_STEP} ");
    let mut held = Vec::with_capacity(4096);
    while matches!(stream.read_buf(&mut held).await, Ok(1..)) {
        while let Some(end) = memmem::find(&held, b"\r\n\r\n") {
            let bytes = match answers.get() {
                Answers::Errors => &errors,
                Answers::Wrong if held.starts_with(last_step.as_bytes()) => &wrong,
                Answers::Well | Answers::Wrong => &well,
            };
            if stream.write_all(bytes).await.is_err() {
                return;
            }
            held.drain(..end + 4);
        }
    }
}

fn answer(status: &str, length: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
    let mut bytes = head.into_bytes();
    bytes.resize(bytes.len() + length, b'x');
    bytes
}
