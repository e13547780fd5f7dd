//! Something told once per source and minute: whoever repeats it a thousand times fills no log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::model::UnixMillis;

const MINUTE_MS: u64 = 60_000;
/// Sources that are remembered; beyond, nothing is told of new ones until some are forgotten.
const SOURCES_MAX: usize = 1024;

/// Who was told of within the last minute.
#[derive(Debug, Default)]
pub struct OncePerMinute(Mutex<HashMap<IpAddr, u64>>);

impl OncePerMinute {
    /// Is it the first of this source within a minute?
    pub fn first(&self, source: IpAddr, now: UnixMillis) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |at: &u64| now.0.saturating_sub(*at) < MINUTE_MS;
        if told.get(&source).is_some_and(fresh) {
            return false;
        }
        if told.len() >= SOURCES_MAX {
            told.retain(|_, at| fresh(at));
        }
        let room = told.len() < SOURCES_MAX;
        if room {
            told.insert(source, now.0);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_of_again_after_a_minute_and_memory_is_bounded() {
        let once = OncePerMinute::default();
        let source = |n: u32| IpAddr::from(n.to_be_bytes());
        assert!(once.first(source(1), UnixMillis(0)));
        assert!(!once.first(source(1), UnixMillis(59_999)));
        assert!(once.first(source(1), UnixMillis(60_000)));
        let told = (2..5_000).filter(|n| once.first(source(*n), UnixMillis(60_001))).count();
        assert_eq!(told, SOURCES_MAX - 1);
        assert!(once.first(source(9_999), UnixMillis(130_000)));
    }
}
