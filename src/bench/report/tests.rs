//! What is shown for a fixed recorded histogram, letter by letter.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{comparison, html, progress, svg, text};
use crate::bench::load::{Measured, Plan, Progress, Protocol, Request};
use crate::bench::measure::{Arrivals, Exchange, Fault, Schedule, Step, Tally, Target};
use crate::bench::view::{Mark, Report, Setting, report};
use crate::model::UnixMillis;

/// A second at 1,000/s that stalls in its middle and fails twice; the moments are made up.
pub(super) fn recorded(arrivals: Arrivals, late_us: u64, targets: &str) -> Report {
    let length = Duration::from_secs(1);
    let mut tally = Tally::new(length).unwrap();
    for n in 0..1000_u64 {
        let due_ns = n * 1_000_000;
        tally.due(due_ns, due_ns + late_us * 1000 + n * 10, (500..600).contains(&n));
        match n {
            700 => tally.failed(due_ns, Fault::Timeout),
            701 => tally.failed(due_ns, Fault::ServerError),
            _ => {
                let sent_ns = if (500..600).contains(&n) { 600_000_000 } else { due_ns };
                let done_ns = sent_ns + 200_000 + n % 100 * 1000;
                tally.answered(Exchange { due_ns, sent_ns, done_ns });
            }
        }
    }
    let step = |rate| Step { rate, length: length / 2 };
    let plan = Plan {
        request: Request::new("http://127.0.0.1:8080/x", "GET", &[], Bytes::new()).unwrap(),
        schedule: Schedule::new(vec![step(800.0), step(1200.0)], arrivals).unwrap(),
        connections: 64,
        protocol: Protocol::Http1,
        insecure: false,
        warm_up: Duration::ZERO,
        timeout: length,
    };
    let measured = Measured {
        tally,
        began: Instant::now(),
        elapsed: Duration::from_millis(1001),
        interrupted: false,
        unfinished: 0,
        reopened: 2,
    };
    let targets: Vec<Target> = targets
        .split(' ')
        .filter(|it| !it.is_empty())
        .map(|it| Target::parse(it).unwrap())
        .collect();
    let setting = Setting {
        started: UnixMillis(1_795_000_000_000),
        targets: &targets,
        late_limit: Duration::from_micros(100),
    };
    report(&plan, &setting, &measured)
}

#[test]
fn the_text_is_golden() {
    let targets = "p50=50ms p99=20ms p99.9=1s errors=1%";
    insta::assert_snapshot!(text(&recorded(Arrivals::Constant, 2, targets)));
}

#[test]
fn a_late_generator_makes_the_run_void_whatever_else_it_shows() {
    let shown = text(&recorded(Arrivals::Poisson { seed: 7 }, 150, "p50=50ms"));
    assert!(shown.contains("poisson arrivals, seed 7"), "{shown}");
    assert!(shown.contains("met     p50=50ms"), "{shown}");
    assert!(shown.contains("VOID: the generator itself was late by more than 100 us"), "{shown}");
}

#[test]
fn the_json_is_golden_but_for_its_lists() {
    let mut report = recorded(Arrivals::Constant, 2, "p99=20ms");
    report.curve.truncate(2);
    report.timeline.windows.drain(..5);
    report.timeline.windows.truncate(2);
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn the_curve_rises_to_the_longest_latency() {
    let report = recorded(Arrivals::Constant, 2, "");
    let curve = &report.curve;
    assert!(curve.is_sorted_by(|a, b| a.percentile <= b.percentile));
    assert!(curve.is_sorted_by(|a, b| a.latency_ms <= b.latency_ms));
    let last = curve.last().unwrap();
    assert!((last.percentile - 100.0).abs() < f64::EPSILON);
    assert!((last.latency_ms - report.latency.max_ms).abs() < f64::EPSILON);
}

#[test]
fn a_second_is_one_line() {
    let second = Progress {
        elapsed: Duration::from_secs(12),
        due: 5000,
        answered: 4990,
        failed: 3,
        open: 7,
        p50_ns: 310_000,
        p99_ns: 1_200_000,
        max_ns: 3_000_000,
    };
    insta::assert_snapshot!(
        progress(&second, Duration::from_secs(30)),
        @"  12s of 30s  due 5000  answered 4990  failed 3  open 7  p50 0.310 ms  p99 1.200 ms  max 3.000 ms"
    );
}

#[test]
fn the_picture_has_all_that_happened_and_nothing_hostile() {
    let mut report = recorded(Arrivals::Constant, 2, "");
    let text = "backend site/<script>alert(1)</script> down".to_owned();
    report.marks.push(Mark { at_ms: 450.0, text });
    let picture = svg(&report).unwrap();
    for part in ["from due", "from send", "p99", "answered", "failed", "99%", "backend site"] {
        assert!(picture.contains(part), "{part}");
    }
    let page = html(&report).unwrap();
    for shown in [&picture, &page] {
        assert!(!shown.contains("<script>"));
    }
    assert!(page.contains("0.450 s  backend site/&lt;script&gt;"));
}

#[test]
fn a_run_without_an_answer_is_drawn_too() {
    let mut report = recorded(Arrivals::Constant, 2, "");
    report.curve.clear();
    for window in &mut report.timeline.windows {
        (window.p50_ms, window.p99_ms, window.max_ms) = (None, None, None);
    }
    assert!(svg(&report).unwrap().contains("</svg>"));
}

/// The same run with every latency multiplied.
fn slower(report: &Report, factor: f64) -> Report {
    let mut slower = report.clone();
    for window in &mut slower.timeline.windows {
        for ms in [&mut window.p50_ms, &mut window.p99_ms, &mut window.max_ms] {
            *ms = ms.map(|ms| ms * factor);
        }
    }
    slower
}

#[test]
fn a_comparison_says_what_differs_and_what_does_not() {
    let mut run = recorded(Arrivals::Constant, 2, "");
    // The stall would be most of what A differs from itself by.
    run.timeline.windows.drain(5..6);
    let (same, slower_found) = comparison(&[(run.clone(), run.clone())]);
    assert!(!slower_found, "{same}");
    let (shown, slower_found) = comparison(&[(run.clone(), slower(&run, 3.0))]);
    assert!(slower_found, "{shown}");
    insta::assert_snapshot!(shown);
}
