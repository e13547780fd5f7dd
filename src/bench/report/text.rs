//! The result as text, widest facts first: is it void, what was asked, what came of it.

use std::fmt::Write;
use std::time::Duration;

use crate::bench::load::Progress;
use crate::bench::view::{Latency, Report, Requests, Run, Step, Verdict};

/// The whole text.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = head(&mut out, &report.run)
        .and_then(|()| requests(&mut out, report))
        .and_then(|()| latencies(&mut out, report))
        .and_then(|()| targets(&mut out, report))
        .and_then(|()| verdict(&mut out, report));
    out
}

/// One line of a run under way, of a run of this length.
#[must_use]
pub fn progress(progress: &Progress, length: Duration) -> String {
    let Progress { elapsed, due, answered, failed, open, p50_ns, p99_ns, max_ns } = progress;
    let ms = |ns: &u64| *ns as f64 / 1e6;
    format!(
        "{:>4.0}s of {:.0}s  due {due}  answered {answered}  failed {failed}  open {open}  \
         p50 {:.3} ms  p99 {:.3} ms  max {:.3} ms",
        elapsed.as_secs_f64(),
        length.as_secs_f64(),
        ms(p50_ns),
        ms(p99_ns),
        ms(max_ns),
    )
}

fn head(out: &mut String, run: &Run) -> std::fmt::Result {
    writeln!(
        out,
        "{} {}\n{}, {} connections{}, started {}",
        run.method,
        run.url,
        run.protocol,
        run.connections,
        match run.reopened {
            0 => String::new(),
            again => format!(" and {again} opened again"),
        },
        run.started,
    )?;
    let steps: Vec<String> = run.steps.iter().map(step).collect();
    let seed = run.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    writeln!(out, "{} arrivals{seed}: {}", run.arrivals, steps.join(", then "))?;
    if run.interrupted {
        let (elapsed, planned) = (run.elapsed_ms / 1e3, run.planned_ms / 1e3);
        writeln!(out, "INTERRUPTED after {elapsed:.1} s of {planned:.1} s")?;
    }
    Ok(())
}

fn step(step: &Step) -> String {
    format!("{}/s for {} s", step.rate, step.length_ms / 1e3)
}

fn requests(out: &mut String, report: &Report) -> std::fmt::Result {
    let Requests { due, answered, failed, unfinished, waited, answered_per_s } = report.requests;
    writeln!(
        out,
        "\nrequests  {due} due, {answered} answered ({answered_per_s:.1}/s), {failed} failed"
    )?;
    if unfinished > 0 {
        writeln!(out, "          {unfinished} unfinished when the run was ended")?;
    }
    if waited > 0 {
        writeln!(
            out,
            "          {waited} waited for a connection: the server, or {} connections, are the limit",
            report.run.connections
        )?;
    }
    if !report.errors.is_empty() {
        let kinds: Vec<String> =
            report.errors.iter().map(|it| format!("{} {}", it.kind, it.count)).collect();
        let percent = failed as f64 / ((answered + failed) as f64).max(1.0) * 100.0;
        writeln!(out, "errors    {percent:.4} %: {}", kinds.join(", "))?;
    }
    Ok(())
}

fn latencies(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(
        out,
        "\n{:10}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}",
        "latency ms", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"
    )?;
    for (name, latency) in [("from due", &report.latency), ("from send", &report.latency_from_send)]
    {
        let Latency { mean_ms, p50_ms, p90_ms, p99_ms, p99_9_ms, p99_99_ms, max_ms } = latency;
        write!(out, "{name:10}")?;
        for ms in [mean_ms, p50_ms, p90_ms, p99_ms, p99_9_ms, p99_99_ms, max_ms] {
            write!(out, "{ms:>11.3}")?;
        }
        writeln!(out)?;
    }
    let late = &report.generator;
    writeln!(
        out,
        "generator late by p50 {:.1} us, p99 {:.1} us, p99.9 {:.1} us, max {:.1} us",
        late.late_p50_us, late.late_p99_us, late.late_p99_9_us, late.late_max_us
    )
}

fn targets(out: &mut String, report: &Report) -> std::fmt::Result {
    if report.targets.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let width = report.targets.iter().map(|it| it.target.len()).max().unwrap_or_default();
    for target in &report.targets {
        let met = if target.met { "met   " } else { "MISSED" };
        writeln!(out, "{met}  {:width$}  measured {}", target.target, target.measured)?;
    }
    Ok(())
}

fn verdict(out: &mut String, report: &Report) -> std::fmt::Result {
    if report.verdict == Verdict::Void {
        writeln!(
            out,
            "\nVOID: the generator itself was late by more than {} us at p99; give it a core of its \
             own, or a lower rate",
            report.generator.limit_us
        )?;
    }
    Ok(())
}
