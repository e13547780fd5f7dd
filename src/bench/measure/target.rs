//! What a run must reach: `p50=50ms,p99=200ms,errors=0.01%`, read, and judged.

use std::fmt;
use std::time::Duration;

use super::Tally;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// Latency from due at this percentile (0..100), in nanoseconds.
    Percentile {
        /// Which one.
        percentile: f64,
        /// At most this many nanoseconds.
        limit_ns: u64,
    },
    /// The longest latency from due, in nanoseconds.
    Max {
        /// At most this many nanoseconds.
        limit_ns: u64,
    },
    /// Failed requests as a part of all that ended, 0..=1.
    Errors {
        /// At most this ratio.
        limit: f64,
    },
}

/// One limit, and how it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    text: String,
    measure: Measure,
}

/// A target that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// Not `name=limit`.
    #[error("target `{0}`: expected NAME=LIMIT, as p99=200ms or errors=0.01%")]
    Shape(String),
    /// A name that is not known.
    #[error("target `{0}`: unknown name; expected p50, p99, p99.9 (any percentile), max or errors")]
    Name(String),
    /// A limit that is not a duration.
    #[error("target `{0}`: expected a duration, as 50ms, 1.5ms, 200us or 2s")]
    Duration(String),
    /// A limit that is not a ratio.
    #[error("target `{0}`: expected a percentage from 0% to 100%, as 0.01%")]
    Ratio(String),
}

/// How a run did against a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// A latency in nanoseconds.
    Latency(u64),
    /// A ratio, 0..=1.
    Ratio(f64),
    /// So many requests failed that this percentile is one of them, or nothing was answered.
    Failed,
}

impl Target {
    /// Reads one target.
    ///
    /// # Errors
    /// What is wrong with it, with its text.
    pub fn parse(text: &str) -> Result<Self, BadTarget> {
        let (name, limit) =
            text.split_once('=').ok_or_else(|| BadTarget::Shape(text.to_owned()))?;
        let limit_ns = || {
            let limit = duration(limit).ok_or_else(|| BadTarget::Duration(text.to_owned()))?;
            Ok(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))
        };
        let measure = match name {
            "errors" => Measure::Errors {
                limit: ratio(limit).ok_or_else(|| BadTarget::Ratio(text.to_owned()))?,
            },
            "max" => Measure::Max { limit_ns: limit_ns()? },
            _ => {
                let percentile =
                    percentile(name).ok_or_else(|| BadTarget::Name(text.to_owned()))?;
                Measure::Percentile { percentile, limit_ns: limit_ns()? }
            }
        };
        Ok(Self { text: text.to_owned(), measure })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the run shows for it, and whether that is within the limit.
    #[must_use]
    pub fn judge(&self, tally: &Tally) -> (Seen, bool) {
        let latency = |quantile, limit_ns| match tally.latency_of_all_ns(quantile) {
            Some(seen) => (Seen::Latency(seen), seen <= limit_ns),
            None => (Seen::Failed, false),
        };
        match self.measure {
            Measure::Percentile { percentile, limit_ns } => latency(percentile / 100.0, limit_ns),
            Measure::Max { limit_ns } => latency(1.0, limit_ns),
            Measure::Errors { .. } if tally.answers() + tally.failures() == 0 => {
                (Seen::Failed, false)
            }
            Measure::Errors { limit } => {
                let seen = tally.failure_ratio();
                (Seen::Ratio(seen), seen <= limit)
            }
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency(ns) => write!(f, "{:.3} ms", *ns as f64 / 1e6),
            Self::Ratio(ratio) => write!(f, "{:.4} %", ratio * 100.0),
            Self::Failed => f.write_str("failed requests"),
        }
    }
}

/// `p99`, `p99.9`: more than 0, less than 100.
fn percentile(name: &str) -> Option<f64> {
    let number = name.strip_prefix('p').filter(|number| is_decimal(number))?;
    number.parse().ok().filter(|it| *it > 0.0 && *it < 100.0)
}

fn ratio(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%').filter(|number| is_decimal(number))?;
    number.parse::<f64>().ok().filter(|it| *it <= 100.0).map(|percent| percent / 100.0)
}

/// A duration with its unit and, if need be, a fraction: `50ms`, `1.5ms`, `200us`, `2s`, `1m`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let unit_ns = match unit {
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        _ => return None,
    };
    let ns = number.parse::<f64>().ok().filter(|_| is_decimal(number))? * unit_ns;
    (ns >= 1.0 && ns < u64::MAX as f64).then(|| Duration::from_nanos(ns.round() as u64))
}

/// Digits with at most one point between them.
fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::{Exchange, Fault};

    fn judged(target: &str, latencies_ms: &[u64], failed: u64) -> (Seen, bool) {
        let mut tally = Tally::new(Duration::from_secs(1)).unwrap();
        for ms in latencies_ms {
            tally.answered(Exchange { due_ns: 0, sent_ns: 0, done_ns: ms * 1_000_000 });
        }
        (0..failed).for_each(|_| tally.failed(0, Fault::Unanswered));
        Target::parse(target).unwrap().judge(&tally)
    }

    #[test]
    fn targets_are_met_up_to_their_limit_and_missed_beyond() {
        let ms: Vec<u64> = (1..=100).collect();
        for (target, met) in [
            ("p50=51ms", true),
            ("p50=49ms", false),
            ("p99=100ms", true),
            ("p99=98ms", false),
            ("p99.9=100.1ms", true),
            ("max=99ms", false),
            ("max=0.2s", true),
            ("errors=0%", true),
        ] {
            assert_eq!(judged(target, &ms, 0).1, met, "{target}");
        }
        assert_eq!(judged("errors=1%", &[1; 99], 1), (Seen::Ratio(0.01), true));
        assert!(!judged("errors=0.9%", &[1; 99], 1).1);
    }

    #[test]
    fn failed_requests_miss_the_percentile_they_fall_on() {
        assert!(judged("p98=2ms", &[1; 98], 2).1);
        assert_eq!(judged("p99=2ms", &[1; 98], 2), (Seen::Failed, false));
        assert_eq!(judged("p50=2ms", &[], 0), (Seen::Failed, false));
        assert_eq!(judged("errors=100%", &[], 0), (Seen::Failed, false));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let shape = BadTarget::Shape as fn(String) -> BadTarget;
        for (text, error) in [
            ("p99", shape),
            ("", shape),
            ("latency=5ms", BadTarget::Name),
            ("p=5ms", BadTarget::Name),
            ("p0=5ms", BadTarget::Name),
            ("p100=5ms", BadTarget::Name),
            ("p-1=5ms", BadTarget::Name),
            ("p1e1=5ms", BadTarget::Name),
            ("p99=5", BadTarget::Duration),
            ("p99=ms", BadTarget::Duration),
            ("p99=-5ms", BadTarget::Duration),
            ("p99=0ms", BadTarget::Duration),
            ("max=1.2.3s", BadTarget::Duration),
            ("errors=0.01", BadTarget::Ratio),
            ("errors=101%", BadTarget::Ratio),
            ("errors=%", BadTarget::Ratio),
        ] {
            assert_eq!(Target::parse(text), Err(error(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn durations_have_a_unit_and_may_have_a_fraction() {
        for (text, us) in [("50ms", 50_000), ("1.5ms", 1500), ("200us", 200), ("2s", 2_000_000)] {
            assert_eq!(duration(text), Some(Duration::from_micros(us)), "{text}");
        }
        assert_eq!(duration("1.5m"), Some(Duration::from_secs(90)));
    }
}
