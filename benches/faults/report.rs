//! From faults to what is committed: raw data as CSV, and tables beside their bounds.

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

    /// The figures that miss their bounds.
    pub(crate) fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        for case in &CASES {
            let late = self.of(case.name).filter(|ms| *ms > case.bound_ms).count();
            if late > 0 {
                missed.push(format!("{}: {late} above {} ms", case.name, case.bound_ms));
            }
        }
        for stall in self.stalls.iter().filter(|stall| stall.proxy == sites::PROCESS.name) {
            let (round, failed) = (stall.round + 1, stall.failed());
            if failed > 0 {
                missed.push(format!("stall {round}: {failed} requests failed"));
            }
            if stall.longest_ms() > LONGEST_MS_MAX {
                missed.push(format!("stall {round}: a request took {:.0} ms", stall.longest_ms()));
            }
            if stall.recovered() < RECOVERED_MIN {
                missed.push(format!("stall {round}: recovered to {:.2}", stall.recovered()));
            }
        }
        missed
    }

    /// The run's README.
    pub(crate) fn readme(&self) -> String {
        let mut text = format!("# Backends that fail\n\n{}\n{METHOD}", conditions("faults"));
        if !self.removals.is_empty() {
            self.detect_table(&mut text);
        }
        if !self.stalls.is_empty() {
            self.stall_table(&mut text);
        }
        text
    }

    fn of(&self, case: &str) -> impl Iterator<Item = f64> {
        self.removals.iter().filter(move |removal| removal.case == case).map(|removal| removal.ms)
    }

    fn detect_table(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "\n## detect: from the fault to the table without the backend\n\n\
             | fault | faults | min ms | median ms | max ms | bound ms |\n\
             | --- | --- | --- | --- | --- | --- |"
        );
        for case in &CASES {
            let mut all: Vec<f64> = self.of(case.name).collect();
            all.sort_by(f64::total_cmp);
            let (Some(min), Some(max)) = (all.first(), all.last()) else { continue };
            let median = all[all.len() / 2];
            let _ = writeln!(
                text,
                "| {} | {} | {min:.0} | {median:.0} | {max:.0} | {:.0} |",
                case.what,
                all.len(),
                case.bound_ms
            );
        }
    }

    fn stall_table(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "\n## stall: SIGSTOP to one of 4 backends for 5 s, 32 connections\n\n\
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
without a whole, right answer within 30 s. Bounds: no failed request, none longer than 1,850 ms (detection
by the process layer and one retry), throughput at least 0.95 from 2 s on. Pulsegate probes at its shipped
cadences. HAProxy checks by HTTP as often as Pulsegate's process layer (500 ms, timeout 250 ms, fall 3),
with `retry-on all-retryable-errors`, `option redispatch 1`, `on-marked-down shutdown-sessions` and a server
timeout of 5 s.
";
