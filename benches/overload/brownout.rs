//! Every backend fails half of what it is asked: do retries become a storm?

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::Instant;

use crate::Args;
use crate::report::Report;
use crate::rig::backend::{self, SMALL};
use crate::rig::process::PROXY_CORE;
use crate::rig::proxy::{Proxy, Task};
use crate::rig::results::say;
use crate::sites::RETRYING;

pub(crate) const NAME: &str = "brownout";
const BACKENDS: usize = 4;
const CLIENTS: usize = 32;
/// Tries per request: the first, and those within the budget of 20 %.
const ATTEMPTS_MAX: f64 = 1.2;
/// Requests per second that may be sent again however few there are, see the configuration.
const LEAST: f64 = 3.0;
/// As far back as a budget looks: what it allows at once, because nothing was asked yet, is used up then.
const WINDOW: Duration = Duration::from_secs(10);
const FAILED: &[u8] = b"HTTP/1.1 503 Oh\r\nContent-Length: 0\r\n\r\n";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench.test\r\n\r\n";

pub(crate) async fn run(args: &Args, report: &mut Report) -> Result<()> {
    let (asked, well) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(true)));
    let mut backends = Vec::new();
    for _ in 0..BACKENDS {
        let listener = backend::bind(([127, 0, 0, 1], 0).into())?;
        backends.push(listener.local_addr()?);
        spawn_local(serve(listener, Rc::clone(&asked), Rc::clone(&well)));
    }
    let backends = &backends[..];
    let task = Task { backends, workers: 1, cores: PROXY_CORE, checks: false, protocol: "http" };
    let proxy = Proxy::start(&RETRYING, task).await?;
    well.set(false);
    load(proxy.address, WINDOW).await?;
    let mut worst = 0_f64;
    for round in 0..args.rounds {
        let before = asked.get();
        let (requests, answered) = load(proxy.address, args.length()).await?;
        let all = (asked.get() - before) as f64;
        let attempts = (all - LEAST * args.seconds) / requests as f64;
        let good = answered as f64 / requests as f64;
        say(&format!(
            "brownout  round {:2}  {attempts:.3} attempts per request, {good:.3} answered well",
            round + 1
        ))?;
        report.row(NAME, RETRYING.name, round, "attempts_per_request", attempts);
        report.row(NAME, RETRYING.name, round, "answered_well", good);
        worst = worst.max(attempts);
    }
    let what = "every backend fails half of its requests: attempts per request, worst round";
    let note = format!("budget 20 %; the 3 a second beside it left out, {} rounds", args.rounds);
    report.figure(what, Some(ATTEMPTS_MAX), worst, 3, note);
    Ok(())
}

/// Asks in a closed loop; how many requests there were, and how many were answered with 200.
async fn load(target: SocketAddr, length: Duration) -> Result<(u64, u64)> {
    let (requests, answered) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let until = Instant::now() + length;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (requests, answered) = (Rc::clone(&requests), Rc::clone(&answered));
        clients.spawn_local(async move {
            let mut stream = TcpStream::connect(target).await?;
            stream.set_nodelay(true)?;
            let mut room = [0; 4096];
            while Instant::now() < until {
                stream.write_all(REQUEST).await?;
                let n = stream.read(&mut room).await?;
                requests.set(requests.get() + 1);
                answered.set(answered.get() + u64::from(room[..n].starts_with(b"HTTP/1.1 200")));
            }
            Ok::<_, std::io::Error>(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    ensure!(requests.get() > 0, "nothing was asked");
    Ok((requests.get(), answered.get()))
}

async fn serve(listener: TcpListener, asked: Rc<Cell<u64>>, well: Rc<Cell<bool>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (asked, well) = (Rc::clone(&asked), Rc::clone(&well));
        // How a connection ends is the proxy's affair.
        spawn_local(async move { answer(stream, &asked, &well).await });
    }
}

async fn answer(mut stream: TcpStream, asked: &Cell<u64>, well: &Cell<bool>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut good =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", SMALL.length).into_bytes();
    good.resize(good.len() + SMALL.length, b'x');
    let (mut bytes, mut turn) = (Vec::new(), false);
    loop {
        while memmem::find(&bytes, b"\r\n\r\n").is_none() {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        bytes.clear();
        asked.set(asked.get() + 1);
        turn = !turn;
        let answer = if well.get() || turn { &good } else { FAILED };
        stream.write_all(answer).await.ok()?;
    }
}
