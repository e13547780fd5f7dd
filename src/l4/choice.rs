//! A backend for a connection or a flow, and a place there where places are limited.

use crate::live::Place;
use crate::table::{Lease, Picker, Pool};

/// What came of choosing.
pub(super) enum Choice {
    /// A backend, with a place there if it has only so many.
    Taken(Lease, Option<Place>),
    /// Those that could take it have as many as they may.
    Full,
    /// None that was not tried can take it.
    None,
}

/// Chooses a backend that was not tried and has a free place. `in_line` = it has waited for its
/// turn; who has not lets those who wait go first.
pub(super) fn choose(
    pool: &Pool,
    picker: &mut Picker,
    key: u64,
    tried: &[u64],
    in_line: bool,
) -> Choice {
    let mut passed = tried.to_vec();
    while let Some(lease) = pool.choose(picker, Some(key), &passed) {
        let Some(max) = lease.max_connections else { return Choice::Taken(lease, None) };
        let free = in_line || !pool.waiting.is_busy();
        if let Some(place) = free.then(|| pool.waiting.place(&lease.live, max)).flatten() {
            return Choice::Taken(lease, Some(place));
        }
        passed.push(lease.live.id);
    }
    if passed.len() > tried.len() {
        return Choice::Full;
    }
    last_resort(pool, tried).unwrap_or(Choice::None)
}

/// For who failed wherever it was tried: whoever is better than nobody, at a place there.
fn last_resort(pool: &Pool, tried: &[u64]) -> Option<Choice> {
    let lease = if tried.is_empty() { None } else { pool.last_resort(tried) }?;
    let Some(max) = lease.max_connections else { return Some(Choice::Taken(lease, None)) };
    let place = pool.waiting.place(&lease.live, max)?;
    Some(Choice::Taken(lease, Some(place)))
}
