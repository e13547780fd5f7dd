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

use crate::Args;
use crate::rig::backend::SMALL;
use crate::rig::results::Results;
use crate::rows::Row;

/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(5);
/// The generator's lateness at p99 from which on a measurement is void.
pub(crate) const LATE_LIMIT: Duration = Duration::from_micros(100);

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
    fn plan(&self, seconds: f64) -> Result<Plan> {
        let url = format!("http://{}{}", self.target, SMALL.path);
        let step = Step { rate: self.rate, length: Duration::from_secs_f64(seconds) };
        Ok(Plan {
            request: Request::new(&url, "GET", &[], Bytes::new())?,
            schedule: Schedule::new(vec![step], Arrivals::Constant)?,
            connections: self.connections,
            protocol: Protocol::Http1,
            insecure: false,
            timeout: PATIENCE,
        })
    }

    /// Asks for so long.
    pub(crate) async fn ask(&self, seconds: f64) -> Result<(Plan, Measured)> {
        let plan = self.plan(seconds)?;
        let server = Server::find(&plan).await?;
        let watched = if self.alone { Precise::WATCHED } else { Duration::ZERO };
        let pace = Precise::new(watched)?;
        let measured = run(&plan, &server, pace, std::future::pending(), |_| ()).await?;
        Ok((plan, measured))
    }

    /// Warms the proxy up and measures.
    pub(crate) async fn measure(&self, args: &Args) -> Result<(Plan, Measured)> {
        self.ask(args.warm_up).await?;
        self.ask(args.seconds).await
    }
}

/// The measurement as a line of raw data.
pub(crate) fn row(part: &str, side: &str, round: usize, rate: f64, measured: &Measured) -> Row {
    let tally = &measured.tally;
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
    }
}

/// One line of progress.
pub(crate) fn line(row: &Row) -> String {
    format!(
        "  {:10} round {:2}  {:10} {:>6.0}/s  p50 {:.0}  p99 {:.0}  p99.9 {:.0}  late p99 {:.1} us  failed {}",
        row.part,
        row.round + 1,
        row.side,
        row.rate,
        row.p50_us,
        row.p99_us,
        row.p99_9_us,
        row.late_p99_us,
        row.failed
    )
}

/// Draws a measurement, with what happened during it.
pub(crate) fn draw(
    results: &Results,
    name: &str,
    plan: &Plan,
    measured: &Measured,
    marks: Vec<Mark>,
) -> Result<()> {
    // The date is the folder's; the port of a moment says nothing to anybody.
    let setting = Setting { started: UnixMillis(0), targets: &[], late_limit: LATE_LIMIT };
    let mut report = view::report(plan, &setting, measured);
    report.run.url = name.to_owned();
    report.run.started = format!("{:.0} requests per second", plan.schedule.steps()[0].rate);
    report.marks = marks;
    results.write(&format!("{name}.svg"), &svg(&report)?)
}
