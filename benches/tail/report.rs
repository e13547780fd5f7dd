//! From raw data to the run's README: medians, paired ratios, and what they are worth.

use std::fmt::Write as _;

use pulsegate::bench::measure::{Difference, Paired};

use crate::measure::LATE_LIMIT;
use crate::rig::results::conditions;
use crate::rows::Row;

/// A latency of a row.
type Latency = fn(&Row) -> f64;

const LATENCIES: [(&str, Latency); 3] =
    [("p50", |row| row.p50_us), ("p99", |row| row.p99_us), ("p99.9", |row| row.p99_9_us)];

/// The README of everything measured so far.
pub(crate) fn readme(rows: &[Row]) -> String {
    let mut text = format!("# Tail latency at a fixed rate\n\n{}\n{METHOD}", conditions("tail"));
    let mut parts: Vec<&str> = Vec::new();
    for row in rows {
        if !parts.contains(&&*row.part) {
            parts.push(&row.part);
        }
    }
    for part in parts {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.part == part).collect();
        section(&mut text, part, &rows);
    }
    text
}

fn section(text: &mut String, part: &str, rows: &[&Row]) {
    let mut sides: Vec<&str> = Vec::new();
    for row in rows {
        if !sides.contains(&&*row.side) {
            sides.push(&row.side);
        }
    }
    sides.sort_by_key(|side| (*side != "pulsegate" && *side != "with", *side));
    let rate = rows.first().map_or(0.0, |row| row.rate);
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "\n## {part}: {rate:.0} requests per second\n\n\
         | | p50 µs | p99 µs | p99.9 µs | generator late p99 µs | rounds | of them late | not calm | \
         measured again | waited | failed |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    for side in &sides {
        let own: Vec<&Row> = rows.iter().copied().filter(|row| row.side == *side).collect();
        let median = |value: Latency| median(own.iter().map(|row| value(row)).collect());
        let limit_us = LATE_LIMIT.as_micros() as f64;
        let _ = writeln!(
            text,
            "| {side} | {:.0} | {:.0} | {:.0} | {:.1} | {} | {} | {} | {} | {} | {} |",
            median(|row| row.p50_us),
            median(|row| row.p99_us),
            median(|row| row.p99_9_us),
            median(|row| row.late_p99_us),
            own.len(),
            own.iter().filter(|row| row.late_p99_us > limit_us).count(),
            own.iter().filter(|row| !row.calm).count(),
            own.iter().map(|row| row.again).sum::<usize>(),
            own.iter().map(|row| row.waited).sum::<u64>(),
            own.iter().map(|row| row.failed).sum::<u64>(),
        );
    }
    if let Some((first, others)) = sides.split_first().filter(|(_, others)| !others.is_empty()) {
        let _ = writeln!(
            text,
            "\n| paired by round | | median ratio | 95 % interval | A/A spread | |\n\
             | --- | --- | --- | --- | --- | --- |"
        );
        for other in others {
            for (name, latency) in LATENCIES {
                ratio(text, rows, (first, other), name, latency);
            }
        }
    }
}

fn ratio(text: &mut String, rows: &[&Row], sides: (&str, &str), name: &str, latency: Latency) {
    let of = |side: &str, round: usize| {
        rows.iter().find(|row| row.side == side && row.round == round).map(|row| latency(row))
    };
    let rounds = rows.iter().map(|row| row.round + 1).max().unwrap_or_default();
    let pairs: Vec<(f64, f64)> =
        (0..rounds).filter_map(|round| of(sides.1, round).zip(of(sides.0, round))).collect();
    let Some(paired) = Paired::of(&pairs) else { return };
    let verdict = match paired.difference() {
        Difference::Lower => "lower",
        Difference::Higher => "**higher**",
        Difference::None => "no difference shown",
    };
    let _ = writeln!(
        text,
        "| {} / {} | {name} | {:.3} | {:.3}..{:.3} | {:.3}..{:.3} | {verdict} |",
        sides.0,
        sides.1,
        paired.ratio,
        paired.interval.0,
        paired.interval.1,
        paired.spread.0,
        paired.spread.1,
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

const METHOD: &str = "\
`pulsegate bench`'s own generator sends 128-byte GETs at a fixed rate over kept-alive connections;
latency counts from when a request was due. Backend and generator are one process on core 1. With one
worker (`w1`) the proxy has core 0 to itself; with two (`w2`) the second worker shares core 1 with the
load, and the generator sleeps to the moment instead of watching the clock. `-50` and `-80` are percent
of what the slowest of the three does in a closed loop over as many connections. `with` and `without`
are Pulsegate at half of its own closed-loop rate, one worker, 64 connections: `reload`, a file
of 1,000 backends reloaded every 200 ms; `swap`, a table of 10,000 backends replaced every 10 ms; `probes`,
1,000 backends probed as shipped; `kill`, one of four backends closed with all its connections once a
second. `generator` is the generator on core 1 against an echo on core 0, next to a bare client: one
blocking connection, the clock watched, nothing else.

Rounds interleave the sides and begin with another each time. A round is *late* when the generator
handed requests out more than 100 µs late at p99: what it shows is void by the tool's own rule, and it
is counted here all the same, with its number. A ratio counts as a difference only if its interval (of
the sign test) leaves out 1 and the median is outside what the second side differs from itself, round
to round.

The host of a virtual machine stops it now and then, which is nobody's latency. On each core a process
of higher priority than anything measured sleeps for 500 µs again and again and notes when it was woken
more than 150 µs late. A measurement during which a core stood still for more than a thousandth of the
time is made again; *measured again* counts those, *not calm* the rounds for which 25 repetitions found no
calm moment.
";
