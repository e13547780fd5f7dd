//! Three times what backends can bear, of which a tenth must not fail.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use memchr::memmem;
use pulsegate::bench::load::{Measured, Plan, Precise, Protocol, Request, Server, run as ask};
use pulsegate::bench::measure::{Arrivals, Schedule, Step};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::Args;
use crate::report::Report;
use crate::rig::backend::{self, SMALL};
use crate::rig::process::{PROXY_CORE, Process};
use crate::rig::proxy::{Proxy, Site, Task, free_address};
use crate::rig::results::say;
use crate::saturation::saturation;
use crate::sites::{BARE, shedding};

pub(crate) const NAME: &str = "shed";
const BACKENDS: usize = 4;
/// Requests that a backend works at; others wait inside it, as in most servers.
const SLOTS: usize = 8;
/// How long it works at one.
const WORK: Duration = Duration::from_millis(10);
/// How much is asked, of what saturates the backends.
const TIMES: f64 = 3.0;
const CRITICAL: f64 = 0.1;
/// What the zone declares that it can carry, of what saturates it.
const DECLARED: f64 = 0.95;
const P99_RATIO_MAX: f64 = 2.0;
const LOST_MAX: f64 = 0.1;
const PATIENCE: Duration = Duration::from_secs(5);
/// Until it has been seen how much is asked.
const LEARN: f64 = 4.0;

pub(crate) async fn run(args: &Args, report: &mut Report) -> Result<()> {
    let mut backends = Vec::new();
    for _ in 0..BACKENDS {
        let listener = backend::bind(([127, 0, 0, 1], 0).into())?;
        backends.push(listener.local_addr()?);
        spawn_local(serve(listener));
    }
    let task = |backends| Task {
        backends,
        workers: 1,
        cores: PROXY_CORE,
        checks: false,
        protocol: "http",
    };
    let saturated = {
        let plain = Proxy::start(&BARE, task(&backends)).await?;
        saturation(args, plain.address, BACKENDS * SLOTS * 2).await?
    };
    let (dir, listen) = (TempDir::with_prefix("pulsegate-bench-")?, free_address()?);
    let site = Site { task: task(&backends), dir: dir.path(), listen };
    let command = shedding(&site, (saturated * DECLARED) as u64)?;
    let log = dir.path().join("output");
    let mut process = Process::start(NAME, PROXY_CORE, &command, &log)?;
    process.listening(listen).await?;
    let (all, critical) = (saturated * TIMES, saturated * TIMES * CRITICAL);
    for round in 0..args.rounds {
        let alone = asked(listen, critical, "critical", args.seconds).await?;
        let both = async |seconds| {
            let others = asked(listen, all - critical, "low", seconds);
            let (others, few) = tokio::join!(others, asked(listen, critical, "critical", seconds));
            Ok::<_, anyhow::Error>((others?, few?))
        };
        both(LEARN).await?;
        let (others, few) = both(args.seconds).await?;
        let p99 = |run: &Measured| run.tally.from_due.value_at_quantile(0.99) as f64 / 1e6;
        // The last answers come after the last request was due.
        let took = others.elapsed.max(few.elapsed).as_secs_f64();
        let answered = others.tally.answers() + few.tally.answers();
        let goodput = answered as f64 / took / saturated;
        let lost = few.tally.failures();
        say(&format!(
            "shed      round {:2}  critical: {lost} failed, p99 {:.1} ms alone, {:.1} ms; goodput {goodput:.3}",
            round + 1,
            p99(&alone),
            p99(&few)
        ))?;
        for (side, what, value) in [
            ("alone", "critical_p99_ms", p99(&alone)),
            ("loaded", "critical_p99_ms", p99(&few)),
            ("loaded", "critical_failed", lost as f64),
            ("loaded", "goodput", goodput),
        ] {
            report.row(NAME, side, round, what, value);
        }
        // What waits in backends is worked off before anybody is alone again.
        sleep(Duration::from_secs(1)).await;
    }
    figures(report, saturated);
    Ok(())
}

fn figures(report: &mut Report, saturated: f64) {
    let sum: f64 = report.values(NAME, "loaded", "critical_failed").into_iter().sum();
    let note = format!("{:.0}/s asked of backends that bear {saturated:.0}/s", saturated * TIMES);
    report.figure("3 × saturation: critical requests failed", Some(0.0), sum, 0, note);
    let (ratio, note) = report.ratio(NAME, ["loaded", "alone"], "critical_p99_ms");
    let what = "3 × saturation: critical p99, of that without the others";
    report.figure(what, Some(P99_RATIO_MAX), ratio, 2, note);
    let mut goodput = report.values(NAME, "loaded", "goodput");
    goodput.sort_by(f64::total_cmp);
    let median = goodput.get(goodput.len() / 2).copied().unwrap_or(f64::NAN);
    let what = "3 × saturation: goodput lost, of the saturating throughput";
    report.figure(what, Some(LOST_MAX), 1.0 - median, 3, format!("goodput {median:.3}"));
}

/// Asks at this rate, as of this class.
async fn asked(target: SocketAddr, rate: f64, class: &str, seconds: f64) -> Result<Measured> {
    let url = format!("http://{target}{}", SMALL.path);
    let step = Step { rate, length: Duration::from_secs_f64(seconds) };
    let plan = Plan {
        request: Request::new(&url, "GET", &[format!("x-priority: {class}")], Bytes::new())?,
        schedule: Schedule::new(vec![step], Arrivals::Constant)?,
        connections: 128,
        protocol: Protocol::Http1,
        insecure: false,
        timeout: PATIENCE,
        warm_up: Duration::ZERO,
    };
    let server = Server::find(&plan).await?;
    let pace = Precise::new(Duration::ZERO)?;
    Ok(ask(&plan, &server, pace, std::future::pending(), |_| ()).await?)
}

async fn serve(listener: TcpListener) {
    let slots = Rc::new(Semaphore::new(SLOTS));
    while let Ok((stream, _)) = listener.accept().await {
        let slots = Rc::clone(&slots);
        // How a connection ends is the proxy's affair.
        spawn_local(async move { answer(stream, &slots).await });
    }
}

async fn answer(mut stream: TcpStream, slots: &Semaphore) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", SMALL.length);
    let mut answer = head.into_bytes();
    answer.resize(answer.len() + SMALL.length, b'x');
    let mut bytes = Vec::new();
    loop {
        while memmem::find(&bytes, b"\r\n\r\n").is_none() {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        bytes.clear();
        let slot = slots.acquire().await.ok()?;
        sleep(WORK).await;
        drop(slot);
        stream.write_all(&answer).await.ok()?;
    }
}
