//! One of four backends stopped for five seconds under load.
//!
//! A stopped process still accepts connections and never answers. With a turn in four leading
//! there, every connection of a closed loop soon waits on it, and nothing moves until somebody
//! takes those requests away.

use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, sleep_until};

use crate::report::Report;
use crate::rig::backend::SMALL;
use crate::rig::load::{Load, Running};
use crate::rig::process::PROXY_CORE;
use crate::rig::proxy::{Proxy, Recipe, Task};
use crate::rig::results::say;
use crate::rig::tally::Tally;
use crate::{backend, sites};

pub(crate) const NAME: &str = "stall";

const BACKENDS: usize = 4;
const CONNECTIONS: usize = 32;
const WARM_UP: Duration = Duration::from_secs(3);
const BEFORE: Duration = Duration::from_secs(3);
const STOPPED: Duration = Duration::from_secs(5);
const AFTER: Duration = Duration::from_secs(3);
/// Throughput is counted in buckets of this length.
pub(crate) const BUCKET: Duration = Duration::from_millis(100);
/// Longer than any proxy's own deadline here: what fails, the proxy failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was seen in one round.
pub(crate) struct Stall {
    pub(crate) proxy: &'static str,
    pub(crate) round: usize,
    /// Good answers in each bucket, from the start of the quiet span on.
    pub(crate) buckets: Vec<u64>,
    /// All but the warm-up.
    pub(crate) tally: Tally,
    /// Of them those that were stuck at the end.
    pub(crate) stuck: u64,
}

impl Stall {
    /// Answers per second before the stop.
    pub(crate) fn before(&self) -> f64 {
        rate(&self.buckets[..self.stop_at()])
    }

    /// Throughput from 2 s after the stop until the process goes on, as a part of that before.
    pub(crate) fn recovered(&self) -> f64 {
        let from = self.stop_at() + buckets(Duration::from_secs(2));
        rate(&self.buckets[from..self.stop_at() + buckets(STOPPED)]) / self.before()
    }

    /// Throughput while the process was stopped, as a part of that before.
    pub(crate) fn meanwhile(&self) -> f64 {
        let stop = self.stop_at();
        rate(&self.buckets[stop..stop + buckets(STOPPED)]) / self.before()
    }

    /// From the stop until the last bucket below half of the throughput before, in milliseconds.
    pub(crate) fn stalled_ms(&self) -> f64 {
        let half = self.before() * BUCKET.as_secs_f64() / 2.0;
        let stopped = &self.buckets[self.stop_at()..];
        let last = stopped.iter().rposition(|count| (*count as f64) < half);
        last.map_or(0.0, |last| (last + 1) as f64 * BUCKET.as_secs_f64() * 1e3)
    }

    /// Requests without a whole, right answer.
    pub(crate) fn failed(&self) -> u64 {
        self.tally.failed_requests() + self.stuck
    }

    /// The longest a request took, in milliseconds.
    pub(crate) fn longest_ms(&self) -> f64 {
        self.tally.quantile_us(1.0) / 1e3
    }

    fn stop_at(&self) -> usize {
        buckets(BEFORE)
    }
}

fn buckets(span: Duration) -> usize {
    (span.as_millis() / BUCKET.as_millis()) as usize
}

fn rate(buckets: &[u64]) -> f64 {
    buckets.iter().sum::<u64>() as f64 / (buckets.len() as f64 * BUCKET.as_secs_f64())
}

/// Both contenders, `rounds` times, interleaved.
pub(crate) async fn run(rounds: usize, report: &mut Report) -> Result<()> {
    for round in 0..rounds {
        for recipe in [sites::PROCESS, sites::HAPROXY] {
            let stall = one(&recipe, round).await?;
            say(&format!(
                "round {} {:10} failed {} longest {:.0} ms stalled {:.0} ms recovered {:.2} meanwhile {:.2}",
                round + 1,
                recipe.name,
                stall.failed(),
                stall.longest_ms(),
                stall.stalled_ms(),
                stall.recovered(),
                stall.meanwhile(),
            ))?;
            report.stalls.push(stall);
        }
    }
    Ok(())
}

async fn one(recipe: &Recipe, round: usize) -> Result<Stall> {
    let dir = TempDir::with_prefix("pulsegate-bench-")?;
    let backends = backend::start(BACKENDS, dir.path()).await?;
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let task = Task {
        backends: &addresses,
        workers: 1,
        cores: PROXY_CORE,
        checks: true,
        protocol: "http",
    };
    let proxy = Proxy::start(recipe, task).await?;
    let running = Running::start(&Load {
        target: proxy.address,
        connections: CONNECTIONS,
        streams: 1,
        page: SMALL,
        protocol: "http",
        close: false,
        patience: Some(PATIENCE),
    })?;
    sleep(WARM_UP).await;
    running.reset();
    let mut counts = vec![0];
    let start = Instant::now();
    count(&running, start, BEFORE, &mut counts).await;
    backends[0].process.signal(Signal::STOP)?;
    count(&running, start, BEFORE + STOPPED, &mut counts).await;
    backends[0].process.signal(Signal::CONT)?;
    count(&running, start, BEFORE + STOPPED + AFTER, &mut counts).await;
    let tally = running.tally();
    let stuck = running.stop().await;
    let buckets = counts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    Ok(Stall { proxy: recipe.name, round, buckets, tally, stuck })
}

/// Notes how many answers there are at the end of each bucket, until `until` after `start`.
async fn count(running: &Running, start: Instant, until: Duration, counts: &mut Vec<u64>) {
    while BUCKET * counts.len() as u32 <= until {
        sleep_until(start + BUCKET * counts.len() as u32).await;
        counts.push(running.tally().requests());
    }
}
