//! The command line, as typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::bench_args::BenchArgs;
use super::certs::CertsCommand;
use super::order_args::{
    AutomationArgs, BreakerArgs, DegradeArgs, DrainArgs, EmergencyArgs, FailoverArgs, FaultArgs,
    RestoreArgs, TrafficArgs, UndrainArgs, WeightArgs,
};
use super::plan_args::PlanArgs;

const AFTER_HELP: &str = "\
Examples:
  pulsegate demo                               see it work: no files needed
  pulsegate check --config pulsegate.yaml      every mistake of the file, with its line
  pulsegate run --config pulsegate.yaml        serve
  pulsegate status                             what every backend is doing, and why
  pulsegate plan --config changed.yaml         what a change would move
  pulsegate reload                             put the changed file in force
  pulsegate bench http://127.0.0.1:8080/ --target p99=200ms
  pulsegate explain GET http://shop/           where it goes, and why
  pulsegate simulate --scenario drill.yaml     what would happen if

Exit codes: 0 done, 1 failed, 2 bad usage or bad configuration.";

/// A health-aware load balancer that can say why it sent a request where it did.
#[derive(Debug, Parser)]
#[command(name = "pulsegate", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve as the configuration says, until told to stop
    ///
    /// Prints the address of each listener once it is open. SIGHUP reloads the file, SIGUSR1
    /// reopens the access log, SIGTERM and SIGINT drain and stop; a second one stops at once.
    Run(RunArgs),
    /// Check a configuration and report every mistake in it
    ///
    /// Opens nothing and changes nothing. Exits with 2 if there is a mistake.
    #[command(after_help = "\
Examples:
  pulsegate check --config pulsegate.yaml
  pulsegate check --config pulsegate.yaml --print    the file with every default filled in
  pulsegate check --schema > pulsegate.schema.json   for the editor")]
    Check(CheckArgs),
    /// Show a whole balancer on this machine: three regions, twelve backends, no files
    ///
    /// The proxy listens on 127.0.0.1:8080 and the admin API on 127.0.0.1:9900.
    #[command(after_help = "\
Examples:
  pulsegate demo
  pulsegate demo --kill-one-every 5s                 watch failover
  pulsegate demo --drill                             lose a zone, then a region
  pulsegate status --url http://127.0.0.1:9900       in a second terminal")]
    Demo(DemoArgs),
    /// Show listeners, pools and every backend: health, share, traffic, and why it is out
    #[command(after_help = "\
Examples:
  pulsegate status
  pulsegate status --backend api/10.0.1.10:8080      what its last probes saw, and who decided
  pulsegate status --socket /run/pulsegate/admin.sock
  pulsegate status --url http://127.0.0.1:9900 --json | jq '.pools[].name'")]
    Status(StatusArgs),
    /// Show what happened: health, decisions with their reasons, commands, reloads
    #[command(after_help = "\
Examples:
  pulsegate events
  pulsegate events --last 1000 --json | jq 'select(.kind == \"published\")'")]
    Events(EventsArgs),
    /// Send nothing new to a backend, zone, region, pool or listener; let what is there finish
    #[command(after_help = "\
Examples:
  pulsegate drain zone us-east-1a --why 'kernel update' --for 30m
  pulsegate drain backend api/10.0.1.10:8080
  pulsegate drain region eu-west-1 --over 5m         down to nothing evenly
  pulsegate drain zone us-east-1a --dry-run          what would move")]
    Drain(DrainArgs),
    /// End a drain: it takes part again at once
    Undrain(UndrainArgs),
    /// Move the traffic of a zone or region away, whatever is observed there
    #[command(after_help = "\
Examples:
  pulsegate failover zone us-east-1a
  pulsegate failover region --from us-east-1 --to eu-west-1")]
    Failover(FailoverArgs),
    /// Bring a zone or region back the way of a recovery: by proof and in stages
    Restore(RestoreArgs),
    /// Give a backend, zone or region another weight
    #[command(after_help = "\
Examples:
  pulsegate weight zone us-east-1a 10
  pulsegate weight backend api/a1 default            as configured again")]
    Weight(WeightArgs),
    /// Stop automation from moving traffic, or let it work again
    Automation(AutomationArgs),
    /// Let a pool serve only a part of its traffic; the rest is shed
    Traffic(TrafficArgs),
    /// Do without what a level of `degradation` names, or with everything again
    #[command(after_help = "\
Examples:
  pulsegate degrade lean --why 'a flood' --for 30m
  pulsegate degrade off")]
    Degrade(DegradeArgs),
    /// Do something bad to the requests of a route, for a drill (`admin.faults` allows it)
    #[command(after_help = "\
Examples:
  pulsegate fault inject web/checkout --delay 200ms --percent 10 --for 5m
  pulsegate fault inject web/checkout --abort 503 --percent 1 --for 5m --why 'game day'
  pulsegate fault clear web/checkout")]
    Fault(FaultArgs),
    /// Close a pool's circuit breaker
    #[command(after_help = "\
Examples:
  pulsegate breaker reset shop --why 'the database is back'")]
    Breaker(BreakerArgs),
    /// Take a region out at once
    Emergency(EmergencyArgs),
    /// List what is being drained, and every connection that holds it open
    Drains(ListArgs),
    /// List the orders that stand: what, who, why, until when
    Orders(ListArgs),
    /// Load the configuration file again and put it in force, without dropping a request
    ///
    /// If the file has a mistake, every mistake is printed, the running configuration stays as it
    /// is, and the exit code is 2.
    #[command(after_help = "\
Examples:
  pulsegate reload
  pulsegate reload --confirm 5m      taken back by itself after 5 minutes, unless
  pulsegate reload --confirmed       somebody who can still reach it says this")]
    Reload(ReloadArgs),
    /// Go back to the configuration before the one in force
    Rollback(RemoteArgs),
    /// Measure a server's latency under a load that never waits for it, and judge it by targets
    ///
    /// Requests are due on a schedule; latency counts from the moment a request was due, so a
    /// stall is felt by all who came during it. Failed requests count as slower than any answer.
    /// Exits with 1 if a target is missed, or if the generator itself was late and the run is
    /// void. Ctrl-C ends the run and prints what was measured so far.
    #[command(after_help = "\
Examples:
  pulsegate bench http://127.0.0.1:8080/ --rate 5000 --duration 30s
  pulsegate bench http://127.0.0.1:8080/ --target p50=50ms,p99=200ms,errors=0.01%
  pulsegate bench http://127.0.0.1:8080/ --ramp 1000:10s,2000:10s --arrivals poisson
  pulsegate bench http://127.0.0.1:8080/ --json --report a.svg > a.json
  pulsegate bench --compare a.json b.json")]
    Bench(Box<BenchArgs>),
    /// Say where a request would go, why there, and why nowhere else
    ///
    /// Asks the running process, or with --config decides offline as if every backend were well.
    #[command(after_help = "\
Examples:
  pulsegate explain GET http://shop.example/cart --client 10.1.2.3
  pulsegate explain GET http://shop.example/ --assume zone=us-east-1a=down
  pulsegate explain GET http://shop.example/ --zone us-east-1b    what it needs to get traffic
  pulsegate explain tcp://127.0.0.1:5432 --client 10.1.2.3        where bytes are forwarded; udp:// as well
  pulsegate explain tcp://127.0.0.1:8443 --sni db.example --alpn h2
  pulsegate explain POST http://shop.example/ --header 'x-beta: 1' --config pulsegate.yaml")]
    Explain(ExplainArgs),
    /// Say what another configuration would change: what comes and goes, what moves, what is left
    ///
    /// Asks the running process, which decides by the file with every backend as it is now and puts
    /// nothing in force. Exits with 0 whether anything would change or not; with --exit-code, 3 means
    /// that something would (2 is a bad file, here as everywhere).
    #[command(after_help = "\
Examples:
  pulsegate plan --config new.yaml
  pulsegate plan --config new.yaml --json | jq .warnings
  pulsegate plan --config new.yaml --against pulsegate.yaml --exit-code    without a process")]
    Plan(PlanArgs),
    /// Play a scenario against a configuration, under a virtual clock
    ///
    /// The same decisions as in a running process, in a model world: what would be noticed, what
    /// would be moved, what would be brought back, and when. The same seed gives the same bytes.
    #[command(after_help = "\
Examples:
  pulsegate simulate --scenario conf/scenarios/zone-loss.yaml
  pulsegate simulate --config pulsegate.yaml --scenario drill.yaml --seed 7
  pulsegate simulate --scenario conf/scenarios/region-loss.yaml --svg region-loss.svg
  pulsegate simulate --scenario drill.yaml --json | jq .totals
  pulsegate simulate --scenario drill.yaml --check    every mistake of the scenario, with its line")]
    Simulate(SimulateArgs),
    /// Decide again what a process has recorded (`state.record`)
    ///
    /// The same configuration decides the same, or the exit code is 1. With another one, the
    /// decisions that differ are shown: - as recorded, + as decided now.
    #[command(after_help = "\
Examples:
  pulsegate replay state
  pulsegate replay state/inputs.jsonl.1 state/inputs.jsonl --config calmer.yaml")]
    Replay(ReplayArgs),
    /// Make certificates to try TLS with
    Certs {
        #[command(subcommand)]
        command: CertsCommand,
    },
    /// Print a completion script for a shell
    #[command(after_help = "\
Example:
  pulsegate completions bash > /etc/bash_completion.d/pulsegate")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The configuration file
    #[arg(long, short, value_name = "FILE")]
    pub(super) config: PathBuf,
    #[command(flatten)]
    pub(super) log: LogArgs,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", required_unless_present = "schema")]
    pub(super) config: Option<PathBuf>,
    /// Print the configuration with every default filled in
    #[arg(long)]
    pub(super) print: bool,
    /// Print the JSON Schema of the configuration file instead
    #[arg(long, conflicts_with_all = ["config", "print"])]
    pub(super) schema: bool,
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Kill one backend after another, this far apart, and bring it back
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) kill_one_every: Option<Duration>,
    /// Kill a zone, then a region, bring each back, and tell what it took
    #[arg(long, conflicts_with = "kill_one_every")]
    pub(super) drill: bool,
    #[command(flatten)]
    pub(super) log: LogArgs,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The request's method and its URL, or tcp://ADDRESS:PORT or udp://ADDRESS:PORT alone
    #[arg(required = true, num_args = 1..=2, value_names = ["METHOD", "URL"])]
    pub(super) request: Vec<String>,
    /// The server name that the connection's TLS hello asks for; '' = a hello without one
    #[arg(long, value_name = "NAME")]
    pub(super) sni: Option<String>,
    /// A protocol that its TLS hello offers, as h2
    #[arg(long, value_name = "PROTOCOL")]
    pub(super) alpn: Vec<String>,
    /// The client's address
    #[arg(long, value_name = "ADDRESS")]
    pub(super) client: Option<String>,
    /// A header field, as 'name: value'
    #[arg(long = "header", short = 'H', value_name = "FIELD")]
    pub(super) headers: Vec<String>,
    /// The listener it arrives at [default: by the URL's port, or the first]
    #[arg(long, value_name = "NAME")]
    pub(super) listener: Option<String>,
    /// Also say what would have to change for this zone to get (more) traffic
    #[arg(long, value_name = "NAME")]
    pub(super) zone: Option<String>,
    /// As if this were so: zone=us-east-1a=down; also region=, pool=, backend=POOL/NAME=, and up,
    /// drain, maint, ready, fail, weight:N
    #[arg(long, value_name = "WHAT")]
    pub(super) assume: Vec<String>,
    /// Print the answer as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Decide offline by this configuration, every backend taken to be well
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["socket", "url_of"])]
    pub(super) config: Option<PathBuf>,
    /// The admin socket [default: $PULSEGATE_SOCKET, else run/admin.sock]
    #[arg(long, value_name = "PATH", conflicts_with = "url_of")]
    pub(super) socket: Option<PathBuf>,
    /// The admin API over TCP, as http://127.0.0.1:9900
    #[arg(id = "url_of", long = "url", value_name = "URL")]
    pub(super) admin_url: Option<String>,
    /// A file that holds the bearer token for --url
    #[arg(long, value_name = "FILE", requires = "url_of")]
    pub(super) token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// The scenario file
    #[arg(long, short, value_name = "FILE")]
    pub(super) scenario: PathBuf,
    /// The configuration file [default: the one the scenario names]
    #[arg(long, short, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What chance is drawn from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(super) seed: u64,
    /// Print everything as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Draw shares, load and states of every zone over time
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
    /// Read both files, report every mistake, and play nothing
    #[arg(long, conflicts_with_all = ["json", "seed", "svg"])]
    pub(super) check: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The recordings, oldest first; or the state folder, for all that is in it
    #[arg(value_name = "LOG", required = true)]
    pub(super) logs: Vec<PathBuf>,
    /// Another configuration [default: the recorded one]
    #[arg(long, short, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// All that is known of one backend: its name, with its pool or without
    #[arg(long, value_name = "[POOL/]NAME")]
    pub(super) backend: Option<String>,
    #[command(flatten)]
    pub(super) list: ListArgs,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Print the whole answer as JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    /// Take it back after this time, unless it is confirmed
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) confirm: Option<Duration>,
    /// Confirm the last reload: it stays
    #[arg(long, conflicts_with = "confirm")]
    pub(super) confirmed: bool,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    /// How many of the newest events
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) last: usize,
    /// Print each as it is in the event log: one JSON object per line
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

/// Which process to speak to, and how.
#[derive(Debug, Args)]
pub(super) struct RemoteArgs {
    /// The admin socket [default: $PULSEGATE_SOCKET, else run/admin.sock]
    #[arg(long, value_name = "PATH", conflicts_with = "url")]
    pub(super) socket: Option<PathBuf>,
    /// The admin API over TCP, as http://127.0.0.1:9900
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// A file that holds the bearer token for --url
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(super) token_file: Option<PathBuf>,
}

/// What the process says about itself, on standard error.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// The form of log lines
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(super) log_format: LogFormat,
    /// What is logged: a level, or levels by module, as info,pulsegate::probe=debug
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub(super) log: String,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// A whole number of `ms`, `s`, `m` or `h`, more than none.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    let ms = number.parse().ok().and_then(|number: u64| number.checked_mul(unit_ms));
    match ms {
        Some(ms) if ms > 0 => Ok(Duration::from_millis(ms)),
        _ => Err("expected a duration such as 500ms, 5s or 1m".to_owned()),
    }
}

#[cfg(test)]
mod tests;
