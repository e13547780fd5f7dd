//! Two runs side by side, window by window, or many runs pair by pair.

use std::fmt::Write;

use crate::bench::measure::{Difference, Paired};
use crate::bench::view::{Latency, Report, Verdict, Window};

/// Windows with fewer answers say too little.
const ANSWERS_MIN: u64 = 10;

/// The comparison of each A with its B, and whether B is slower at the median or the 99th
/// percentile.
#[must_use]
pub fn comparison(pairs: &[(Report, Report)]) -> (String, bool) {
    let mut out = String::new();
    // Writing to a String cannot fail.
    for (a, b) in pairs {
        for (name, report) in [("A", a), ("B", b)] {
            let run = &report.run;
            let void = if report.verdict == Verdict::Void { " (VOID)" } else { "" };
            let _ = writeln!(out, "{name}  {} {}, {}{void}", run.method, run.url, run.started);
        }
    }
    let _ = writeln!(
        out,
        "\n{:<18}{:>7}{:>11}{:>11}{:>8}{:>17}{:>17}  verdict",
        "", "pairs", "A ms", "B ms", "B/A", "95 % interval", "A/A spread"
    );
    let by_window = |latency: fn(&Window) -> Option<f64>| -> Vec<_> {
        pairs.iter().flat_map(|(a, b)| windows(a, b, latency)).collect()
    };
    let p50 = row(&mut out, "p50 by window", &by_window(|it| it.p50_ms));
    let p99 = row(&mut out, "p99 by window", &by_window(|it| it.p99_ms));
    row(&mut out, "max by window", &by_window(|it| it.max_ms));
    if pairs.len() > 1 {
        let by_run = |latency: fn(&Latency) -> f64| -> Vec<_> {
            pairs.iter().map(|(a, b)| (latency(&a.latency), latency(&b.latency))).collect()
        };
        row(&mut out, "p50 by run", &by_run(|it| it.p50_ms));
        row(&mut out, "p99 by run", &by_run(|it| it.p99_ms));
        row(&mut out, "p99.9 by run", &by_run(|it| it.p99_9_ms));
    }
    let slower = [p50, p99].contains(&Some(Difference::Higher));
    (out, slower)
}

fn windows(a: &Report, b: &Report, latency: fn(&Window) -> Option<f64>) -> Vec<(f64, f64)> {
    let enough = |window: &&Window| window.answered >= ANSWERS_MIN;
    let value = |window: &Window| Some(window).filter(enough).and_then(latency);
    let pairs = a.timeline.windows.iter().zip(&b.timeline.windows);
    pairs.filter_map(|(a, b)| value(a).zip(value(b))).collect()
}

fn row(out: &mut String, name: &str, values: &[(f64, f64)]) -> Option<Difference> {
    let Some(paired) = Paired::of(values) else {
        let _ = writeln!(out, "{name:<18}{:>7}", 0);
        return None;
    };
    let difference = paired.difference();
    let verdict = match difference {
        Difference::None => "no difference shown",
        Difference::Lower => "B is faster",
        Difference::Higher => "B is slower",
    };
    let _ = writeln!(
        out,
        "{name:<18}{:>7}{:>11.3}{:>11.3}{:>8.3}{:>17}{:>17}  {verdict}",
        paired.pairs,
        paired.a,
        paired.b,
        paired.ratio,
        range(paired.interval),
        range(paired.spread),
    );
    Some(difference)
}

fn range((low, high): (f64, f64)) -> String {
    if high.is_finite() { format!("{low:.3}..{high:.3}") } else { "too few pairs".to_owned() }
}
