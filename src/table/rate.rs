//! The rate limits of a listener or a route.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::Instant;

use super::Headers;
use crate::config::{self, LimitKey};
use crate::live::{Excess, Limiter, Pace};
use crate::net::tls::ClientIdentity;

/// A rate limit and what was taken of it.
#[derive(Debug)]
pub struct RateLimit {
    /// The limit.
    pub policy: config::RateLimit,
    /// What was taken of it, which outlives this table.
    pub limiter: Arc<Limiter>,
    pace: Pace,
}

impl RateLimit {
    pub(super) fn new(policy: &config::RateLimit, limiter: Arc<Limiter>) -> Self {
        let pace = Pace { interval: policy.interval(), burst: policy.burst };
        Self { policy: policy.clone(), limiter, pace }
    }

    /// Lets one request in.
    ///
    /// # Errors
    /// It is beyond the limit.
    pub fn take<H: Headers>(
        &self,
        client: impl FnOnce() -> IpAddr,
        headers: &H,
        proved: Option<&ClientIdentity>,
        now: Instant,
    ) -> Result<(), Excess> {
        let network = |v4, v6| network(client(), v4, v6);
        match &self.policy.by {
            LimitKey::All => self.limiter.take((), self.pace, now),
            LimitKey::Client { v4, v6 } => self.limiter.take(network(*v4, *v6), self.pace, now),
            LimitKey::Certificate => match proved {
                // A renewed certificate is the same client.
                Some(who) => self.limiter.take((&who.subject, &who.names), self.pace, now),
                None => self.limiter.take(network(32, 64), self.pace, now),
            },
            LimitKey::Header(name) => {
                let mut taken = None;
                headers.any(name, |value| {
                    taken = Some(self.limiter.take(value, self.pace, now));
                    true
                });
                taken.unwrap_or_else(|| self.limiter.take(network(32, 64), self.pace, now))
            }
        }
    }
}

/// The first bits of an address; IPv4 in IPv6 is IPv4.
fn network(address: IpAddr, v4: u8, v6: u8) -> (u8, u128) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let dropped = 32 - u32::from(v4.min(32));
            (4, u128::from(u32::from(address).checked_shr(dropped).unwrap_or(0)))
        }
        IpAddr::V6(address) => {
            let dropped = 128 - u32::from(v6.min(128));
            (6, u128::from(address).checked_shr(dropped).unwrap_or(0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_one_network_are_counted_together() {
        let of = |address: &str, v4, v6| network(address.parse().unwrap(), v4, v6);
        assert_eq!(of("10.1.2.3", 24, 64), of("::ffff:10.1.2.99", 24, 64));
        assert_ne!(of("10.1.2.3", 32, 64), of("10.1.2.4", 32, 64));
        assert_eq!(of("2001:db8::1", 32, 64), of("2001:db8::ffff:1", 32, 64));
        assert_ne!(of("2001:db8::1", 32, 64), of("2001:db8:0:1::1", 32, 64));
        assert_ne!(of("::1", 32, 128), of("0.0.0.1", 32, 128));
    }
}
