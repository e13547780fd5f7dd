//! One row a second, and what they add up to, beside what is asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::rig::results::conditions;
use crate::scrape::{Counts, Ended, LAYERS};

/// What each layer asks of one backend in a second.
const ASKED_PER_S: [f64; 4] = [10.0, 2.0, 2.0, 0.2];
/// How much fewer probes may be sent than asked for: jitter moves some from second to second.
const SENT_MIN: f64 = 0.98;
/// What the whole process may use.
const CORES_MAX: f64 = 1.0;
/// The thread that probes.
const PROBER: &str = "probes";

/// One second of probing.
#[derive(Clone, Debug)]
pub(crate) struct Second {
    /// Its length.
    took: f64,
    /// Cores used by each thread, 1 = one whole core.
    cores: BTreeMap<String, f64>,
    /// Of each layer, probes that passed, failed and were void, a second.
    rates: [[f64; 3]; 4],
    /// Sockets of the process at its end.
    sockets: u64,
    /// Connections in TIME_WAIT at its end.
    time_wait: u64,
}

impl Second {
    /// What happened between two moments.
    pub(crate) fn between(before: &Counts, now: &Counts, took: Duration) -> Self {
        let took = took.as_secs_f64();
        let cores = now.cpu_ns.iter().map(|(thread, ns)| {
            let before = before.cpu_ns.get(thread).copied().unwrap_or(0);
            (thread.clone(), ns.saturating_sub(before) as f64 / 1e9 / took)
        });
        let rate = |layer: usize, result: usize| {
            (now.results[layer][result] - before.results[layer][result]) as f64 / took
        };
        let rates = [0, 1, 2, 3].map(|layer| [0, 1, 2].map(|result| rate(layer, result)));
        let (sockets, time_wait) = (now.sockets, now.time_wait);
        Self { took, cores: cores.collect(), rates, sockets, time_wait }
    }

    fn cores(&self) -> f64 {
        self.cores.values().sum()
    }

    fn sent(&self, layer: usize) -> f64 {
        self.rates[layer].iter().sum()
    }

    fn ended(&self, result: usize) -> f64 {
        self.rates.iter().map(|layer| layer[result]).sum()
    }
}

/// A whole run.
pub(crate) struct Report {
    pub(crate) backends: usize,
    pub(crate) seconds: Vec<Second>,
    /// Seconds that began 2 s after the pause.
    pub(crate) afterwards: Vec<Second>,
    /// What ended from the pause to the end.
    pub(crate) pause: Ended,
}

impl Report {
    /// The rows.
    pub(crate) fn csv(&self) -> String {
        let mut text = String::from("second,seconds,cores,prober_cores");
        for layer in LAYERS {
            // Writing to a String cannot fail.
            let _ = write!(text, ",{layer}_passed_per_s,{layer}_failed_per_s,{layer}_void_per_s");
        }
        text.push_str(",sockets,time_wait\n");
        for (i, one) in self.seconds.iter().chain(&self.afterwards).enumerate() {
            let prober = one.cores.get(PROBER).copied().unwrap_or(0.0);
            let _ = write!(text, "{i},{:.3},{:.4},{prober:.4}", one.took, one.cores());
            for [passed, failed, void] in one.rates {
                let _ = write!(text, ",{passed:.1},{failed:.1},{void:.1}");
            }
            let _ = writeln!(text, ",{},{}", one.sockets, one.time_wait);
        }
        text
    }

    /// The result for readers.
    pub(crate) fn readme(&self) -> String {
        let (backends, sent) = (self.backends, self.mean(|one| (0..4).map(|i| one.sent(i)).sum()));
        let cores = self.mean(Second::cores);
        let mut text = format!(
            "# The cost of probing {backends} backends on four layers\n\n{}\n\
             Pulsegate is pinned to core 0 and proxies nothing meanwhile, so all of it is the cost of \
             probing: the kernel's share, the judging and this benchmark's scrapes included. The \
             backends share core 1. Each second is a row of `raw.csv`, the last ones those after the pause.\n\n\
             | | asked | measured |\n| --- | --- | --- |\n",
            conditions("probes"),
        );
        let mut row = |what: &str, asked: &str, measured: String| {
            let _ = writeln!(text, "| {what} | {asked} | {measured} |");
        };
        row("cores used, mean", &format!("< {CORES_MAX}"), format!("{cores:.3}"));
        row("cores used, worst second", "", format!("{:.3}", self.worst(Second::cores)));
        for thread in self.threads() {
            let used = self.mean(|one| one.cores.get(&thread).copied().unwrap_or(0.0));
            row(&format!("of them thread `{thread}`"), "", format!("{used:.3}"));
        }
        row("CPU µs per probe", "", format!("{:.1}", 1e6 * cores / sent.max(1.0)));
        for (i, layer) in LAYERS.iter().enumerate() {
            let asked = format!("{:.0}", ASKED_PER_S[i] * backends as f64);
            let sent = self.mean(|one| one.sent(i));
            row(&format!("{layer} probes a second"), &asked, format!("{sent:.1}"));
        }
        row("probes failed, in all", "0", format!("{:.0}", self.count(|one| one.ended(1))));
        row("probes void, in all", "", format!("{:.0}", self.count(|one| one.ended(2))));
        let sockets = self.worst(|one| one.sockets as f64);
        row("sockets of the process, most", "", format!("{sockets:.0}"));
        let waiting = self.worst(|one| one.time_wait as f64);
        row("connections in TIME_WAIT, most on the machine", "", format!("{waiting:.0}"));
        let asked = format!("{:.0}", self.asked());
        let sent = format!("{:.1}", self.afterwards());
        row("probes a second, 2 s after a pause of the whole process for 500 ms", &asked, sent);
        row("probes failed since the pause", "0", self.pause.failed.to_string());
        row("probes void since the pause", "", self.pause.void.to_string());
        text
    }

    /// What is not as asked.
    pub(crate) fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let cores = self.mean(Second::cores);
        if cores >= CORES_MAX {
            missed.push(format!("{cores:.2} cores"));
        }
        for (i, layer) in LAYERS.iter().enumerate() {
            let (sent, asked) =
                (self.mean(|one| one.sent(i)), ASKED_PER_S[i] * self.backends as f64);
            if sent < asked * SENT_MIN {
                missed.push(format!("{sent:.0} of {asked:.0} {layer} probes a second"));
            }
        }
        let failed = self.count(|one| one.ended(1));
        if failed > 0.5 {
            missed.push(format!("{failed:.0} probes failed"));
        }
        if self.afterwards() < self.asked() * SENT_MIN {
            let sent = self.afterwards();
            missed.push(format!("{sent:.0} of {:.0} probes a second after a pause", self.asked()));
        }
        if self.pause.failed > 0 {
            missed.push(format!("{} probes failed by a pause", self.pause.failed));
        }
        missed
    }

    /// Probes a second, all layers together.
    fn asked(&self) -> f64 {
        ASKED_PER_S.iter().sum::<f64>() * self.backends as f64
    }

    /// Probes a second after the pause.
    fn afterwards(&self) -> f64 {
        let rates = self.afterwards.iter().map(|one| (0..4).map(|i| one.sent(i)).sum::<f64>());
        rates.sum::<f64>() / self.afterwards.len().max(1) as f64
    }

    fn threads(&self) -> Vec<String> {
        self.seconds.last().map(|one| one.cores.keys().cloned().collect()).unwrap_or_default()
    }

    fn mean(&self, of: impl Fn(&Second) -> f64) -> f64 {
        let took: f64 = self.seconds.iter().map(|one| one.took).sum();
        self.count(of) / took.max(f64::MIN_POSITIVE)
    }

    /// What a rate comes to over the run.
    fn count(&self, of: impl Fn(&Second) -> f64) -> f64 {
        self.seconds.iter().map(|one| of(one) * one.took).sum()
    }

    fn worst(&self, of: impl Fn(&Second) -> f64) -> f64 {
        self.seconds.iter().map(of).fold(0.0, f64::max)
    }
}
