//! How a command ends, and the exit code that tells it.

use std::io::{self, Write};
use std::process::ExitCode;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// It failed: exit code 1.
    Failed(anyhow::Error),
    /// It was asked the wrong way, or the configuration is bad: exit code 2.
    Bad(anyhow::Error),
    /// As [`Bad`](Self::Bad), with the report already complete: one line per problem.
    Problems(String),
    /// All was told, and that there is a difference is the answer: exit code 3.
    Differs,
}

impl Failure {
    /// Tells the operator on standard error and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Self::Failed(error) => (format!("error: {error:#}"), 1),
            Self::Bad(error) => (format!("error: {error:#}"), 2),
            Self::Problems(problems) => (problems.trim_end().to_owned(), 2),
            Self::Differs => return ExitCode::from(3),
        };
        // Nobody is left to be told if standard error is closed.
        drop(writeln!(io::stderr(), "{text}"));
        ExitCode::from(code)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Prints to standard output. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Tells something on standard error that is no failure.
pub(super) fn note(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}
