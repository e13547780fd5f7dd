//! Backends that fail at random for as long as one likes; see `rig/chaos`.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::time::Instant;

#[path = "../rig/chaos/mod.rs"]
mod play;

use crate::rig::process::Process;
use crate::rig::proxy::{Site, Task, free_address};
use crate::rig::results::{Results, conditions, say};
use crate::sites::TORMENTED;

use play::{Backend, Play, Seen};

const BACKENDS: usize = 6;
const CLIENTS: usize = 16;
/// Between two turns of a backend.
const TURNS: Duration = Duration::from_millis(300);
/// After each, memory and descriptors are looked at, with every backend well and nobody asking.
const ACT: Duration = Duration::from_secs(60);
/// How long what is idle may take to be closed.
const REST: Duration = Duration::from_secs(3);
/// What the last third may take more than the first, of memory and descriptors.
const GROWTH_MAX: f64 = 1.10;
/// Descriptors of probes that may just be open.
const PROBES: f64 = 16.0;

/// What was seen after an act.
struct Look {
    resident_kib: u64,
    descriptors: usize,
}

impl Look {
    fn at(process: &Process) -> Result<Self> {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", process.pid()))?.count();
        Ok(Self { resident_kib: process.resident_kib(), descriptors })
    }
}

/// Plays for so long; fails if an answer was wrong, anything hung, or memory or descriptors grew.
pub(crate) fn run(length: Duration, seed: u64, results: &Results) -> Result<()> {
    let mut backends =
        (0..BACKENDS).map(|_| Backend::start()).collect::<std::io::Result<Vec<_>>>()?;
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let (process, target, _dir) = start(&addresses)?;
    let (begun, mut seen, mut looks) = (Instant::now(), Seen::default(), Vec::new());
    while looks.is_empty() || begun.elapsed() < length {
        let act = ACT.min(length);
        let seed = seed.wrapping_add(looks.len() as u64);
        let play = Play { seed, clients: CLIENTS, length: act, turns: Some(TURNS) };
        seen.add(play.run(target, &mut backends)?);
        std::thread::sleep(REST);
        looks.push(Look::at(&process)?);
        let (whole, asked) = (seen.whole, seen.asked());
        say(&format!("act {:3}  {whole} of {asked} answered well", looks.len()))?;
    }
    let text = readme(seed, &seen, &looks);
    results.write("acts.csv", &csv(&looks))?;
    results.write("README.md", &text)?;
    say(&text)?;
    ensure!(seen.wrong.is_empty(), "wrong: {:?}", seen.wrong);
    ensure!(seen.hung.is_empty(), "hung: {:?}", seen.hung);
    let (memory, descriptors) = growth(&looks);
    ensure!(memory <= GROWTH_MAX, "memory grew to {memory:.2}");
    ensure!(descriptors <= GROWTH_MAX, "descriptors grew to {descriptors:.2}");
    Ok(())
}

/// The proxy, as soon as it listens: what its backends answer is no page of the rig's.
fn start(backends: &[SocketAddr]) -> Result<(Process, SocketAddr, TempDir)> {
    let (dir, listen) = (TempDir::with_prefix("pulsegate-bench-")?, free_address()?);
    let task = Task { backends, workers: 2, cores: "0,1", checks: true, protocol: "http" };
    let command = (TORMENTED.prepare)(&Site { task, dir: dir.path(), listen })?;
    let mut process = Process::start(TORMENTED.name, "0,1", &command, &dir.path().join("output"))?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(process.listening(listen))?;
    Ok((process, listen, dir))
}

/// Memory and descriptors of the last third of the acts, of those of the first.
fn growth(looks: &[Look]) -> (f64, f64) {
    let third = looks.len().div_ceil(3);
    let (first, last) = (&looks[..third], &looks[looks.len() - third..]);
    let mean = |looks: &[Look], of: fn(&Look) -> f64| -> f64 {
        looks.iter().map(of).sum::<f64>() / looks.len() as f64
    };
    let memory = |look: &Look| look.resident_kib as f64;
    let open = |look: &Look| look.descriptors as f64 + PROBES;
    (mean(last, memory) / mean(first, memory), mean(last, open) / mean(first, open))
}

fn csv(looks: &[Look]) -> String {
    let mut text = String::from("act,resident_kib,descriptors\n");
    for (act, Look { resident_kib, descriptors }) in looks.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{},{resident_kib},{descriptors}", act + 1);
    }
    text
}

fn readme(seed: u64, seen: &Seen, looks: &[Look]) -> String {
    let (memory, descriptors) = growth(looks);
    let refused: Vec<_> =
        seen.refused.iter().map(|(status, count)| format!("{status}: {count}")).collect();
    let rows = [
        ("seed", seed.to_string()),
        ("acts of a minute or less", looks.len().to_string()),
        ("requests asked", seen.asked().to_string()),
        ("answered well", seen.whole.to_string()),
        ("refused, by status", refused.join(", ")),
        ("broken off where it could be told", seen.broken.to_string()),
        ("given up by clients", seen.given_up.to_string()),
        ("**wrong answers**", seen.wrong.len().to_string()),
        ("**hung**", seen.hung.len().to_string()),
        ("the longest, ms", seen.longest.as_millis().to_string()),
        ("memory, last third of that in the first", format!("{memory:.3}")),
        ("descriptors, likewise", format!("{descriptors:.3}")),
    ];
    let mut text =
        format!("# Chaos\n\n{}\n{METHOD}\n| | |\n| --- | --- |\n", conditions("overload"));
    for (what, value) in rows {
        let _ = writeln!(text, "| {what} | {value} |");
    }
    text
}

const METHOD: &str = "\
Six backends are, at random moments and by chance from the seed, killed, stopped, slow, resetting, cut off in
their answers, answering garbage or 500, or well again, one turn every 300 ms on average. 16 clients ask meanwhile,
with and without bodies of up to 200 KB in either framing, on connections that live for up to 100 requests; one in fifty
leaves in the middle. The bytes of each answer follow from a checksum of its request. After each act every
backend is well and nobody asks; then memory and descriptors are read.
";
