//! Backends that fail at random in every way, under mixed load; a short run of what `cargo bench --bench
//! overload -- chaos` does for an hour.
//!
//! `PULSEGATE_SEED` plays one again.

#[path = "../../benches/rig/chaos/mod.rs"]
mod play;

use std::fs;
use std::time::Duration;

use crate::harness::{Pulsegate, Setup, until};

use play::{Backend, Play, Seen};

/// Short, so that what hangs is seen, and what is idle is soon closed.
const ROUTE: &str = "{ pool: site, timeouts: { first_byte: 1s, body_idle: 1s, total: 5s } }";
const POOL: &str = "timeouts: { connect: 500ms, pool_idle: 500ms }";
/// Descriptors that probes may have open at any moment.
const PROBES: usize = 16;
/// What a run may leave behind: buffers in stock, and what the allocator keeps.
const MEMORY_MAX: u64 = 32 << 20;

/// Descriptors that the process has open.
fn open(proxy: &Pulsegate) -> usize {
    fs::read_dir(format!("/proc/{}/fd", proxy.pid())).expect("our own child").count()
}

/// Its resident memory, in bytes.
fn memory(proxy: &Pulsegate) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", proxy.pid())).expect("our child");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    let kib: u64 = line.trim_end_matches("kB").trim().parse().expect("a number");
    kib << 10
}

#[test]
fn whatever_backends_do_no_answer_is_wrong_nothing_hangs_and_nothing_is_left() {
    let given = std::env::var("PULSEGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    let mut backends: Vec<Backend> = (0..4).map(|_| Backend::start().expect("a port")).collect();
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let setup = Setup::default().top("workers: 2").route(ROUTE).pool(POOL);
    let proxy = setup.health("{ network: {}, process: {} }").over_addresses(&addresses);
    let mut play = |length, turns| -> Seen {
        let play = Play { seed, clients: 8, length, turns };
        play.run(proxy.address("web"), &mut backends).expect("a stage")
    };
    let start = open(&proxy);
    until("every backend", || {
        let seen = play(Duration::from_millis(300), None);
        (seen.whole > 0 && seen.whole == seen.asked()).then_some(())
    });
    let before = memory(&proxy);
    let seen = play(Duration::from_secs(8), Some(Duration::from_millis(150)));
    assert!(seen.wrong.is_empty(), "seed {seed}: {:?}", seen.wrong);
    assert!(seen.hung.is_empty(), "seed {seed}: {:?}", seen.hung);
    assert!(seen.whole > 0, "seed {seed}: {seen:?}");
    until("the end of all trouble", || {
        let seen = play(Duration::from_millis(300), None);
        (seen.whole > 0 && seen.whole == seen.asked()).then_some(())
    });
    until("descriptors to be closed", || (open(&proxy) <= start + PROBES).then_some(()));
    let after = memory(&proxy);
    assert!(after <= before + MEMORY_MAX, "seed {seed}: from {before} to {after} bytes");
}
