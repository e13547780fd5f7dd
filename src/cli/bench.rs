//! `pulsegate bench`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use tokio::task::LocalSet;

use super::bench_args::{ArrivalsArg, BenchArgs};
use super::failure::{Failure, note, print};
use super::marks;
use crate::app;
use crate::bench::load::{
    self, Measured, Plan, Precise, Progress, Protocol, Refusal, Request, Server,
};
use crate::bench::measure::{Arrivals, Schedule, Step};
use crate::bench::report;
use crate::bench::view::{self, Report, Setting, Verdict};
use crate::model::UnixMillis;

pub(super) fn execute(args: &BenchArgs) -> Result<(), Failure> {
    if !args.compare.is_empty() {
        return compare(&args.compare);
    }
    let plan = plan(args)?;
    app::raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let report = local.block_on(&runtime, run(args, &plan))?;
    if let Some(path) = &args.report {
        let is_page = path.extension().is_some_and(|kind| kind == "html");
        let picture = if is_page { report::html(&report) } else { report::svg(&report) };
        fs::write(path, picture?).with_context(|| format!("--report {}", path.display()))?;
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    } else {
        print(&report::text(&report))?;
    }
    match report.verdict {
        Verdict::Met => Ok(()),
        Verdict::Missed => Err(anyhow!("a target is missed").into()),
        Verdict::Void => Err(anyhow!("the run is void").into()),
    }
}

/// What to do, or what is wrong with it: all of that is bad usage.
fn plan(args: &BenchArgs) -> Result<Plan, Failure> {
    let body = match &args.body_file {
        Some(path) => fs::read(path)
            .with_context(|| format!("--body-file {}", path.display()))
            .map_err(Failure::Bad)?,
        None => Vec::new(),
    };
    // Only a comparison does without.
    let url = args.url.as_deref().unwrap_or_default();
    let request = Request::new(url, &args.method, &args.header, Bytes::from(body))
        .map_err(|error| Failure::Bad(error.into()))?;
    let arrivals = match args.arrivals {
        ArrivalsArg::Constant => Arrivals::Constant,
        ArrivalsArg::Poisson => Arrivals::Poisson { seed: args.seed },
    };
    let steps = match &args.ramp[..] {
        [] => vec![Step { rate: args.rate, length: args.duration }],
        steps => steps.to_vec(),
    };
    let schedule = Schedule::new(steps, arrivals).map_err(|error| Failure::Bad(error.into()))?;
    let protocol = match args.h2 {
        true => Protocol::Http2 { streams: args.streams as usize },
        false => Protocol::Http1,
    };
    Ok(Plan {
        request,
        schedule,
        connections: args.connections as usize,
        protocol,
        insecure: args.insecure,
        warm_up: args.warm_up.unwrap_or_default(),
        timeout: args.timeout,
    })
}

/// Compares results that were saved before.
fn compare(paths: &[PathBuf]) -> Result<(), Failure> {
    if !paths.len().is_multiple_of(2) {
        return Err(Failure::Bad(anyhow!("--compare: expected pairs of files, A and B in turn")));
    }
    let reports: Vec<Report> = paths.iter().map(|path| saved(path)).collect::<Result<_, _>>()?;
    let pairs: Vec<(Report, Report)> =
        reports.chunks_exact(2).map(|two| (two[0].clone(), two[1].clone())).collect();
    let (text, slower) = report::comparison(&pairs);
    print(&text)?;
    if slower { Err(anyhow!("B is slower").into()) } else { Ok(()) }
}

fn saved(path: &Path) -> Result<Report, Failure> {
    let read = || {
        let text = fs::read(path)?;
        anyhow::Ok(serde_json::from_slice(&text)?)
    };
    read().with_context(|| format!("--compare {}", path.display())).map_err(Failure::Bad)
}

async fn run(args: &BenchArgs, plan: &Plan) -> Result<Report, Failure> {
    if let Some(source) = &args.scenario {
        // A source that cannot be read is told now, not after the run.
        marks::read(source).await.map_err(Failure::Bad)?;
    }
    let server = Server::find(plan).await.map_err(refused)?;
    let pace = Precise::new(Precise::WATCHED)?;
    let (tell, teller) = teller(plan.schedule.length());
    let stop = async {
        // Without a handler Ctrl-C would end the process, which is the next best thing.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    // Only a teller that has died does not listen, and the run is worth more than its progress.
    let progress = |progress: &Progress| _ = tell.send(*progress);
    let measured = load::run(plan, &server, pace, stop, progress).await;
    drop(tell);
    drop(teller.join());
    let measured: Measured = measured.map_err(refused)?;
    let ago_ms = measured.began.elapsed().as_millis() as u64;
    let started = UnixMillis(app::wall_clock().0.saturating_sub(ago_ms));
    let setting = Setting { started, targets: &args.target, late_limit: args.late_limit };
    let mut report = view::report(plan, &setting, &measured);
    if let Some(source) = &args.scenario {
        let events = marks::read(source).await?;
        report.marks = marks::during(&report.run, &events);
    }
    Ok(report)
}

/// Prints progress from a thread of its own: a slow terminal must not hold up the generator.
fn teller(length: Duration) -> (mpsc::Sender<Progress>, thread::JoinHandle<()>) {
    let (tell, told) = mpsc::channel::<Progress>();
    let print = move || told.iter().for_each(|it| note(&report::progress(&it, length)));
    (tell, thread::spawn(print))
}

fn refused(refusal: Refusal) -> Failure {
    Failure::Failed(refusal.into())
}
