//! The `pulsegate` binary; see [`pulsegate::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    pulsegate::cli::main()
}
