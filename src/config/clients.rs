//! Which clients may connect, by their addresses.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;

/// Which clients may connect: whoever is on no list that denies and, where there is one, on a list
/// that allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clients {
    /// Only these; `None` = everybody.
    pub allow: Option<ClientList>,
    /// None of these, even if they are allowed.
    pub deny: ClientList,
}

impl Clients {
    /// May a client of this address connect?
    #[must_use]
    pub fn admit(&self, client: IpAddr) -> bool {
        let allowed = self.allow.as_ref().is_none_or(|allow| allow.networks.has(client));
        allowed && !self.deny.networks.has(client)
    }

    /// The files that it was read from.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let lists = self.allow.iter().chain([&self.deny]);
        lists.flat_map(|list| &list.sources).filter_map(|source| match source {
            ListSource::File(path) => Some(path),
            ListSource::Network(_) => None,
        })
    }
}

/// A list of clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientList {
    /// What was typed.
    pub sources: Vec<ListSource>,
    /// What that is, files included.
    pub networks: Networks,
}

/// An item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListSource {
    /// A network, or one address.
    Network(IpNet),
    /// A file with such lines.
    File(PathBuf),
}

/// A set of addresses, found in as many steps as its size has digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// First and last address of each stretch, in order, with gaps between them; IPv4 as IPv6
    /// (`::ffff:a.b.c.d`).
    stretches: Vec<(u128, u128)>,
}

impl Networks {
    /// The addresses of these networks.
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let ends = |net: IpNet| (number(net.network()), number(net.broadcast()));
        let mut all: Vec<(u128, u128)> = networks.into_iter().map(ends).collect();
        all.sort_unstable();
        let mut stretches: Vec<(u128, u128)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            match stretches.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => stretches.push((first, last)),
            }
        }
        Self { stretches }
    }

    /// Is this address one of them?
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        let address = number(address);
        let after = self.stretches.partition_point(|(first, _)| *first <= address);
        after.checked_sub(1).is_some_and(|at| address <= self.stretches[at].1)
    }

    /// Is it no address at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }
}

fn number(address: IpAddr) -> u128 {
    u128::from(match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ipv4_address_is_the_same_in_either_form() {
        let set = Networks::new(["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
        for (address, is) in [
            ("10.255.255.255", true),
            ("::ffff:10.0.0.1", true),
            ("11.0.0.0", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
        ] {
            assert_eq!(set.has(address.parse().unwrap()), is, "{address}");
        }
        assert!(!Networks::default().has("::".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn an_address_is_in_the_set_if_a_network_has_it(
            nets in prop::collection::vec((any::<u32>(), 0_u8..=32), 0..20),
            asked in prop::collection::vec(any::<u32>(), 20),
        ) {
            let nets: Vec<IpNet> = nets
                .into_iter()
                .map(|(bits, length)| IpNet::new(IpAddr::V4(bits.into()), length).unwrap().trunc())
                .collect();
            let set = Networks::new(nets.iter().copied());
            let ends = nets.iter().flat_map(|net| [net.network(), net.broadcast()]);
            for address in asked.into_iter().map(|bits| IpAddr::V4(bits.into())).chain(ends) {
                let any = nets.iter().any(|net| net.contains(&address));
                prop_assert_eq!(set.has(address), any, "{}", address);
            }
        }
    }
}
