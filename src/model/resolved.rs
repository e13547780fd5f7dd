//! The addresses behind the hostnames a config names.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{PoolName, Resolution};

/// The last good answer for each backend that is configured by hostname.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses(BTreeMap<PoolName, BTreeMap<Arc<str>, Vec<SocketAddr>>>);

impl Addresses {
    /// The addresses of a pool's backend, sorted; empty while none is known.
    ///
    /// `backend` is its name in the config, not that of one of its addresses.
    #[must_use]
    pub fn get(&self, pool: &str, backend: &str) -> &[SocketAddr] {
        self.0.get(pool).and_then(|names| names.get(backend)).map_or(&[], Vec::as_slice)
    }

    /// Takes over an answer; true if it changes anything.
    ///
    /// Addresses are sorted and told apart; an empty answer is refused, so that a failing
    /// resolver can never empty a pool.
    pub fn learn(&mut self, answer: Resolution) -> bool {
        let Resolution { pool, backend, mut addresses } = answer;
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() || self.get(&pool, &backend) == addresses {
            return false;
        }
        self.0.entry(pool).or_default().insert(backend, addresses);
        true
    }

    /// Forgets every backend that `keep(pool, backend)` is false for.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.0.retain(|pool, names| {
            names.retain(|name, _| keep(pool, name));
            !names.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(addresses: &[&str]) -> Resolution {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Resolution { pool: "site".into(), backend: "app".into(), addresses }
    }

    #[test]
    fn an_empty_answer_keeps_the_last_good_one() {
        let mut addresses = Addresses::default();
        assert!(addresses.learn(answer(&["10.0.0.2:80", "10.0.0.1:80", "10.0.0.2:80"])));
        assert!(!addresses.learn(answer(&[])));
        assert!(
            !addresses.learn(answer(&["10.0.0.1:80", "10.0.0.2:80"])),
            "only the order differs"
        );
        let known: Vec<String> =
            addresses.get("site", "app").iter().map(ToString::to_string).collect();
        assert_eq!(known, ["10.0.0.1:80", "10.0.0.2:80"]);
    }

    #[test]
    fn what_is_not_kept_is_forgotten() {
        let mut addresses = Addresses::default();
        addresses.learn(answer(&["10.0.0.1:80"]));
        addresses.retain(|pool, _| pool != "site");
        assert_eq!(addresses, Addresses::default());
    }
}
