//! One measurement: the product's own generator against one proxy.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use pulsegate::bench::load::{Measured, Plan, Precise, Protocol, Request, Server, run};
use pulsegate::bench::measure::{Arrivals, Schedule, Step};
use pulsegate::bench::report::svg;
use pulsegate::bench::view::{self, Mark, Setting};
use pulsegate::model::UnixMillis;

use crate::rig::backend::SMALL;
use crate::rig::results::Results;
use crate::rows::Row;
use crate::witness::now;
use crate::{Args, Bench};

/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(5);
/// The generator's lateness at p99 from which on a measurement is void.
pub(crate) const LATE_LIMIT: Duration = Duration::from_micros(100);

/// So often a measurement is repeated at most.
const AGAIN_MAX: usize = 25;

/// What is asked, and how.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) target: SocketAddr,
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) connections: usize,
    /// The generator has its core to itself and may watch the clock.
    pub(crate) alone: bool,
}

impl Load {
    fn plan(&self, args: &Args) -> Result<Plan> {
        let url = format!("http://{}{}", self.target, SMALL.path);
        let step = Step { rate: self.rate, length: Duration::from_secs_f64(args.seconds) };
        Ok(Plan {
            request: Request::new(&url, "GET", &[], Bytes::new())?,
            schedule: Schedule::new(vec![step], Arrivals::Constant)?,
            warm_up: Duration::from_secs_f64(args.warm_up),
            connections: self.connections,
            protocol: Protocol::Http1,
            insecure: false,
            timeout: PATIENCE,
        })
    }

    /// Warms the proxy up on the connections that then count.
    pub(crate) async fn ask(&self, args: &Args) -> Result<(Plan, Measured)> {
        let plan = self.plan(args)?;
        let server = Server::find(&plan).await?;
        let watched = if self.alone { Precise::WATCHED } else { Duration::ZERO };
        let pace = Precise::new(watched)?;
        let measured = run(&plan, &server, pace, std::future::pending(), |_| ()).await?;
        Ok((plan, measured))
    }

    /// Measures.
    pub(crate) async fn measure(&self, bench: &Bench<'_>) -> Result<Calm<Taken>> {
        calmly(bench, async || {
            let (plan, measured) = self.ask(bench.args).await?;
            Ok(Taken { plan, measured, marks: Vec::new() })
        })
        .await
    }
}

/// A measurement.
pub(crate) struct Taken {
    pub(crate) plan: Plan,
    pub(crate) measured: Measured,
    /// What was done to the proxy.
    pub(crate) marks: Vec<Mark>,
}

/// What was measured, and how calm the machine was.
pub(crate) struct Calm<T> {
    pub(crate) taken: T,
    /// How long the machine stood still meanwhile.
    pub(crate) still: Duration,
    /// That was not for too long.
    pub(crate) calm: bool,
    /// Measurements before this one during which it did so for too long.
    pub(crate) again: usize,
}

/// Measures until the machine does not stand still for too long meanwhile, or has done so so often
/// that there is no end to it.
pub(crate) async fn calmly<T>(
    bench: &Bench<'_>,
    mut measure: impl AsyncFnMut() -> Result<T>,
) -> Result<Calm<T>> {
    let mut again = 0;
    loop {
        let since = now();
        let taken = measure().await?;
        let still = bench.witnesses.stood_still(since)?;
        // A tenth of what p99 leaves out.
        let calm = still.as_secs_f64() <= bench.args.seconds / 1_000.0;
        if calm || again == AGAIN_MAX {
            return Ok(Calm { taken, still, calm, again });
        }
        again += 1;
    }
}

/// The measurement as a line of raw data.
pub(crate) fn row(part: &str, side: &str, round: usize, rate: f64, calm: &Calm<Taken>) -> Row {
    let tally = &calm.taken.measured.tally;
    let latency_us = |quantile| tally.from_due.value_at_quantile(quantile) as f64 / 1e3;
    Row {
        part: part.to_owned(),
        side: side.to_owned(),
        round,
        rate,
        p50_us: latency_us(0.5),
        p99_us: latency_us(0.99),
        p99_9_us: latency_us(0.999),
        late_p99_us: tally.late.value_at_quantile(0.99) as f64 / 1e3,
        answered: tally.answers(),
        failed: tally.failures(),
        waited: tally.waited,
        still_us: calm.still.as_secs_f64() * 1e6,
        calm: calm.calm,
        again: calm.again,
    }
}

/// One line of progress.
pub(crate) fn line(row: &Row) -> String {
    format!(
        "  {:10} round {:2}  {:10} {:>6.0}/s  p50 {:.0}  p99 {:.0}  p99.9 {:.0}  late p99 {:.1} us  failed {}  \
         still {:.0} us, again {}",
        row.part,
        row.round + 1,
        row.side,
        row.rate,
        row.p50_us,
        row.p99_us,
        row.p99_9_us,
        row.late_p99_us,
        row.failed,
        row.still_us,
        row.again
    )
}

/// Draws a measurement, with what happened during it.
pub(crate) fn draw(results: &Results, name: &str, taken: Taken) -> Result<()> {
    let Taken { plan, measured, marks, .. } = taken;
    // The date is the folder's; the port of a moment says nothing to anybody.
    let setting = Setting { started: UnixMillis(0), targets: &[], late_limit: LATE_LIMIT };
    let mut report = view::report(&plan, &setting, &measured);
    report.run.url = name.to_owned();
    report.run.started = format!("{:.0} requests per second", plan.schedule.steps()[0].rate);
    report.marks = marks;
    results.write(&format!("{name}.svg"), &svg(&report)?)
}
