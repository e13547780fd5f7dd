//! Secrets: never in the file, never in a message.
//!
//! A config is copied into tickets, chats and repositories; a secret in it is out. So a secret is
//! named by the file or the environment variable that holds it, and what stands in its place, which
//! may be the secret itself typed there by mistake, is never repeated.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use crate::config::read::{Cursor, Fields};
use crate::config::shape::Shape;
use crate::config::{Secret, SecretSource};

/// What is expected where a secret is needed.
pub(super) const EXPECTED: &str = "`{ file: path }` or `{ env: VARIABLE }`";

/// Bytes of a secret.
const MAX_BYTES: u64 = 4096;

/// Says that a secret was typed into the file.
pub(super) fn refuse_literal(cursor: &Cursor<'_>) {
    cursor.problem(format!("a secret never stands in this file (expected {EXPECTED})"));
}

/// Reads a secret where nothing else stands; `shape` has the keys `file` and `env`.
pub(super) fn at(cursor: &Cursor<'_>, shape: &'static Shape) -> Option<(Secret, SecretSource)> {
    if cursor.scalar().is_some() {
        refuse_literal(cursor);
        return None;
    }
    read(&cursor.fields(shape)?)
}

/// Reads the secret named by the keys `file` or `env` of a mapping.
pub(super) fn read(fields: &Fields<'_>) -> Option<(Secret, SecretSource)> {
    let (cursor, source) = match (fields.get("file"), fields.get("env")) {
        (Some(cursor), None) => {
            let path = PathBuf::from(plain(&cursor, "a path")?);
            (cursor, SecretSource::File(path))
        }
        (None, Some(cursor)) => {
            let variable = plain(&cursor, "a variable's name")?.to_owned();
            (cursor, SecretSource::Env(variable))
        }
        _ => {
            fields
                .cursor()
                .problem(format!("the secret's source is not clear (expected {EXPECTED})"));
            return None;
        }
    };
    match value(&source) {
        Ok(secret) => Some((secret, source)),
        Err(why) => {
            cursor.problem(why);
            None
        }
    }
}

/// A scalar, none of which is shown if it does not fit.
fn plain<'a>(cursor: &Cursor<'a>, expected: &str) -> Option<&'a str> {
    let text = cursor.scalar().filter(|text| !text.is_empty() && !text.contains('\0'));
    if text.is_none() {
        cursor.problem(format!("this does not fit (expected {expected})"));
    }
    text
}

fn value(source: &SecretSource) -> Result<Secret, String> {
    let text = match source {
        SecretSource::File(path) => {
            let mut text = String::new();
            let read = File::open(path)
                .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
            read.map_err(|error| format!("the secret's file cannot be read: {error}"))?;
            text
        }
        SecretSource::Env(variable) if variable.contains('=') => {
            return Err("this is not a variable's name (expected e.g. PULSEGATE_TOKEN)".to_owned());
        }
        SecretSource::Env(variable) => std::env::var(variable)
            .map_err(|_| "the environment variable named here is not set".to_owned())?,
    };
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        Err("the secret is empty".to_owned())
    } else if secret.len() as u64 > MAX_BYTES {
        Err(format!("the secret is longer than {MAX_BYTES} bytes"))
    } else if !secret.bytes().all(|b| b.is_ascii_graphic()) {
        Err("the secret holds spaces, control or non-ASCII characters, which no header carries"
            .to_owned())
    } else {
        Ok(Secret::new(secret.to_owned()))
    }
}
