//! The one place where the wall clock is read.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::UnixMillis;

/// The wall-clock time; a clock set before 1970 reads as 1970.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
#[must_use]
pub fn wall_clock() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
