//! What every HTTP question has: a target and a `Host`.

use std::sync::Arc;

use crate::config::check::name;
use crate::config::read::Cursor;
use crate::config::shape::{Key, Kind, key};

pub(super) const HOST: Key =
    key("host", Kind::Text(name::HOST), "The Host header; default the backend's address.");
/// What is expected of a target.
pub(super) const PATH: &str = "a path such as /health";

/// The `Host` header may carry a port.
pub(super) fn host(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let text = cursor.text(name::HOST)?;
    let (bare, port) = match text.rsplit_once(':') {
        Some((bare, port)) if port.parse::<u16>().is_ok() && !bare.is_empty() => (bare, Some(port)),
        _ => (text, None),
    };
    match (name::host(bare), port) {
        (Some(host), Some(port)) => Some(Arc::from(format!("{host}:{port}"))),
        (Some(host), None) => Some(Arc::from(host)),
        (None, _) => {
            cursor.mismatch(name::HOST);
            None
        }
    }
}

/// A target as it is sent: it is not normalised, so it may be anything a request line can carry.
pub(super) fn path(cursor: &Cursor<'_>) -> Option<Arc<str>> {
    let text = cursor.text(PATH)?;
    if text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        return Some(Arc::from(text));
    }
    cursor.mismatch(PATH);
    None
}
