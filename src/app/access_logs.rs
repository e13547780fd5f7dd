//! Knows before anything is put in force whether the access logs can be written.
//!
//! The writer opens a file with its first line and only counts what it cannot write: a mistyped
//! directory would be noticed when the log is needed. So a start and a reload try each file first.

use std::io;
use std::sync::Arc;

use crate::access_log;
use crate::config::{Config, LogPath};

/// An access log that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("listener `{listener}`: cannot write the access log {path}: {error}")]
pub struct UnwritableLog {
    listener: Arc<str>,
    path: String,
    error: io::Error,
}

/// Every access log that cannot be opened, in the order of the listeners.
pub(super) fn unwritable(config: &Config) -> impl Iterator<Item = UnwritableLog> {
    config.listeners.iter().filter_map(|listener| {
        let path = &listener.access_log.as_ref()?.path;
        let error = access_log::verify(path).err()?;
        let path = match path {
            LogPath::Stdout => "stdout".to_owned(),
            LogPath::File(path) => path.display().to_string(),
        };
        Some(UnwritableLog { listener: Arc::clone(&listener.name), path, error })
    })
}
