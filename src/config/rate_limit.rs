//! How many requests may come.

use std::sync::Arc;
use std::time::Duration;

/// A limit on the requests of a listener or a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Its name in metrics and headers, unique in its listener or route.
    pub name: Arc<str>,
    /// So many, ≥ 1 …
    pub requests: u32,
    /// … in this time, if they come evenly.
    pub per: Per,
    /// How many may come at once, after a silence; ≥ 1.
    pub burst: u32,
    /// What is counted together.
    pub by: LimitKey,
    /// Keys that are remembered.
    pub keys: u32,
}

/// The time of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

impl Per {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    /// The letter in config.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Second => 's',
            Self::Minute => 'm',
            Self::Hour => 'h',
        }
    }

    /// How long it is.
    #[must_use]
    pub fn length(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        })
    }
}

impl RateLimit {
    /// The rate as it is typed.
    #[must_use]
    pub fn rate(&self) -> String {
        format!("{}/{}", self.requests, self.per.letter())
    }

    /// From one request to the next, if they come evenly.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.per.length() / self.requests.max(1)
    }
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitKey {
    /// All requests.
    All,
    /// Those of one client, or of one network of clients: bits of the address that count.
    Client {
        /// 1..=32.
        v4: u8,
        /// 1..=128.
        v6: u8,
    },
    /// Those with one value of this header (lower-case name); without it, those of one client.
    Header(Arc<str>),
    /// Those of one subject and its names, as its certificate has proved them, whichever certificate that
    /// is now; without one, those of one client.
    Certificate,
}

impl LimitKey {
    /// One client: who has an IPv6 address has a /64 of them.
    pub const CLIENT: Self = Self::Client { v4: 32, v6: 64 };
}
