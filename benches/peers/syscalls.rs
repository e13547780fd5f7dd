//! System calls per small request, counted by strace.
//!
//! The figure that no noise on the machine can change, and the reason for most of the CPU time.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use crate::report::Report;
use crate::rig::backend::SMALL;
use crate::rig::load::{Load, Running};
use crate::rig::process::{PROXY_CORE, Process};
use crate::rig::proxy::{Proxy, Recipe, Task};
use crate::rig::results::say;

/// As in the scenario `small-64`.
const CONNECTIONS: usize = 64;
const COUNTED: Duration = Duration::from_secs(2);
const STRACE_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// Calls per request by name.
pub(crate) type Calls = Vec<(String, f64)>;

/// Counts every proxy's calls; without strace the report says so.
pub(crate) async fn count(
    recipes: &[Recipe],
    upstream: SocketAddr,
    protocol: &'static str,
    report: &mut Report,
) -> Result<()> {
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        return say("syscalls: skipped, strace is not installed");
    }
    say(&format!("syscalls: {CONNECTIONS} kept-alive connections under strace -c -f"))?;
    let backends = &[upstream];
    let task = Task { backends, workers: 1, cores: PROXY_CORE, checks: true, protocol };
    for recipe in recipes {
        let proxy = Proxy::start(recipe, task).await?;
        let calls = counted(&proxy, protocol).await?;
        report.syscalls(recipe.name, calls);
    }
    Ok(())
}

async fn counted(proxy: &Proxy, protocol: &'static str) -> Result<Calls> {
    let file = proxy.dir.path().join("strace");
    let strace = attach(proxy, &file).await?;
    let running = Running::start(&Load {
        target: proxy.address,
        connections: CONNECTIONS,
        streams: 1,
        page: SMALL,
        protocol,
        close: false,
        patience: None,
    })?;
    sleep(COUNTED).await;
    let requests = running.tally().requests();
    ensure!(running.stop().await == 0 && requests > 0, "requests failed under strace");
    strace.signal(Signal::INT)?;
    let deadline = Instant::now() + STRACE_LIMIT;
    while summary(&file).is_empty() && Instant::now() < deadline {
        sleep(POLL).await;
    }
    Ok(per_request(&summary(&file), requests))
}

/// Starts strace on all processes of the proxy and waits until it traces them.
async fn attach(proxy: &Proxy, file: &Path) -> Result<Process> {
    let pids = proxy.process.tree();
    let mut command: Vec<OsString> =
        vec!["strace".into(), "-c".into(), "-f".into(), "-o".into(), file.into()];
    for pid in &pids {
        command.extend(["-p".into(), pid.to_string().into()]);
    }
    let strace =
        Process::start("strace", PROXY_CORE, &command, &proxy.dir.path().join("strace.log"))?;
    let deadline = Instant::now() + STRACE_LIMIT;
    while !pids.iter().all(|pid| traced(*pid)) {
        ensure!(Instant::now() < deadline, "strace cannot attach");
        sleep(POLL).await;
    }
    Ok(strace)
}

/// Whether all threads of a process have a tracer.
fn traced(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.flatten().all(|thread| {
        fs::read_to_string(thread.path().join("status"))
            .is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
    })
}

fn summary(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// Reads the summary's lines: `% time, seconds, usecs/call, calls, [errors,] syscall`.
fn per_request(summary: &str, requests: u64) -> Calls {
    let mut calls: Calls = summary
        .lines()
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let count: f64 = fields.get(3)?.parse().ok()?;
            let name = *fields.last()?;
            (name != "total").then(|| (name.to_owned(), count / requests as f64))
        })
        .filter(|(_, count)| *count >= 0.005)
        .collect();
    calls.sort_by(|a, b| b.1.total_cmp(&a.1));
    calls
}
