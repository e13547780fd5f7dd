//! What the process says about itself: to standard error, so that standard output stays free for
//! the access log.

use std::env;
use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use super::args::{LogArgs, LogFormat};
use super::failure::Failure;

/// From here on the process logs.
pub(super) fn start(args: &LogArgs) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&args.log).map_err(|_| {
        let cure = "expected a level (off, error, warn, info, debug or trace), or levels by \
                    module as info,pulsegate::probe=debug";
        Failure::Bad(anyhow::anyhow!("--log {}: {cure}", args.log))
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match args.log_format {
        LogFormat::Text => log.with_ansi(colours(&io::stderr())).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::Failed(anyhow::anyhow!("logging: {error}")))
}

/// Whether colours are wanted on this stream: a terminal, and nobody said no
/// (<https://no-color.org>).
pub(super) fn colours(stream: &impl IsTerminal) -> bool {
    let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
    stream.is_terminal() && !refused && !dumb
}
