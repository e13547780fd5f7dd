//! What is known of one hostname, and when to ask again. Pure.
//!
//! Think of an address book that is only ever corrected, never erased: a family that failed keeps
//! its entries, and a name that lost all its records keeps the last ones.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Family};

/// Records are believed for at least this long, whatever they say.
const TTL_MIN: Duration = Duration::from_secs(1);
/// Records are believed for at most this long, whatever they say.
const TTL_MAX: Duration = Duration::from_secs(3600);
/// The pause after a first failure; doubles with each further one.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest pause after failures.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// The longest pause while there is no address at all: somebody waits for this one.
const RETRY_MAX_UNKNOWN: Duration = Duration::from_secs(5);
/// Addresses of one hostname in use at once; what a longer answer has beyond it is ignored.
const ADDRESSES_MAX: usize = 64;

/// What is known of one hostname.
#[derive(Debug, Default)]
pub(super) struct Host {
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
    failures: u32,
}

/// What follows from an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Learnt {
    /// The addresses in use from now on, sorted; or why nothing new is known.
    pub(super) outcome: Result<Vec<IpAddr>, Arc<str>>,
    /// When to ask again.
    pub(super) again: Duration,
}

impl Host {
    /// The addresses in use, sorted; empty before the first good answer.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        let mut all: Vec<IpAddr> = self.v4.iter().chain(&self.v6).copied().collect();
        all.sort_unstable();
        all.truncate(ADDRESSES_MAX);
        all
    }

    /// Takes an answer over as far as it is good.
    pub(super) fn learn(&mut self, answer: Answer) -> Learnt {
        let (v4, v6) = (usable(answer.v4), usable(answer.v6));
        let ttl = ttl(&v4).into_iter().chain(ttl(&v6)).min();
        let failure = [&v4, &v6].into_iter().find_map(failure);
        self.failures = if failure.is_some() || ttl.is_none() { self.failures + 1 } else { 0 };

        let Some(ttl) = ttl else {
            let detail = failure.unwrap_or_else(|| "no such host, or no addresses".into());
            return Learnt { outcome: Err(detail), again: self.pause() };
        };
        self.v4 = merged(std::mem::take(&mut self.v4), v4);
        self.v6 = merged(std::mem::take(&mut self.v6), v6);
        let ttl = ttl.clamp(TTL_MIN, TTL_MAX);
        let again = if self.failures > 0 { ttl.min(self.pause()) } else { ttl };
        Learnt { outcome: Ok(self.addresses()), again }
    }

    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let unknown = self.v4.is_empty() && self.v6.is_empty();
        let longest = if unknown { RETRY_MAX_UNKNOWN } else { RETRY_MAX };
        RETRY_FIRST.saturating_mul(1 << doublings).min(longest)
    }
}

/// Drops addresses no backend can have; a family left without any has nothing.
fn usable(family: Family) -> Family {
    match family {
        Family::Records(mut records, ttl) => {
            records.retain(|address| !address.is_unspecified() && !address.is_multicast());
            records.sort_unstable();
            records.dedup();
            if records.is_empty() { Family::Nothing } else { Family::Records(records, ttl) }
        }
        other => other,
    }
}

fn ttl(family: &Family) -> Option<Duration> {
    if let Family::Records(_, ttl) = family { Some(*ttl) } else { None }
}

fn failure(family: &Family) -> Option<Arc<str>> {
    if let Family::Failed(detail) = family { Some(Arc::clone(detail)) } else { None }
}

fn merged(known: Vec<IpAddr>, family: Family) -> Vec<IpAddr> {
    match family {
        Family::Records(records, _) => records,
        Family::Nothing => Vec::new(),
        Family::Failed(_) => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(addresses: &[&str], ttl_s: u64) -> Family {
        let parsed = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Family::Records(parsed, Duration::from_secs(ttl_s))
    }

    fn v4(family: Family) -> Answer {
        Answer { v4: family, v6: Family::Nothing }
    }

    fn shown(addresses: &[IpAddr]) -> String {
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn records_are_sorted_and_asked_for_again_when_they_expire() {
        let learnt = Host::default().learn(Answer {
            v4: records(&["10.0.0.2", "10.0.0.1", "10.0.0.2"], 30),
            v6: records(&["fd00::1"], 20),
        });
        assert_eq!(shown(&learnt.outcome.unwrap()), "10.0.0.1 10.0.0.2 fd00::1");
        assert_eq!(learnt.again, Duration::from_secs(20));
    }

    #[test]
    fn a_ttl_is_believed_within_bounds() {
        let again = |ttl_s| Host::default().learn(v4(records(&["10.0.0.1"], ttl_s))).again;
        assert_eq!(again(0), Duration::from_secs(1));
        assert_eq!(again(1_000_000), Duration::from_secs(3600));
    }

    #[test]
    fn what_is_known_outlives_failure_and_emptiness() {
        let mut host = Host::default();
        host.learn(v4(records(&["10.0.0.1"], 30)));
        for answer in [
            v4(Family::Nothing),
            Answer::failed("server failure"),
            v4(records(&[], 30)),
            v4(records(&["0.0.0.0"], 30)),
        ] {
            assert!(host.learn(answer.clone()).outcome.is_err(), "{answer:?}");
            assert_eq!(shown(&host.addresses()), "10.0.0.1", "{answer:?}");
        }
    }

    #[test]
    fn a_family_that_failed_keeps_its_addresses_and_is_asked_again_soon() {
        let mut host = Host::default();
        host.learn(Answer { v4: records(&["10.0.0.1"], 300), v6: records(&["fd00::1"], 300) });
        let partial = Answer { v4: Family::failed("timeout"), v6: records(&["fd00::2"], 300) };
        let learnt = host.learn(partial);
        assert_eq!(shown(&learnt.outcome.unwrap()), "10.0.0.1 fd00::2");
        assert_eq!(learnt.again, Duration::from_secs(1));
    }

    #[test]
    fn pauses_between_failures_double_up_to_a_minute_and_start_again_after_success() {
        let mut host = Host::default();
        host.learn(v4(records(&["10.0.0.1"], 30)));
        let mut pause = || host.learn(Answer::failed("down")).again.as_secs();
        let pauses: Vec<u64> = std::iter::repeat_with(&mut pause).take(8).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        host.learn(v4(records(&["10.0.0.1"], 30)));
        assert_eq!(host.learn(Answer::failed("down")).again.as_secs(), 1);
    }

    #[test]
    fn a_name_nothing_is_known_of_is_asked_again_within_seconds() {
        let mut host = Host::default();
        let mut pause = || host.learn(Answer::failed("down")).again.as_secs();
        let pauses: Vec<u64> = std::iter::repeat_with(&mut pause).take(5).collect();
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn a_flood_of_addresses_is_capped() {
        let flood = (0..1000_u32).map(|n| IpAddr::V4((0x0a00_0001 + n).into())).collect();
        let learnt = Host::default().learn(v4(Family::Records(flood, TTL_MAX)));
        assert_eq!(learnt.outcome.unwrap().len(), ADDRESSES_MAX);
    }

    #[test]
    fn words_from_the_network_are_capped_and_fit_to_be_shown() {
        let Family::Failed(detail) = Family::failed(&"\u{1b}[31m\n".repeat(100)) else {
            panic!("not a failure");
        };
        assert_eq!(detail.chars().count(), 200);
        assert!(!detail.chars().any(char::is_control));
    }
}
