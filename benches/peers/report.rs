//! From samples to what is committed: raw data as CSV, tables of medians and paired ratios.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::cpu::Usage;
use crate::open::Open;
use crate::rig::results::conditions;
use crate::rig::tally::Tally;
use crate::scenario::Scenario;
use crate::syscalls::Calls;

/// One measurement.
pub(crate) struct Sample {
    /// What the load saw.
    pub(crate) tally: Tally,
    /// How long was measured.
    pub(crate) seconds: f64,
    /// What the proxy used meanwhile.
    pub(crate) cpu: Usage,
    /// Requests that failed after the measured time, stuck ones included.
    pub(crate) failed_late: u64,
}

impl Sample {
    fn cpu_us(&self) -> f64 {
        self.cpu.nanoseconds as f64 / 1e3 / self.tally.requests().max(1) as f64
    }

    fn user_us(&self) -> f64 {
        self.cpu_us() * self.cpu.user_share()
    }

    fn rate(&self) -> f64 {
        self.tally.requests() as f64 / self.seconds
    }

    fn void(&self) -> bool {
        self.tally.failed_requests() + self.failed_late > 0 || self.tally.requests() == 0
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8.2} CPU us  {:7.0} requests/s", self.cpu_us(), self.rate())?;
        if self.void() {
            write!(f, "  VOID: {} late={}", self.tally.failure_kinds(), self.failed_late)?;
        }
        Ok(())
    }
}

struct Row {
    scenario: &'static str,
    proxy: String,
    round: usize,
    sample: Sample,
}

/// Everything measured in a run.
#[derive(Default)]
pub(crate) struct Report {
    scenarios: Vec<(&'static str, &'static str)>,
    rows: Vec<Row>,
    idle: BTreeMap<&'static str, Vec<f64>>,
    open: Vec<(&'static str, Open)>,
    syscalls: Vec<(&'static str, Calls)>,
}

impl Report {
    /// Announces a scenario.
    pub(crate) fn scenario(&mut self, scenario: &Scenario) {
        self.scenarios.push((scenario.name, scenario.what));
    }

    /// Adds one measurement.
    pub(crate) fn sample(
        &mut self,
        scenario: &'static str,
        proxy: &str,
        round: usize,
        sample: Sample,
    ) {
        self.rows.push(Row { scenario, proxy: proxy.to_owned(), round, sample });
    }

    /// Adds one reading of KiB per idle connection.
    pub(crate) fn idle(&mut self, proxy: &'static str, kib: f64) {
        self.idle.entry(proxy).or_default().push(kib);
    }

    /// Adds what a proxy needed with many connections open.
    pub(crate) fn open(&mut self, proxy: &'static str, open: Open) {
        self.open.push((proxy, open));
    }

    /// Adds a proxy's system calls per request.
    pub(crate) fn syscalls(&mut self, proxy: &'static str, calls: Calls) {
        self.syscalls.push((proxy, calls));
    }

    /// Measurements in which a request failed.
    pub(crate) fn void(&self) -> usize {
        self.rows.iter().filter(|row| row.sample.void()).count()
    }

    /// One line per measurement.
    pub(crate) fn csv(&self) -> String {
        let mut text = String::from(
            "scenario,proxy,round,requests,seconds,cpu_ns,user_ticks,system_ticks,p50_us,p99_us,closed,failures,failed_late\n",
        );
        for Row { scenario, proxy, round, sample } in &self.rows {
            let Sample { tally, seconds, cpu, failed_late } = sample;
            let _ = writeln!(
                text,
                "{scenario},{proxy},{},{},{seconds:.6},{},{},{},{:.1},{:.1},{},{},{failed_late}",
                round + 1,
                tally.requests(),
                cpu.nanoseconds,
                cpu.user_ticks,
                cpu.system_ticks,
                tally.quantile_us(0.5),
                tally.quantile_us(0.99),
                tally.closed,
                tally.failure_kinds(),
            );
        }
        text
    }

    /// The run's README.
    pub(crate) fn readme(&self, protocol: &str) -> String {
        let mut text = format!("# Pulsegate and its peers\n\n{}\n", conditions("peers"));
        text.push_str(METHOD);
        text.push_str(match protocol {
            "tcp" => BYTES,
            "https" => TLS,
            "h2" | "h2c" => HTTP2,
            _ => HTTP,
        });
        for (name, what) in &self.scenarios {
            let _ = writeln!(text, "\n## {name}: {what}\n");
            self.medians(name, &mut text);
            self.ratios(name, &mut text);
        }
        self.idle_table(&mut text);
        self.open_table(&mut text);
        self.syscall_table(&mut text);
        text
    }

    fn medians(&self, scenario: &str, text: &mut String) {
        text.push_str(
            "| proxy | CPU µs | of it user | requests/s | p50 µs | p99 µs | rounds | void |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for proxy in self.proxies(scenario) {
            let all: Vec<_> = self.of(scenario, proxy).collect();
            let good: Vec<_> = all.iter().map(|row| &row.sample).filter(|s| !s.void()).collect();
            let of = |value: fn(&Sample) -> f64| median(good.iter().map(|s| value(s)).collect());
            let _ = writeln!(
                text,
                "| {proxy} | {:.2} | {:.2} | {:.0} | {:.0} | {:.0} | {} | {} |",
                of(Sample::cpu_us),
                of(Sample::user_us),
                of(Sample::rate),
                of(|s| s.tally.quantile_us(0.5)),
                of(|s| s.tally.quantile_us(0.99)),
                good.len(),
                all.len() - good.len(),
            );
        }
    }

    fn ratios(&self, scenario: &str, text: &mut String) {
        let proxies = self.proxies(scenario);
        let pairs = pairs(&proxies);
        if pairs.is_empty() {
            return;
        }
        text.push_str(
            "\n| CPU ratio, paired by round | median | min | max |\n| --- | --- | --- | --- |\n",
        );
        for (subject, reference) in pairs {
            let mut ratios: Vec<f64> = self
                .of(scenario, subject)
                .filter_map(|row| {
                    let same = |other: &&Row| other.round == row.round;
                    let other = self.of(scenario, reference).find(same)?;
                    (!row.sample.void() && !other.sample.void())
                        .then(|| row.sample.cpu_us() / other.sample.cpu_us())
                })
                .collect();
            ratios.sort_by(f64::total_cmp);
            if let (Some(min), Some(max)) = (ratios.first().copied(), ratios.last().copied()) {
                let middle = median(ratios);
                let _ = writeln!(
                    text,
                    "| {subject} / {reference} | {middle:.3} | {min:.3} | {max:.3} |"
                );
            }
        }
    }

    fn idle_table(&self, text: &mut String) {
        if self.idle.is_empty() {
            return;
        }
        text.push_str("\n## idle: resident memory per kept-alive connection that has done one request\n\n| proxy | KiB, median | min | max |\n| --- | --- | --- | --- |\n");
        for (proxy, readings) in &self.idle {
            let mut readings = readings.clone();
            readings.sort_by(f64::total_cmp);
            let (min, max) = (readings[0], readings[readings.len() - 1]);
            let _ = writeln!(text, "| {proxy} | {:.2} | {min:.2} | {max:.2} |", median(readings));
        }
    }

    fn open_table(&self, text: &mut String) {
        if self.open.is_empty() {
            return;
        }
        text.push_str("\n## open: resident memory with many connections open, before and after exchanges on all of them\n\n| proxy | connections, both sides | MiB before | MiB after | growth |\n| --- | --- | --- | --- | --- |\n");
        for (proxy, Open { pairs, first_kib, last_kib }) in &self.open {
            let (first, last) = (*first_kib as f64 / 1024.0, *last_kib as f64 / 1024.0);
            let growth = (last / first - 1.0) * 100.0;
            let _ = writeln!(
                text,
                "| {proxy} | {} | {first:.1} | {last:.1} | {growth:+.1} % |",
                pairs * 2
            );
        }
    }

    fn syscall_table(&self, text: &mut String) {
        if self.syscalls.is_empty() {
            return;
        }
        text.push_str("\n## syscalls: calls per small request, 64 connections, `strace -c -f`\n\n| proxy | all | by name |\n| --- | --- | --- |\n");
        for (proxy, calls) in &self.syscalls {
            let all: f64 = calls.iter().map(|(_, count)| count).sum();
            let names: Vec<_> =
                calls.iter().map(|(name, count)| format!("{name} {count:.2}")).collect();
            let _ = writeln!(text, "| {proxy} | {all:.2} | {} |", names.join(", "));
        }
    }

    fn of(&self, scenario: &str, proxy: &str) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.scenario == scenario && row.proxy == proxy)
    }

    /// In the order of the first round.
    fn proxies(&self, scenario: &str) -> Vec<&str> {
        let first = self.rows.iter().filter(|row| row.scenario == scenario && row.round == 0);
        first.map(|row| row.proxy.as_str()).collect()
    }
}

/// What is compared: the first with each other one, or two workers with one of the same proxy.
fn pairs<'a>(proxies: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let workers: Vec<_> = proxies
        .chunks_exact(2)
        .map(|pair| (pair[1], pair[0]))
        .filter(|(two, one)| two.ends_with(" w2") && one.ends_with(" w1"))
        .collect();
    if !workers.is_empty() {
        return workers;
    }
    let Some((first, others)) = proxies.split_first() else { return Vec::new() };
    others.iter().map(|other| (*first, *other)).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

const METHOD: &str = "\
The proxy is pinned to core 0; load generator and backend are one process on core 1. The load is a closed
loop and checks the status and body length of every answer. CPU is the scheduler's time for all threads of
all processes of the proxy, over the requests answered in the same span; what loopback delivery costs on the
sender's core is in it, for all alike. Rounds are interleaved and each starts with another proxy. Tables show
medians over rounds; a ratio is taken within a round first.
";

/// How those are set up that forward bytes.
const BYTES: &str = "
Every proxy forwards bytes and looks at none: Pulsegate with `protocol: tcp`, HAProxy in tcp mode, nginx with its
stream module. Pulsegate runs its shipped defaults, network health checks included, only the access log is off; nginx
and HAProxy run without checks and logs, nginx with `tcp_nodelay`. Each client connection has one of its own to the
backend, which answers as in the comparison at HTTP. `-64k` are the peers with larger buffers. Idle
and open memory is that of a pair of connections; nginx allocates its connection table at the start, so its pairs look
cheaper than they are. Only Pulsegate and nginx forward datagrams.
";

/// How those are set up that understand HTTP.
const HTTP: &str = "
Pulsegate runs its shipped defaults: network health checks, retries, limits, deadlines and identity headers
(`X-Forwarded-*`, `Forwarded`, `Via`, request id) are on, only the access log is off. nginx and HAProxy run
without checks, added headers and logs, with upstream keep-alive. `bare` forwards and does nothing else: the
floor. nginx keeps at most 4,096 idle upstream connections here, Pulsegate as many (its default), HAProxy as
many as come.
`-64k` are the peers with larger buffers for bodies. nginx allocates its connection table at the start, so its
idle connections look cheaper than they are.
";

/// How those are set up that speak TLS.
const TLS: &str = "
Clients speak TLS 1.3 with every proxy: the same suite by the client's choice, X25519, a certificate on P-256, no
session resumed; `close-64` is a full handshake for each request. nginx and HAProxy issue no tickets,
Pulsegate one for each handshake (its default). Backends are asked in clear. The rest is as in the comparison at HTTP.
";

/// How those are set up that speak HTTP/2.
const HTTP2: &str = "
Clients speak HTTP/2 with every proxy, by prior knowledge in clear or agreed on by TLS 1.3 as in the comparison at TLS,
with windows of 8 MiB: one stream at a time on each connection, but for `streams-64`. Backends are asked by HTTP/1.1 in
clear. The rest is as in the comparison at HTTP.
";
