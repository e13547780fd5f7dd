//! Did the machine stand still?
//!
//! A virtual machine is stopped by its host now and then, for milliseconds and without a word: steal
//! stays at 0. Such a pause ends up in the p99 of whoever was measured just then. So a process on each
//! core, of higher priority than anything that is measured there, sleeps for moments and notes when
//! it was woken late. Nothing that is measured can delay it, and what did is nobody's tail latency.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use crate::rig::process::{LOAD_CORE, PROXY_CORE, Process};

/// From one look at the clock to the next: half a percent of a core.
const EVERY: Duration = Duration::from_micros(500);
/// Woken later than this, the core stood still.
const PAUSE: Duration = Duration::from_micros(150);

/// A witness on each core, until this is dropped.
pub(crate) struct Witnesses {
    dir: TempDir,
    _processes: Vec<Process>,
}

impl Witnesses {
    /// Starts them.
    pub(crate) fn start() -> Result<Self> {
        let dir = TempDir::with_prefix("pulsegate-bench-")?;
        let witness = std::env::current_exe()?;
        let mut processes = Vec::new();
        for core in [PROXY_CORE, LOAD_CORE] {
            let command: [OsString; 5] = [
                "chrt".into(),
                "--fifo".into(),
                "1".into(),
                witness.clone().into(),
                "witness".into(),
            ];
            processes.push(Process::start("chrt", core, &command, &log(&dir, core))?);
        }
        Ok(Self { dir, _processes: processes })
    }

    /// How long the cores stood still since this moment, the one that did so longer.
    pub(crate) fn stood_still(&self, since: Duration) -> Result<Duration> {
        // A pause is noted when it is over.
        thread::sleep(EVERY * 2);
        let mut longest = Duration::ZERO;
        for core in [PROXY_CORE, LOAD_CORE] {
            let noted = fs::read_to_string(log(&self.dir, core))?;
            longest = longest.max(sum(&noted, since).with_context(|| noted.clone())?);
        }
        Ok(longest)
    }
}

fn log(dir: &TempDir, core: &str) -> PathBuf {
    dir.path().join(core)
}

/// The clock that all processes share.
pub(crate) fn now() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The pauses that ended after this moment; a line is an end and a length, in nanoseconds.
fn sum(noted: &str, since: Duration) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    // What comes after the last newline is not a whole line yet.
    for line in noted.rsplit_once('\n').map_or("", |(whole, _)| whole).lines() {
        let (end, length) = line.split_once(' ').context("a length is missing")?;
        let (end, length) = (end.parse()?, length.parse()?);
        if Duration::from_nanos(end) > since {
            sum += Duration::from_nanos(length);
        }
    }
    Ok(sum)
}

/// Notes on standard output when it was woken late, for as long as it lives.
pub(crate) fn watch() -> Result<()> {
    let mut out = std::io::stdout().lock();
    loop {
        let due = now() + EVERY;
        thread::sleep(EVERY);
        let woken = now();
        let late = woken.saturating_sub(due);
        if late > PAUSE {
            out.write_all(format!("{} {}\n", woken.as_nanos(), late.as_nanos()).as_bytes())?;
        }
    }
}
