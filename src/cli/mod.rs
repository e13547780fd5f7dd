//! The command line: what an operator types, and what comes back.
//!
//! Each command is a module with one `execute`; they share how a failure is told and which exit
//! code it has (0 done, 1 failed, 2 bad usage or bad configuration). Nothing is decided here:
//! `run` and `demo` hand over to [`app`](crate::app), `bench` to [`bench`](mod@crate::bench),
//! `simulate` and `replay` to [`sim`](crate::sim), and the others ask a running process through
//! [`admin::client`](crate::admin::client).

mod args;
mod bench;
mod bench_args;
mod certs;
mod check;
mod completions;
mod demo;
mod drains;
mod events;
mod evidence;
mod explain;
mod failure;
mod logging;
mod marks;
mod order;
mod order_args;
mod places;
mod plan;
mod plan_args;
mod reload;
mod remote;
mod replay;
mod run;
mod simulate;
mod status;
mod table;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use certs::CertsCommand;

/// Does what the process's arguments say.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and version come this way, too; nothing can be done if they cannot be printed.
            drop(answer.print());
            return ExitCode::from(answer.exit_code() as u8);
        }
    };
    let done = match &cli.command {
        Command::Run(args) => run::execute(args),
        Command::Check(args) => check::execute(args),
        Command::Demo(args) => demo::execute(args),
        Command::Status(args) => status::execute(args),
        Command::Events(args) => events::execute(args),
        Command::Drain(args) => order::drain(args),
        Command::Undrain(args) => order::undrain(args),
        Command::Failover(args) => order::failover(args),
        Command::Restore(args) => order::restore(args),
        Command::Weight(args) => order::weight(args),
        Command::Automation(args) => order::automation(args),
        Command::Traffic(args) => order::traffic(args),
        Command::Degrade(args) => order::degrade(args),
        Command::Fault(args) => order::fault(args),
        Command::Breaker(args) => order::breaker(args),
        Command::Emergency(args) => order::emergency(args),
        Command::Drains(args) => drains::execute(args),
        Command::Orders(args) => order::list(args),
        Command::Reload(args) => reload::execute(args),
        Command::Rollback(args) => reload::roll_back(args),
        Command::Bench(args) => bench::execute(args),
        Command::Explain(args) => explain::execute(args),
        Command::Plan(args) => plan::execute(args),
        Command::Simulate(args) => simulate::execute(args),
        Command::Replay(args) => replay::execute(args),
        Command::Certs { command: CertsCommand::MakeDemo(args) } => certs::make_demo(args),
        Command::Completions { shell } => completions::execute(*shell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
