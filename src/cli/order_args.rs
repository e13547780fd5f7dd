//! Orders, as typed.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::args::{RemoteArgs, duration};

/// What every order takes.
#[derive(Debug, Args)]
pub(super) struct OrderArgs {
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) why: String,
    /// End it after this time, as 30m or 8h [default: until another order]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(super) lasts: Option<Duration>,
    /// Also if it leaves a pool with nothing to serve it
    #[arg(long)]
    pub(super) force: bool,
    /// Tell what would follow, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the answer as JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

/// What an order is about.
#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// What kind of thing
    #[arg(value_enum)]
    pub(super) kind: Kind,
    /// Its name; a backend's as pool/backend, a zone's also as region/zone
    pub(super) name: String,
    /// Only in this pool [default: in all]
    #[arg(long, value_name = "POOL")]
    pub(super) pool: Option<String>,
}

/// What an order can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// One backend, as pool/backend.
    Backend,
    /// A zone.
    Zone,
    /// A region.
    Region,
    /// A pool.
    Pool,
    /// A listener.
    Listener,
}

#[derive(Debug, Args)]
pub(super) struct DrainArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Go down to nothing evenly over this time, as 5m [default: at once]
    #[arg(long, value_name = "DURATION", value_parser = duration, num_args = 0..=1,
        default_missing_value = "5m")]
    pub(super) over: Option<Duration>,
    #[command(flatten)]
    pub(super) order: OrderArgs,
}

#[derive(Debug, Args)]
pub(super) struct UndrainArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) order: OrderArgs,
}

#[derive(Debug, Args)]
pub(super) struct FailoverArgs {
    #[command(subcommand)]
    pub(super) what: Failover,
}

#[derive(Debug, Subcommand)]
pub(super) enum Failover {
    /// Move a zone's traffic away
    Zone {
        /// The zone, also as region/zone
        name: String,
        /// The zone that takes over as far as it can [default: whoever would]
        #[arg(long, value_name = "ZONE")]
        to: Option<String>,
        /// Only in this pool [default: in all]
        #[arg(long, value_name = "POOL")]
        pool: Option<String>,
        #[command(flatten)]
        order: OrderArgs,
    },
    /// Move a region's traffic away
    Region {
        /// The region that is left
        #[arg(long, value_name = "REGION")]
        from: String,
        /// The region that takes over as far as it can [default: whoever would]
        #[arg(long, value_name = "REGION")]
        to: Option<String>,
        /// Only in this pool [default: in all]
        #[arg(long, value_name = "POOL")]
        pool: Option<String>,
        #[command(flatten)]
        order: OrderArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Go to the next stage now, whatever the evidence
    #[arg(long)]
    pub(super) advance: bool,
    #[command(flatten)]
    pub(super) order: OrderArgs,
}

#[derive(Debug, Args)]
pub(super) struct WeightArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// The weight, 0 to 65535; `default` = as configured again
    #[arg(value_parser = weight)]
    pub(super) weight: Weight,
    #[command(flatten)]
    pub(super) order: OrderArgs,
}

/// A weight, or none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weight(pub(super) Option<u32>);

#[derive(Debug, Args)]
pub(super) struct AutomationArgs {
    /// Whether automation may move traffic
    #[arg(value_enum)]
    pub(super) state: Automation,
    /// Only in this pool [default: everywhere]
    #[arg(long, value_name = "POOL")]
    pub(super) pool: Option<String>,
    #[command(flatten)]
    pub(super) order: OrderArgs,
}

/// Whether automation may move traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Automation {
    /// Nothing is taken out or brought back by itself.
    Pause,
    /// Automation works again.
    Resume,
}

#[derive(Debug, Args)]
pub(super) struct TrafficArgs {
    /// The pool
    pub(super) pool: String,
    /// The part of its traffic that it serves, 0 to 100; the rest is shed
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(super) percent: f64,
    #[command(flatten)]
    pub(super) order: OrderArgs,
}

#[derive(Debug, Args)]
pub(super) struct BreakerArgs {
    #[command(subcommand)]
    pub(super) what: Breaker,
}

#[derive(Debug, Subcommand)]
pub(super) enum Breaker {
    /// Close it, and forget what was seen: all requests are let in again
    Reset {
        /// The pool
        pool: String,
        #[command(flatten)]
        order: OrderArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct DegradeArgs {
    /// The level, as named in `degradation`; `off` = with everything again
    pub(super) level: String,
    #[command(flatten)]
    pub(super) order: OrderArgs,
}

#[derive(Debug, Args)]
pub(super) struct FaultArgs {
    #[command(subcommand)]
    pub(super) what: FaultCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum FaultCommand {
    /// Do this to the requests of a route; needs --for
    Inject {
        /// The route, as listener/route
        #[arg(value_parser = route)]
        route: RouteArg,
        #[command(flatten)]
        kind: FaultKindArgs,
        /// Which part of its requests meet it, 0 to 100
        #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "100")]
        percent: f64,
        #[command(flatten)]
        order: OrderArgs,
    },
    /// End what was injected
    Clear {
        /// The route, as listener/route
        #[arg(value_parser = route)]
        route: RouteArg,
        #[command(flatten)]
        order: OrderArgs,
    },
}

/// What is done: one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct FaultKindArgs {
    /// Hold a request for this time before it goes to a backend
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) delay: Option<Duration>,
    /// Answer it with this status, 400 to 599
    #[arg(long, value_name = "STATUS")]
    pub(super) abort: Option<u16>,
    /// Reset its connection (HTTP/2: its stream)
    #[arg(long)]
    pub(super) reset: bool,
}

/// A route by its listener's name and its own.
#[derive(Clone, Debug)]
pub(super) struct RouteArg {
    pub(super) listener: String,
    pub(super) route: String,
}

fn route(text: &str) -> Result<RouteArg, String> {
    let names = text.split_once('/');
    let (listener, route) = names.ok_or_else(|| "expected listener/route".to_owned())?;
    Ok(RouteArg { listener: listener.to_owned(), route: route.to_owned() })
}

#[derive(Debug, Args)]
pub(super) struct EmergencyArgs {
    #[command(subcommand)]
    pub(super) what: Emergency,
}

#[derive(Debug, Subcommand)]
pub(super) enum Emergency {
    /// Take a region out at once: no share, connections closed, automation off there
    Stop {
        /// The region
        #[arg(long, value_name = "REGION")]
        region: String,
        /// The region's name again
        #[arg(long, value_name = "REGION")]
        confirm: String,
        #[command(flatten)]
        order: OrderArgs,
    },
}

fn weight(text: &str) -> Result<Weight, String> {
    if text == "default" {
        return Ok(Weight(None));
    }
    match text.parse() {
        Ok(weight @ 0..=65_535) => Ok(Weight(Some(weight))),
        _ => Err("expected a number from 0 to 65535, or `default`".to_owned()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("expected a number from 0 to 100".to_owned()),
    }
}
