//! What the kernel and Pulsegate itself have counted so far.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::process::Process;

/// The layers, as metrics name them.
pub(crate) const LAYERS: [&str; 4] = ["network", "process", "application", "business"];

/// Counts up to a moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Time on a CPU, by the name of the thread; threads of one name together.
    pub(crate) cpu_ns: BTreeMap<String, u64>,
    /// Of each layer, probes that passed, failed, and that the prober could not judge.
    pub(crate) results: [[u64; 3]; 4],
    /// Sockets of the process now.
    pub(crate) sockets: u64,
    /// Connections of the whole machine in TIME_WAIT now.
    pub(crate) time_wait: u64,
}

impl Counts {
    /// The counts of now.
    pub(crate) async fn take(pulsegate: &Process, admin: SocketAddr) -> Result<Self> {
        let metrics = metrics(admin).await?;
        let results = LAYERS
            .map(|layer| ["pass", "fail", "void"].map(|result| ended(&metrics, layer, result)));
        let pid = pulsegate.pid();
        let (cpu_ns, sockets) = (cpu_ns(pid)?, sockets(pid)?);
        Ok(Self { cpu_ns, results, sockets, time_wait: time_wait()? })
    }
}

/// Probes that ended in a span, over all layers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// Badly.
    pub(crate) failed: u64,
    /// Without a verdict, because the prober itself was late.
    pub(crate) void: u64,
}

impl Counts {
    /// What ended since an earlier moment.
    pub(crate) fn since(&self, before: &Self) -> Ended {
        let count = |result: usize| {
            let layers = self.results.iter().zip(&before.results);
            layers.map(|(now, before)| now[result] - before[result]).sum()
        };
        Ended { failed: count(1), void: count(2) }
    }
}

fn cpu_ns(pid: u32) -> Result<BTreeMap<String, u64>> {
    let mut threads = BTreeMap::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?.path();
        let name = fs::read_to_string(thread.join("comm"))?.trim().to_owned();
        let schedstat = fs::read_to_string(thread.join("schedstat"))?;
        let ns: u64 = schedstat.split(' ').next().context("empty schedstat")?.parse()?;
        *threads.entry(name).or_default() += ns;
    }
    Ok(threads)
}

fn sockets(pid: u32) -> Result<u64> {
    let is_socket = |target: &std::path::Path| target.to_string_lossy().starts_with("socket:");
    let open = fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    // A descriptor may be closed between the list and the look.
    Ok(open.filter(|fd| fs::read_link(fd.path()).is_ok_and(|it| is_socket(&it))).count() as u64)
}

fn time_wait() -> Result<u64> {
    let stat = fs::read_to_string("/proc/net/sockstat")?;
    let tcp = stat.lines().find_map(|line| line.strip_prefix("TCP:")).context("no TCP line")?;
    let mut words = tcp.split_whitespace().skip_while(|word| *word != "tw").skip(1);
    Ok(words.next().context("no tw")?.parse()?)
}

/// Probes of a layer that ended so.
fn ended(metrics: &str, layer: &str, result: &str) -> u64 {
    let name = format!("pulsegate_probes_total{{layer=\"{layer}\",result=\"{result}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
    value.and_then(|value| value.parse::<f64>().ok()).unwrap_or(0.0) as u64
}

async fn metrics(admin: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(admin).await?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}
