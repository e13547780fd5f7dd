//! Child processes: pinned to a core, awaited, ended by pid, and their memory read.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// Where a proxy with one worker runs.
pub(crate) const PROXY_CORE: &str = "0";
/// Where load and backends run.
pub(crate) const LOAD_CORE: &str = "1";
/// How long a child may take to listen.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long a child may take to end when asked to.
const END_LIMIT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(10);

/// Starts this program again on the load's core, in this process and with `--pinned`; returns only
/// if it cannot.
pub(crate) fn pin() -> Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    ensure!(cores >= 2, "two cores are needed: one for the proxy, one for the load");
    let error = Command::new("taskset")
        .args(["-c", LOAD_CORE])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .arg("--pinned")
        .exec();
    bail!("cannot run taskset: {error}")
}

/// A child process; dropping it ends it and whatever it started.
pub(crate) struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts a command on these cores (as `taskset -c` takes them), with its output in `log`.
    ///
    /// The kernel ends it should this process die without a chance to.
    pub(crate) fn start(name: &str, cores: &str, command: &[OsString], log: &Path) -> Result<Self> {
        let log = File::create(log)?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "taskset", "-c", cores])
            .args(command)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {name} (setpriv and taskset are needed)"))?;
        Ok(Self { name: name.to_owned(), child })
    }

    /// Waits until something listens on this address.
    pub(crate) async fn listening(&mut self, address: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended before it listened: {status}", self.name);
            }
            if Instant::now() > deadline {
                bail!("{} does not listen on {address}", self.name);
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process and all it started that still run, itself first.
    pub(crate) fn tree(&self) -> Vec<u32> {
        let mut pids = vec![self.pid()];
        let mut next = 0;
        while let Some(pid) = pids.get(next) {
            pids.extend(children(*pid));
            next += 1;
        }
        pids
    }

    /// Resident memory of the whole tree, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        self.tree().into_iter().map(resident_kib).sum()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        send(self.pid(), signal).with_context(|| format!("cannot signal {}", self.name))
    }

    fn ended_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(POLL);
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.signal(Signal::TERM).is_ok() && self.ended_within(END_LIMIT) {
            return;
        }
        // While the parent is not yet reaped its children cannot be anybody else's.
        for pid in self.tree().into_iter().rev() {
            let _ = send(pid, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn send(pid: u32, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(pid.cast_signed()).context("not a process id")?;
    Ok(kill_process(pid, signal)?)
}

/// Children of all threads of a process.
fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().flat_map(str::parse).collect::<Vec<_>>())
        .collect()
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse().ok())
        .unwrap_or(0)
}
