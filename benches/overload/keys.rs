//! A million keys of one rate limit: what do they take?

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::Args;
use crate::cpu::Usage;
use crate::report::Report;
use crate::rig::backend::{self, SMALL};
use crate::rig::exchange::exchange;
use crate::rig::process::PROXY_CORE;
use crate::rig::proxy::{Proxy, Task};
use crate::rig::results::say;
use crate::rig::scratch::Scratch;
use crate::rig::wire::Wire;
use crate::sites::KEYED;

pub(crate) const NAME: &str = "keys";
const KEYS: u64 = 1_000_000;
const CLIENTS: usize = 64;
/// Of the CPU time of a request whose key is always the same: a line of memory that is in no cache.
const RATIO_MAX: f64 = 1.05;
const MEMORY_MIB_MAX: f64 = 128.0;

/// Requests, each with the next key.
struct Keys {
    next: Cell<u64>,
    /// How many there are.
    of: u64,
}

pub(crate) async fn run(args: &Args, report: &mut Report) -> Result<()> {
    let listener = backend::bind(([127, 0, 0, 1], 0).into())?;
    let backends = &[listener.local_addr()?][..];
    backend::serve(vec![listener]);
    let task = Task { backends, workers: 1, cores: PROXY_CORE, checks: false, protocol: "http" };
    let proxy = Proxy::start(&KEYED, task).await?;
    // Whatever else a load needs is taken before the keys come.
    let one = Rc::new(Keys { next: Cell::new(0), of: 1 });
    let all = Rc::new(Keys { next: Cell::new(0), of: KEYS });
    once(args.length(), &proxy, &one).await?;
    let before = proxy.process.resident_kib();
    let begun = Instant::now();
    while all.next.get() < KEYS {
        once(Duration::from_secs(2), &proxy, &all).await?;
        ensure!(begun.elapsed() < Duration::from_secs(150), "{} keys only", all.next.get());
    }
    let memory = proxy.process.resident_kib() as f64 / 1024.0;
    for round in 0..args.rounds {
        for (side, keys) in [("one", &one), ("million", &all)] {
            let us = once(args.length(), &proxy, keys).await?;
            say(&format!("keys      round {:2}  {side:8} {us:.2} us per request", round + 1))?;
            report.row(NAME, side, round, "cpu_us", us);
        }
    }
    let (ratio, note) = report.ratio(NAME, ["million", "one"], "cpu_us");
    let what = "1,000,000 keys: CPU per request, of that with one key";
    report.figure(what, Some(RATIO_MAX), ratio, 3, note);
    // The limit's room is taken when it is configured, so what the keys add says nothing.
    let what = "1,000,000 keys: memory of the process, MiB";
    let note = format!("{before} KiB before the first of them");
    report.figure(what, Some(MEMORY_MIB_MAX), memory, 1, note);
    Ok(())
}

/// CPU time per request of a closed loop, in µs.
async fn once(length: Duration, proxy: &Proxy, keys: &Rc<Keys>) -> Result<f64> {
    let (until, scratch) = (Instant::now() + length, Scratch::new());
    let answered = Rc::new(Cell::new(0_u64));
    let before = Usage::of(&proxy.process)?;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (keys, scratch, answered) = (Rc::clone(keys), scratch.clone(), Rc::clone(&answered));
        let stream = TcpStream::connect(proxy.address).await?;
        stream.set_nodelay(true)?;
        clients.spawn_local(async move {
            let mut request = request();
            let at = request.len() - 12;
            let mut wire = Wire::Clear(stream);
            while Instant::now() < until {
                let key = keys.next.get();
                keys.next.set(key + 1);
                request[at..at + 8].copy_from_slice(format!("{:08}", key % keys.of).as_bytes());
                exchange(&mut wire, &scratch, &request, SMALL.length).await?;
                answered.set(answered.get() + 1);
            }
            Ok(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        if let Err(failure) = ended? {
            let failure: crate::rig::tally::Failure = failure;
            bail!("a request failed: {failure}");
        }
    }
    // What was used up to here belongs to these requests.
    sleep(Duration::from_millis(50)).await;
    let used = Usage::of(&proxy.process)? - before;
    ensure!(answered.get() > 0, "nothing was answered");
    Ok(used.nanoseconds as f64 / 1e3 / answered.get() as f64)
}

/// A request that ends in eight digits of its key and the empty line.
fn request() -> Vec<u8> {
    let path = SMALL.path;
    format!("GET {path} HTTP/1.1\r\nHost: bench.test\r\nX-Key: 00000000\r\n\r\n").into_bytes()
}
