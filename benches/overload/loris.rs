//! Thousands of clients that dribble: do the others notice?

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use pulsegate::bench::load::{Plan, Precise, Protocol, Request, Server, run as ask};
use pulsegate::bench::measure::{Arrivals, Schedule, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::sleep;

use crate::Args;
use crate::report::Report;
use crate::rig::backend::{self, LARGE, SMALL};
use crate::rig::process::PROXY_CORE;
use crate::rig::proxy::{Proxy, Task};
use crate::rig::results::say;
use crate::saturation::saturation;
use crate::sites::SHIPPED;

pub(crate) const NAME: &str = "loris";
const CROWD: usize = 2_000;
const CONNECTIONS: usize = 64;
/// Of the p99 without them.
const RATIO_MAX: f64 = 1.10;
/// Of the rate that saturates the proxy.
const PART: f64 = 0.5;
/// From one byte to the next.
const DRIBBLE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: &Args, report: &mut Report) -> Result<()> {
    let listener = backend::bind(([127, 0, 0, 1], 0).into())?;
    let backends = &[listener.local_addr()?][..];
    backend::serve(vec![listener]);
    let task = Task { backends, workers: 1, cores: PROXY_CORE, checks: false, protocol: "http" };
    let proxy = Proxy::start(&SHIPPED, task).await?;
    let rate = saturation(args, proxy.address, CONNECTIONS).await? * PART;
    let before = proxy.process.resident_kib();
    for round in 0..args.rounds {
        let alone = p99_us(args, proxy.address, rate).await?;
        let crowd = Crowd::start(proxy.address);
        crowd.arrived().await;
        let among = p99_us(args, proxy.address, rate).await?;
        let (memory, slow) = (proxy.process.resident_kib(), crowd.open.get());
        drop(crowd);
        say(&format!(
            "loris     round {:2}  p99 {alone:.0} us alone, {among:.0} us among {slow}, {memory} KiB",
            round + 1
        ))?;
        for (side, what, value) in [
            ("alone", "p99_us", alone),
            ("among", "p99_us", among),
            ("among", "resident_kib", memory as f64),
            ("among", "slow_clients", slow as f64),
        ] {
            report.row(NAME, side, round, what, value);
        }
        // They leave before anybody is alone again.
        sleep(Duration::from_secs(1)).await;
    }
    let (ratio, note) = report.ratio(NAME, ["among", "alone"], "p99_us");
    let what = format!("p99 at {rate:.0}/s among {CROWD} that dribble, of that without them");
    report.figure(&what, Some(RATIO_MAX), ratio, 3, note);
    let most = report.values(NAME, "among", "resident_kib").into_iter().fold(0.0, f64::max);
    let grown = (most - before as f64) / 1024.0;
    report.figure("memory that they take, MiB", None, grown, 1, format!("{before} KiB before"));
    Ok(())
}

async fn p99_us(args: &Args, target: SocketAddr, rate: f64) -> Result<f64> {
    let url = format!("http://{target}{}", SMALL.path);
    let step = Step { rate, length: args.length() };
    let plan = Plan {
        request: Request::new(&url, "GET", &[], Bytes::new())?,
        schedule: Schedule::new(vec![step], Arrivals::Constant)?,
        connections: CONNECTIONS,
        protocol: Protocol::Http1,
        insecure: false,
        timeout: PATIENCE,
        warm_up: Duration::ZERO,
    };
    let server = Server::find(&plan).await?;
    let pace = Precise::new(Duration::ZERO)?;
    let measured = ask(&plan, &server, pace, std::future::pending(), |_| ()).await?;
    ensure!(measured.tally.failures() == 0, "{} requests failed", measured.tally.failures());
    Ok(measured.tally.from_due.value_at_quantile(0.99) as f64 / 1e3)
}

/// Clients that dribble, until dropped.
struct Crowd {
    open: Rc<Cell<usize>>,
    clients: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn start(target: SocketAddr) -> Self {
        let open = Rc::new(Cell::new(0));
        let clients = (0..CROWD).map(|n| {
            let open = Rc::clone(&open);
            spawn_local(async move {
                // Whoever is cut off comes back.
                loop {
                    let _ = dribble(target, n, &open).await;
                    sleep(DRIBBLE).await;
                }
            })
        });
        Self { clients: clients.collect(), open }
    }

    async fn arrived(&self) {
        while self.open.get() < CROWD {
            sleep(Duration::from_millis(10)).await;
        }
        // Until those who take a response have filled what is between the backend and them.
        sleep(DRIBBLE).await;
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.clients.iter().for_each(JoinHandle::abort);
    }
}

/// Counted while it is there.
struct Open(Rc<Cell<usize>>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

async fn dribble(target: SocketAddr, n: usize, open: &Rc<Cell<usize>>) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    // One that takes little at a time says so.
    socket.set_recv_buffer_size(4096)?;
    let mut stream = socket.connect(target).await?;
    let begin = match n % 3 {
        0 => "GET /small HTTP/1.1\r\nHost: bench.test\r\nX: ".to_owned(),
        1 => {
            "POST /small HTTP/1.1\r\nHost: bench.test\r\nContent-Length: 1000000\r\n\r\n".to_owned()
        }
        _ => format!("GET {} HTTP/1.1\r\nHost: bench.test\r\n\r\n", LARGE.path),
    };
    stream.write_all(begin.as_bytes()).await?;
    open.set(open.get() + 1);
    let _open = Open(Rc::clone(open));
    loop {
        sleep(DRIBBLE).await;
        if n % 3 == 2 {
            stream.read_exact(&mut [0]).await?;
        } else {
            stream.write_all(b"x").await?;
        }
    }
}
