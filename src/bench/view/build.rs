//! From what was counted to what is shown.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::{
    Generator, Kind, Latency, Point, Report, Requests, Run, Step, Target, Timeline, Verdict, Window,
};
use crate::bench::load::{Measured, Plan, Protocol};
use crate::bench::measure::{self, Arrivals, Schedule, Tally};
use crate::model::{UnixMillis, printable};

/// What is known of a run besides its plan and what was measured.
#[derive(Clone, Debug)]
pub struct Setting<'s> {
    /// When the first request was due.
    pub started: UnixMillis,
    /// What it must reach.
    pub targets: &'s [measure::Target],
    /// How late the generator may be at the 99th percentile.
    pub late_limit: Duration,
}

/// The view of one run.
#[must_use]
pub fn report(plan: &Plan, setting: &Setting<'_>, measured: &Measured) -> Report {
    let tally = &measured.tally;
    let targets: Vec<Target> = setting.targets.iter().map(|it| target(it, tally)).collect();
    let generator = generator(&tally.late, setting.late_limit);
    let verdict = if generator.late_p99_us > generator.limit_us {
        Verdict::Void
    } else if targets.iter().all(|target| target.met) {
        Verdict::Met
    } else {
        Verdict::Missed
    };
    Report {
        run: run(plan, setting.started, measured),
        requests: requests(&plan.schedule, measured),
        errors: tally
            .faults()
            .map(|(fault, count)| Kind { kind: fault.name().to_owned(), count })
            .collect(),
        latency: latency(&tally.from_due),
        latency_from_send: latency(&tally.from_send),
        generator,
        curve: curve(tally),
        timeline: timeline(&tally.timeline),
        marks: Vec::new(),
        targets,
        verdict,
    }
}

fn run(plan: &Plan, started: UnixMillis, measured: &Measured) -> Run {
    let (arrivals, seed) = match plan.schedule.arrivals() {
        Arrivals::Constant => ("constant", None),
        Arrivals::Poisson { seed } => ("poisson", Some(seed)),
    };
    let (protocol, streams) = match plan.protocol {
        Protocol::Http1 => ("HTTP/1.1", 1),
        Protocol::Http2 { streams } => ("HTTP/2", streams),
    };
    let step = |it: &measure::Step| Step { rate: it.rate, length_ms: whole_ms(it.length) };
    Run {
        method: plan.request.method().to_string(),
        url: printable(&plan.request.url().to_string()).into_owned(),
        protocol: protocol.to_owned(),
        streams,
        connections: plan.connections,
        reopened: measured.reopened,
        started: started.to_string(),
        started_unix_ms: started.0,
        planned_ms: whole_ms(plan.schedule.length()),
        elapsed_ms: whole_ms(measured.elapsed),
        interrupted: measured.interrupted,
        arrivals: arrivals.to_owned(),
        seed,
        steps: plan.schedule.steps().iter().map(step).collect(),
    }
}

fn requests(schedule: &Schedule, measured: &Measured) -> Requests {
    let Measured { tally, elapsed, interrupted, unfinished, .. } = measured;
    // A run that ended with its last answer lasted at least as long as its schedule.
    let lasted = if *interrupted { *elapsed } else { schedule.length().max(*elapsed) };
    Requests {
        due: tally.requests(),
        answered: tally.answers(),
        failed: tally.failures(),
        unfinished: *unfinished,
        waited: tally.waited,
        answered_per_s: tally.answers() as f64 / lasted.as_secs_f64().max(1e-9),
    }
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    let quantile_ms = |quantile| ms(histogram.value_at_quantile(quantile));
    Latency {
        mean_ms: histogram.mean() / 1e6,
        p50_ms: quantile_ms(0.5),
        p90_ms: quantile_ms(0.9),
        p99_ms: quantile_ms(0.99),
        p99_9_ms: quantile_ms(0.999),
        p99_99_ms: quantile_ms(0.9999),
        max_ms: ms(histogram.max()),
    }
}

fn generator(late: &Histogram<u64>, limit: Duration) -> Generator {
    let quantile_us = |quantile| late.value_at_quantile(quantile) as f64 / 1e3;
    Generator {
        late_p50_us: quantile_us(0.5),
        late_p99_us: quantile_us(0.99),
        late_p99_9_us: quantile_us(0.999),
        late_max_us: late.max() as f64 / 1e3,
        limit_us: limit.as_nanos() as f64 / 1e3,
    }
}

/// Points that are ever closer towards 100: ten per halving of what is left, while a point still
/// stands for at least one answer.
fn curve(tally: &Tally) -> Vec<Point> {
    let answers = tally.answers();
    if answers == 0 {
        return Vec::new();
    }
    let mut points = Vec::new();
    let point = |quantile: f64| Point {
        percentile: quantile * 100.0,
        latency_ms: ms(tally.from_due.value_at_quantile(quantile)),
        latency_from_send_ms: ms(tally.from_send.value_at_quantile(quantile)),
    };
    let mut left = 1.0_f64;
    while left * answers as f64 >= 1.0 {
        for tenth in 0..10 {
            points.push(point(1.0 - left * (1.0 - f64::from(tenth) / 20.0)));
        }
        left /= 2.0;
    }
    points.push(point(1.0));
    points
}

fn timeline(timeline: &measure::Timeline) -> Timeline {
    let window = |window: &measure::Window| {
        let quantile_ms = |quantile| window.latency_ns(quantile).map(ms);
        Window {
            due: window.due,
            answered: window.answered,
            failed: window.failed,
            p50_ms: quantile_ms(0.5),
            p99_ms: quantile_ms(0.99),
            max_ms: quantile_ms(1.0),
        }
    };
    Timeline {
        window_ms: whole_ms(timeline.width()),
        windows: timeline.windows().iter().map(window).collect(),
    }
}

fn target(target: &measure::Target, tally: &Tally) -> Target {
    let (seen, met) = target.judge(tally);
    Target { target: target.text().to_owned(), measured: seen.to_string(), met }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn whole_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
