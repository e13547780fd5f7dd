//! Wall-clock time for people, from a clock that tests can replace. Nothing is decided by it.

use tokio::time::Instant;

use crate::events::Anchor;
use crate::model::UnixMillis;

/// Tells what time it is.
pub type WallClock = fn() -> UnixMillis;

/// The wall-clock time of a moment in the past.
pub(super) fn at(clock: WallClock, moment: std::time::Instant) -> UnixMillis {
    let ago = Instant::now().into_std().saturating_duration_since(moment);
    let ago_ms = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
    UnixMillis(clock().0.saturating_sub(ago_ms))
}

/// Now, by both clocks.
pub(super) fn anchor(clock: WallClock) -> Anchor {
    Anchor { instant: Instant::now().into_std(), wall: clock() }
}
