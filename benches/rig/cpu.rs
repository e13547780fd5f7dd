//! CPU time of a proxy: all threads of all its processes.
//!
//! The total is the scheduler's own, in nanoseconds (`schedstat`); how it divides into user and
//! system time is known in ticks only (`stat`), so that is used as a ratio.

use std::fs;
use std::ops::Sub;

use anyhow::{Context, Result};

use crate::rig::process::Process;

/// CPU time used up to a moment, or between two.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Time on a CPU.
    pub(crate) nanoseconds: u64,
    /// User time in clock ticks.
    pub(crate) user_ticks: u64,
    /// System time in clock ticks.
    pub(crate) system_ticks: u64,
}

impl Usage {
    /// What a process and all it started have used so far.
    pub(crate) fn of(process: &Process) -> Result<Self> {
        let mut total = Self::default();
        for pid in process.tree() {
            total.add(pid).with_context(|| format!("cannot read CPU time of process {pid}"))?;
        }
        Ok(total)
    }

    fn add(&mut self, pid: u32) -> Result<()> {
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let schedstat = fs::read_to_string(thread?.path().join("schedstat"))?;
            let run = schedstat.split(' ').next().context("empty schedstat")?;
            self.nanoseconds += run.parse::<u64>()?;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in parentheses may hold anything; utime and stime are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        self.user_ticks += ticks.next().context("no utime")??;
        self.system_ticks += ticks.next().context("no stime")??;
        Ok(())
    }

    /// User time's part of the total, 0..=1.
    pub(crate) fn user_share(&self) -> f64 {
        self.user_ticks as f64 / ((self.user_ticks + self.system_ticks) as f64).max(1.0)
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            nanoseconds: self.nanoseconds.saturating_sub(before.nanoseconds),
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(before.system_ticks),
        }
    }
}
