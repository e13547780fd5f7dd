//! From spans to what is committed: raw data as CSV, and tables.

use std::fmt::{self, Write as _};

use crate::rig::results::conditions;
use crate::rig::tally::Tally;
use crate::{kill, publish, reload};

/// What was seen in one span of load.
pub(crate) struct Span {
    /// By the clients.
    pub(crate) tally: Tally,
    /// Resident memory of the proxy before and after, in KiB.
    pub(crate) resident_kib: [u64; 2],
    /// What else there is to tell.
    pub(crate) notes: String,
}

impl Span {
    fn p99_ms(&self) -> f64 {
        self.tally.quantile_us(0.99) / 1e3
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tally, resident_kib: [before, after], notes } = self;
        write!(
            f,
            "{} requests, failed {} ({}), closed {}, p99 {:.2} ms, {before} -> {after} KiB",
            tally.requests(),
            tally.failed_requests(),
            tally.failure_kinds(),
            tally.closed,
            self.p99_ms(),
        )?;
        if !notes.is_empty() {
            write!(f, ", {notes}")?;
        }
        Ok(())
    }
}

struct Row {
    storm: &'static str,
    proxy: &'static str,
    round: usize,
    /// The quiet span before, where there is one.
    quiet: Option<Span>,
    span: Span,
}

/// Everything seen in a run.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds a quiet span and the stormy one after it.
    pub(crate) fn pair(
        &mut self,
        storm: &'static str,
        proxy: &'static str,
        round: usize,
        quiet: Span,
        span: Span,
    ) {
        self.rows.push(Row { storm, proxy, round, quiet: Some(quiet), span });
    }

    /// Adds a span with kills.
    pub(crate) fn kill(&mut self, proxy: &'static str, round: usize, span: Span) {
        self.rows.push(Row { storm: kill::NAME, proxy, round, quiet: None, span });
    }

    /// Failed requests through a proxy, in all storms.
    pub(crate) fn failed(&self, proxy: &str) -> u64 {
        let rows = self.rows.iter().filter(|row| row.proxy == proxy);
        rows.map(|row| row.span.tally.failed_requests()).sum()
    }

    /// One line per span.
    pub(crate) fn csv(&self) -> String {
        let mut text = String::from(
            "storm,proxy,round,span,requests,failed,failures,closed,p50_us,p99_us,max_us,resident_before_kib,resident_after_kib\n",
        );
        for row in &self.rows {
            let spans = [("quiet", row.quiet.as_ref()), ("storm", Some(&row.span))];
            for (name, span) in spans {
                let Some(Span { tally, resident_kib: [before, after], .. }) = span else {
                    continue;
                };
                // Writing to a String cannot fail.
                let _ = writeln!(
                    text,
                    "{},{},{},{name},{},{},{},{},{:.1},{:.1},{:.1},{before},{after}",
                    row.storm,
                    row.proxy,
                    row.round + 1,
                    tally.requests(),
                    tally.failed_requests(),
                    tally.failure_kinds(),
                    tally.closed,
                    tally.quantile_us(0.5),
                    tally.quantile_us(0.99),
                    tally.quantile_us(1.0),
                );
            }
        }
        text
    }

    /// The run's README.
    pub(crate) fn readme(&self) -> String {
        let mut text = format!("# Pulsegate in a storm\n\n{}\n{METHOD}", conditions("storm"));
        for (storm, title) in [
            (
                reload::NAME,
                "reload: a file with 1,000 backends, 30 times in 6 s, three times over, 64 connections",
            ),
            (publish::NAME, "publish: 10,000 tables with 1,000 backends in 6 s, 64 connections"),
            (
                kill::NAME,
                "kill: SIGKILL to one of 4 backends every 500 ms for 10 s, 32 connections",
            ),
        ] {
            self.table(storm, title, &mut text);
        }
        text
    }

    fn table(&self, storm: &str, title: &str, text: &mut String) {
        let mut rows = self.rows.iter().filter(|row| row.storm == storm).peekable();
        if rows.peek().is_none() {
            return;
        }
        let _ = writeln!(
            text,
            "\n## {title}\n\n| proxy | round | requests | failed | kinds | connections closed | p99 ms | quiet p99 ms | max ms | memory MiB | |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        );
        for Row { proxy, round, quiet, span, .. } in rows {
            let [before, after] = span.resident_kib.map(|kib| kib as f64 / 1024.0);
            let quiet = quiet.as_ref().map_or_else(|| "-".into(), |s| format!("{:.2}", s.p99_ms()));
            let _ = writeln!(
                text,
                "| {proxy} | {} | {} | {} | {} | {} | {:.2} | {quiet} | {:.1} | {before:.1} -> {after:.1} | {} |",
                round + 1,
                span.tally.requests(),
                span.tally.failed_requests(),
                span.tally.failure_kinds(),
                span.tally.closed,
                span.p99_ms(),
                span.tally.quantile_us(1.0) / 1e3,
                span.notes,
            );
        }
    }
}

const METHOD: &str = "\
The proxy is pinned to core 0; load and backends share core 1. Clients keep their connections alive and send
the next request when they have the answer; status and length of every answer are checked. A request fails
without a whole, right answer within 2 s; a client that finds its connection cut counts as failed, as it
cannot know if its request was done. Pulsegate runs as shipped, without access log; nginx and HAProxy with
their defaults for failures and retries.
";
