//! Speaks to a running process and explains what is wrong when it does not answer.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use hyper::StatusCode;

use super::args::RemoteArgs;
use super::failure::Failure;
use crate::admin::client::{Address, Client, ClientError};
use crate::config::{Secret, defaults};
use crate::model::printable;

/// Bytes of a token file.
const TOKEN_BYTES: usize = 4096;

/// Asks the process that `args` name, waiting for its answer.
pub(super) fn ask<T, F>(args: &RemoteArgs, question: impl FnOnce(Client) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let client = client(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(question(client)).map_err(|error| explained(&error))
}

fn client(args: &RemoteArgs) -> Result<Client, Failure> {
    let Some(url) = &args.url else {
        return Ok(Client::new(Address::Unix(socket(args)), None));
    };
    let address = Address::from_url(url).map_err(|error| Failure::Bad(error.into()))?;
    let token = args.token_file.as_deref().map(token).transpose().map_err(Failure::Bad)?;
    Ok(Client::new(address, token))
}

fn socket(args: &RemoteArgs) -> PathBuf {
    let named = args.socket.clone();
    named
        .or_else(|| env::var_os("PULSEGATE_SOCKET").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(defaults::ADMIN_SOCKET))
}

fn token(path: &Path) -> anyhow::Result<Secret> {
    let text = fs::read_to_string(path).with_context(|| format!("--token-file {}", path.display()));
    let text = text?;
    let token = text.trim();
    if token.is_empty() || token.len() > TOKEN_BYTES {
        return Err(anyhow!("--token-file {}: expected one token", path.display()));
    }
    Ok(Secret::new(token.to_owned()))
}

/// The error with what to do about it. A refused configuration is reported line by line.
fn explained(error: &ClientError) -> Failure {
    let hint = match error {
        ClientError::Refusal(StatusCode::UNPROCESSABLE_ENTITY, failed) => {
            let mut report = format!("error: {}\n", printable(&failed.error));
            for problem in &failed.problems {
                report.push_str(&printable(problem));
                report.push('\n');
            }
            return Failure::Problems(report);
        }
        ClientError::Refusal(StatusCode::CONFLICT, failed) if !failed.problems.is_empty() => {
            let problems: Vec<_> = failed.problems.iter().map(|it| printable(it)).collect();
            let text = printable(&failed.error);
            return Failure::Failed(anyhow!("{text}\n{}", problems.join("\n")));
        }
        ClientError::NoSocket(_) | ClientError::Refused(_) => {
            "\nIs Pulsegate running? Start it with `pulsegate run --config FILE`, or point to it:\n  \
             --socket PATH            (`admin.socket` in its configuration)\n  \
             --url http://HOST:PORT   (`admin.bind` in its configuration)"
        }
        ClientError::Io { cause, .. } if cause.kind() == std::io::ErrorKind::PermissionDenied => {
            "\nThe admin socket is its owner's alone: run this as the user Pulsegate runs as."
        }
        ClientError::Refusal(StatusCode::UNAUTHORIZED, _) => {
            "\nPresent a token with --token-file FILE, or use the admin socket."
        }
        _ => "",
    };
    Failure::Failed(anyhow!("{}{hint}", printable(&error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::view::Failed;

    #[test]
    fn a_missing_socket_is_named_with_what_to_do() {
        let failure = explained(&ClientError::NoSocket("/run/x.sock".into()));
        let Failure::Failed(error) = failure else { panic!("{failure:?}") };
        let text = error.to_string();
        for part in ["/run/x.sock", "pulsegate run --config", "--socket", "--url"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_refused_configuration_is_reported_line_by_line() {
        let failed = Failed { error: "refused".to_owned(), problems: vec!["a".into(), "b".into()] };
        let failure = explained(&ClientError::Refusal(StatusCode::UNPROCESSABLE_ENTITY, failed));
        let Failure::Problems(report) = failure else { panic!("{failure:?}") };
        assert_eq!(report, "error: refused\na\nb\n");
    }

    #[test]
    fn a_token_file_holds_one_token() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, " s3cret\n").unwrap();
        assert_eq!(token(&path).unwrap().expose(), "s3cret");
        fs::write(&path, "\n").unwrap();
        assert!(token(&path).is_err());
        assert!(token(&dir.path().join("none")).is_err());
    }
}
