//! Which tries are followed by another, when, and how many of them a pool bears.

use std::fmt;
use std::time::Duration;

use super::defaults;

/// How a request of a route is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Tries of one request, the first included, 1..=10.
    pub attempts: u32,
    /// After what a try is followed by another.
    pub on: RetryOn,
    /// The pause before a backend is sent the request again that another has had already.
    pub backoff: Backoff,
    /// From a try's begin to its response's head; `None` = no limit of its own.
    pub per_try: Option<Duration>,
    /// Bytes of a body that are held to be sent again; of a longer one nothing is.
    pub body_bytes: usize,
    /// Requests of this route may be repeated whatever their method.
    pub idempotent: bool,
}

impl Retries {
    /// Every default.
    pub const DEFAULT: Self = Self {
        attempts: defaults::ATTEMPTS,
        on: RetryOn::DEFAULT,
        backoff: Backoff::DEFAULT,
        per_try: None,
        body_bytes: defaults::RETRY_BODY_BYTES,
        idempotent: false,
    };
}

/// After what a try is followed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryOn {
    /// No connection could be opened.
    pub connect_failure: bool,
    /// The backend closed or reset before its response.
    pub reset: bool,
    /// The response did not begin in time.
    pub timeout: bool,
    /// The response has one of these statuses.
    pub statuses: Statuses,
    /// A call of gRPC ended at once with one of these codes.
    pub codes: GrpcCodes,
}

impl RetryOn {
    /// What a backend's going away does to requests.
    pub const DEFAULT: Self = Self { connect_failure: true, reset: true, ..Self::NOTHING };

    /// Nothing.
    pub const NOTHING: Self = Self {
        connect_failure: false,
        reset: false,
        timeout: false,
        statuses: Statuses::NONE,
        codes: GrpcCodes::NONE,
    };

    /// Each cause as it is typed.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let words = [
            (self.connect_failure, "connect-failure"),
            (self.reset, "reset"),
            (self.timeout, "timeout"),
        ];
        let words = words.into_iter().filter(|(on, _)| *on).map(|(_, word)| word.to_owned());
        let statuses = self.statuses.ranges().map(|range| range.to_string());
        words.chain(self.codes.names().map(str::to_owned)).chain(statuses).collect()
    }
}

/// A set of codes with which a call of gRPC may end, of those after which it makes sense to ask another
/// backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GrpcCodes(u32);

/// These codes (gRPC, statuscodes.md), by the names that Envoy has for them.
pub(super) const GRPC_CODES: [(&str, u8); 5] = [
    ("cancelled", 1),
    ("deadline-exceeded", 4),
    ("internal", 13),
    ("resource-exhausted", 8),
    ("unavailable", 14),
];

impl GrpcCodes {
    /// No code.
    pub const NONE: Self = Self(0);

    /// Adds one.
    pub fn add(&mut self, code: u8) {
        self.0 |= 1_u32.checked_shl(u32::from(code)).unwrap_or(0);
    }

    /// Is this one of them?
    #[must_use]
    pub fn has(&self, code: u8) -> bool {
        self.0 & 1_u32.checked_shl(u32::from(code)).unwrap_or(0) != 0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        GRPC_CODES.iter().filter(move |(_, code)| self.has(*code)).map(|(name, _)| *name)
    }
}

/// A set of statuses from 400 to 599.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statuses([u64; 4]);

/// The least status that may be in a set.
pub(super) const STATUS_MIN: u16 = 400;
/// The greatest one.
pub(super) const STATUS_MAX: u16 = 599;

impl Statuses {
    /// No status.
    pub const NONE: Self = Self([0; 4]);

    /// Adds one; what is not from 400 to 599 is left out.
    pub fn add(&mut self, status: u16) {
        if let Some((word, bit)) = place(status) {
            self.0[word] |= bit;
        }
    }

    /// Is this one of them?
    #[must_use]
    pub fn has(&self, status: u16) -> bool {
        place(status).is_some_and(|(word, bit)| self.0[word] & bit != 0)
    }

    /// Is it none at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// The statuses as ranges without gaps, in order.
    pub fn ranges(&self) -> impl Iterator<Item = StatusRange> {
        let all = *self;
        let begins = move |status: &u16| all.has(*status) && !all.has(*status - 1);
        (STATUS_MIN..=STATUS_MAX).filter(begins).map(move |first| {
            let last = (first..=STATUS_MAX).take_while(|status| all.has(*status)).last();
            StatusRange { first, last: last.unwrap_or(first) }
        })
    }
}

fn place(status: u16) -> Option<(usize, u64)> {
    let index = (STATUS_MIN..=STATUS_MAX).contains(&status).then(|| status - STATUS_MIN)?;
    Some((usize::from(index / 64), 1 << (index % 64)))
}

/// Statuses from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    first: u16,
    last: u16,
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
    }
}

/// Pauses that grow: each twice as long as the one before, up to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first one's length at most; zero = no pause at all.
    pub first: Duration,
    /// The longest one's.
    pub max: Duration,
}

impl Backoff {
    /// The default.
    pub const DEFAULT: Self =
        Self { first: defaults::RETRY_BACKOFF, max: defaults::RETRY_BACKOFF_MAX };

    /// How long to wait before the try that follows `tries`, if `part` of 0..1 comes by chance.
    ///
    /// Anything from none to all of the pause, so that those who failed together do not return
    /// together ("full jitter": M. Brooker, "Exponential Backoff And Jitter", 2015).
    #[must_use]
    pub fn pause(&self, tries: u32, part: f64) -> Duration {
        let doubled = tries.saturating_sub(1).min(20);
        self.first.saturating_mul(1 << doubled).min(self.max).mul_f64(part.clamp(0.0, 1.0))
    }
}

/// How many tries beyond the first ones a pool bears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryBudget {
    /// As a part of its recent requests, 0..=1.
    pub part: f64,
    /// But so many per second at the least.
    pub min_per_second: u32,
}

impl RetryBudget {
    /// The default.
    pub const DEFAULT: Self =
        Self { part: defaults::RETRY_BUDGET, min_per_second: defaults::RETRIES_PER_SECOND_MIN };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_as_ranges() {
        let mut set = Statuses::NONE;
        for status in [400, 429, 502, 503, 504, 599, 200, 600] {
            set.add(status);
        }
        assert!(set.has(503) && !set.has(501) && !set.has(200) && !set.has(600));
        let told: Vec<String> = set.ranges().map(|range| range.to_string()).collect();
        assert_eq!(told, ["400", "429", "502-504", "599"]);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let ms = Duration::from_millis;
        let backoff = Backoff { first: ms(100), max: ms(1000) };
        let longest: Vec<Duration> = (1..7).map(|tries| backoff.pause(tries, 1.0)).collect();
        assert_eq!(longest, [100, 200, 400, 800, 1000, 1000].map(ms));
        assert_eq!(backoff.pause(1, 0.0), Duration::ZERO);
        assert_eq!(backoff.pause(u32::MAX, 0.5), ms(500));
    }
}
