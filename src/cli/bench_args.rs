//! What `bench` is asked, as typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::bench::measure::{self, Step, Target};

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// What to ask for: http://host:port/path or https://host/path
    #[arg(required_unless_present = "compare")]
    pub(super) url: Option<String>,
    /// Requests per second
    #[arg(long, short, default_value_t = 1000.0)]
    pub(super) rate: f64,
    /// How long requests are sent
    #[arg(long, short, value_name = "DURATION", value_parser = fine_duration, default_value = "10s")]
    pub(super) duration: Duration,
    /// Several rates, one after the other, in place of --rate and --duration
    #[arg(long, value_name = "RATE:DURATION", value_delimiter = ',', value_parser = step,
        conflicts_with_all = ["rate", "duration"])]
    pub(super) ramp: Vec<Step>,
    /// How long requests are sent before that do not count, at the first rate
    #[arg(long, value_name = "DURATION", value_parser = fine_duration)]
    pub(super) warm_up: Option<Duration>,
    /// How requests are spread over time
    #[arg(long, value_enum, default_value_t = ArrivalsArg::Constant)]
    pub(super) arrivals: ArrivalsArg,
    /// What Poisson arrivals are drawn from; the same seed gives the same schedule
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Connections, all opened before the first request
    #[arg(long, short, default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) connections: u32,
    /// Speak HTTP/2: agreed on by ALPN for https, from the first byte for http
    #[arg(long)]
    pub(super) h2: bool,
    /// With --h2: requests at once on each connection
    #[arg(long, default_value_t = 100, requires = "h2",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) streams: u32,
    /// Take any certificate
    #[arg(long)]
    pub(super) insecure: bool,
    /// The request's method
    #[arg(long, short, default_value = "GET")]
    pub(super) method: String,
    /// A header of the request, as `name: value`; may be repeated
    #[arg(long, short = 'H', value_name = "HEADER")]
    pub(super) header: Vec<String>,
    /// A file with the request's body
    #[arg(long, value_name = "FILE")]
    pub(super) body_file: Option<PathBuf>,
    /// A request that takes longer, from due to the whole answer, has failed
    #[arg(long, value_name = "DURATION", value_parser = fine_duration, default_value = "10s")]
    pub(super) timeout: Duration,
    /// What must be reached: a percentile or `max` of latency, or `errors`
    #[arg(long, value_name = "NAME=LIMIT", value_delimiter = ',', value_parser = Target::parse)]
    pub(super) target: Vec<Target>,
    /// How late the generator may be, at p99, before the run is void
    #[arg(long, value_name = "DURATION", value_parser = fine_duration, default_value = "100us")]
    pub(super) late_limit: Duration,
    /// Print the whole result as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Draw the result: latency by percentile and over time, and rate over time
    #[arg(long, value_name = "FILE.svg|html", value_parser = picture)]
    pub(super) report: Option<PathBuf>,
    /// Mark on the time axis what a balancer did meanwhile: its events.jsonl, its admin socket, or
    /// the URL of its admin API
    #[arg(long, value_name = "SOURCE")]
    pub(super) scenario: Option<String>,
    /// Compare results of --json pair by pair instead of measuring; exits with 1 if B is slower
    #[arg(long, value_names = ["A.json", "B.json"], num_args = 2.., exclusive = true)]
    pub(super) compare: Vec<PathBuf>,
}

/// How requests are spread over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ArrivalsArg {
    /// At equal distances.
    Constant,
    /// Independently, as many users do.
    Poisson,
}

/// A duration that may be a fraction or in microseconds.
fn fine_duration(text: &str) -> Result<Duration, String> {
    measure::duration(text)
        .ok_or_else(|| "expected a duration such as 200us, 1.5s or 1m".to_owned())
}

/// `RATE:DURATION`.
fn step(text: &str) -> Result<Step, String> {
    let (rate, length) = text.split_once(':').ok_or("expected RATE:DURATION, as 1000:10s")?;
    let rate = rate.parse().map_err(|_| "expected a number of requests per second".to_owned())?;
    Ok(Step { rate, length: fine_duration(length)? })
}

/// A file whose name says which kind of picture it is.
fn picture(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(|kind| kind.to_str()) {
        Some("svg" | "html") => Ok(path),
        _ => Err("expected a name that ends in .svg or .html".to_owned()),
    }
}
