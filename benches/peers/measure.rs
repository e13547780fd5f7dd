//! Interleaved rounds: every contender once per round, so that what changes on the machine over a
//! run's minutes meets all of them alike.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use crate::Args;
use crate::contender::Contender;
use crate::cpu::Usage;
use crate::report::{Report, Sample};
use crate::rig::load::{Load, Running};
use crate::rig::results::say;
use crate::scenario::Scenario;

/// Measures all rounds of one scenario.
pub(crate) async fn rounds(
    args: &Args,
    scenario: &Scenario,
    contenders: &[&Contender],
    report: &mut Report,
) -> Result<()> {
    say(&format!("{}: {}", scenario.name, scenario.what))?;
    report.scenario(scenario);
    for round in 0..args.rounds {
        // Each round starts with another, so that nobody is always first or always follows the same.
        for turn in 0..contenders.len() {
            let contender = contenders[(round + turn) % contenders.len()];
            let sample = once(args, scenario, contender).await?;
            say(&format!("  round {:2}  {:14} {sample}", round + 1, contender.label))?;
            report.sample(scenario.name, &contender.label, round, sample);
        }
    }
    Ok(())
}

async fn once(args: &Args, scenario: &Scenario, contender: &Contender) -> Result<Sample> {
    let proxy = &contender.proxy;
    let running = Running::start(&Load {
        target: proxy.address,
        connections: scenario.connections * contender.workers,
        streams: scenario.streams,
        page: scenario.page,
        protocol: contender.protocol,
        close: scenario.close,
        patience: None,
    })?;
    sleep(Duration::from_secs_f64(args.warm_up)).await;
    running.reset();
    let (before, started) = (Usage::of(&proxy.process)?, Instant::now());
    sleep(Duration::from_secs_f64(args.seconds)).await;
    let (tally, seconds) = (running.tally(), started.elapsed().as_secs_f64());
    let cpu = Usage::of(&proxy.process)? - before;
    let failed_late = running.stop().await;
    Ok(Sample { tally, seconds, cpu, failed_late })
}
