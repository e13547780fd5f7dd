//! From faults to what is committed: raw data as CSV, and tables beside what is asked.

use std::fmt::Write as _;

use crate::detect::{CASES, Removal};
use crate::rig::results::conditions;
use crate::sites;
use crate::stall::Stall;

/// What no request may wait longer than: the process layer's detection (three probes of 500 ms, a
/// timeout of 250 ms), and a retry.
const LONGEST_MS_MAX: f64 = 1_850.0;
/// What throughput recovers to within 2 s.
const RECOVERED_MIN: f64 = 0.95;

/// Everything seen in a run.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) removals: Vec<Removal>,
    pub(crate) stalls: Vec<Stall>,
}

/// What is asked of a figure.
enum Asked {
    AtMost(f64),
    AtLeast(f64),
}

impl Asked {
    fn is_met(&self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= *bound,
            Self::AtLeast(bound) => value >= *bound,
        }
    }

    fn shown(&self, places: usize) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {bound:.places$}"),
            Self::AtLeast(bound) => format!("≥ {bound:.places$}"),
        }
    }
}

/// A figure of Pulsegate, with all that was measured of it.
struct Figure {
    what: String,
    asked: Asked,
    /// Decimal places worth showing.
    places: usize,
    /// Smallest first.
    values: Vec<f64>,
}

impl Figure {
    fn new(what: &str, asked: Asked, places: usize, values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        Self { what: what.to_owned(), asked, places, values }
    }

    /// How often it misses what is asked.
    fn misses(&self) -> usize {
        self.values.iter().filter(|value| !self.asked.is_met(**value)).count()
    }

    fn row(&self) -> Option<String> {
        let (min, max) = (self.values.first()?, self.values.last()?);
        let (median, count) = (self.values[self.values.len() / 2], self.values.len());
        let verdict = match self.misses() {
            0 => "met".to_owned(),
            misses => format!("MISSED {misses} of {count}"),
        };
        let (what, places, asked) = (&self.what, self.places, self.asked.shown(self.places));
        Some(format!(
            "| {what} | {asked} | {count} | {min:.places$} | {median:.places$} | {max:.places$} | \
             {verdict} |"
        ))
    }
}

impl Report {
    /// One line per fault.
    pub(crate) fn detect_csv(&self) -> String {
        let mut text = String::from("fault,removed_after_ms,reason\n");
        for Removal { case, ms, reason } in &self.removals {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{case},{ms:.1},{}", reason.replace(',', ";"));
        }
        text
    }

    /// One line per bucket of throughput.
    pub(crate) fn stall_csv(&self) -> String {
        let mut text = String::from("proxy,round,bucket,answers\n");
        for stall in &self.stalls {
            for (bucket, answers) in stall.buckets.iter().enumerate() {
                let _ = writeln!(text, "{},{},{bucket},{answers}", stall.proxy, stall.round + 1);
            }
        }
        text
    }

    /// The figures that miss what is asked.
    pub(crate) fn missed(&self) -> Vec<String> {
        let figures = self.figures();
        let missed = figures.iter().filter(|figure| figure.misses() > 0);
        missed.filter_map(Figure::row).collect()
    }

    /// The run's README.
    pub(crate) fn readme(&self) -> String {
        let mut text = format!(
            "# Backends that fail\n\n{}\n{METHOD}\n## Asked and measured\n\n\
             | | asked | times | min | median | max | |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n",
            conditions("faults")
        );
        for row in self.figures().iter().filter_map(Figure::row) {
            let _ = writeln!(text, "{row}");
        }
        if !self.stalls.is_empty() {
            self.stall_table(&mut text);
        }
        text
    }

    fn figures(&self) -> Vec<Figure> {
        let detected = CASES.iter().map(|case| {
            let removals = self.removals.iter().filter(|removal| removal.case == case.name);
            let what = format!("{}: out after ms", case.what);
            Figure::new(&what, Asked::AtMost(case.bound_ms), 0, removals.map(|it| it.ms))
        });
        let own = || self.stalls.iter().filter(|stall| stall.proxy == sites::PROCESS.name);
        let stalled = [
            Figure::new(
                "one of four stopped: requests failed",
                Asked::AtMost(0.0),
                0,
                own().map(|stall| stall.failed() as f64),
            ),
            Figure::new(
                "one of four stopped: longest request ms",
                Asked::AtMost(LONGEST_MS_MAX),
                0,
                own().map(Stall::longest_ms),
            ),
            Figure::new(
                "one of four stopped: throughput from 2 s on, of that before",
                Asked::AtLeast(RECOVERED_MIN),
                2,
                own().map(Stall::recovered),
            ),
        ];
        detected.chain(stalled).collect()
    }

    fn stall_table(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "\n## One of 4 backends stopped (SIGSTOP) for 5 s under 32 connections\n\n\
             | proxy | round | requests/s before | failed | kinds | longest request ms | \
             throughput below half for ms | throughput from 2 s on | over the 5 s |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        );
        for stall in &self.stalls {
            let _ = writeln!(
                text,
                "| {} | {} | {:.0} | {} | {} | {:.0} | {:.0} | {:.2} | {:.2} |",
                stall.proxy,
                stall.round + 1,
                stall.before(),
                stall.failed(),
                stall.tally.failure_kinds(),
                stall.longest_ms(),
                stall.stalled_ms(),
                stall.recovered(),
                stall.meanwhile(),
            );
        }
    }
}

const METHOD: &str = "\
The proxy is pinned to core 0; load and backends, each a process, share core 1. In `detect`, 8 of 16
backends fail, each at a random moment; the table is looked at every 2 ms by the admin API. In `stall`,
throughput is counted in buckets of 100 ms and given as a part of that in the 3 s before; a request fails
without a whole, right answer within 30 s. The longest wait asked for is detection by the process layer and
one retry. Pulsegate probes at its shipped
cadences. HAProxy checks by HTTP as often as Pulsegate's process layer (500 ms, timeout 250 ms, fall 3),
with `retry-on all-retryable-errors`, `option redispatch 1`, `on-marked-down shutdown-sessions` and a server
timeout of 5 s.
";
