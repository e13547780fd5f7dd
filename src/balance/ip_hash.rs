//! Consistent hashing: the same key goes to the same member, and goes elsewhere only if it must.
//!
//! Members lie on a ring of 64-bit hashes, at many points each, more for more weight. A key belongs
//! to the first point at or after its own hash; if that member may not be used, to the next point's,
//! and so on. The ring holds all *configured* members, usable or not: so one that goes down moves
//! only its own keys, spread over all others, and gets them back when it returns.
//!
//! A member's points depend on its name alone, and a client's key on its address alone: every node
//! and every run chooses alike. (The crate `pingora-ketama` was considered: its members must be
//! socket addresses, while ours may be unix sockets, or names whose addresses change; and its ring
//! has one list for lookup and no bound on its size.)
//!
//! Zones are chosen by weighted rendezvous hashing of the same key: each zone draws a score for the
//! key, and the highest wins. When shares change, only keys move whose winner changed: from zones
//! that lost share to zones that gained it, and as many as the shares say.

use std::net::IpAddr;
use std::sync::Arc;

use twox_hash::XxHash3_64;

/// Points of a member of mean weight: the keys of equal members then differ by some 9 %.
const POINTS_PER_MEMBER: usize = 128;

/// Points of a whole ring, about: 16 MiB.
const POINTS_MAX: usize = 1 << 20;

/// The stable hash of a key's bytes.
#[must_use]
pub fn key(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// The key of a client's address. An IPv4 address has one key, mapped into IPv6 or not.
#[must_use]
pub fn address_key(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(v4) => key(&v4.octets()),
        IpAddr::V6(v6) => key(&v6.octets()),
    }
}

/// A member of a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its identity.
    pub name: Arc<str>,
    /// Its weight as configured; 0 = has no points.
    pub weight: u32,
}

/// A ring of members.
#[derive(Debug)]
pub struct Ring {
    members: Box<[Member]>,
    /// Sorted; `owners` in the same order.
    hashes: Box<[u64]>,
    owners: Box<[u32]>,
    /// For each value of a hash's top bits the first point that has them or higher ones.
    index: Box<[u32]>,
    shift: u32,
}

impl Ring {
    /// Lays out the points of these members: a matter of milliseconds for thousands, so keep it.
    #[must_use]
    pub fn new(members: Vec<Member>) -> Self {
        let mut points = points(&members);
        points.sort_unstable();
        let bits = (points.len() as u64).next_power_of_two().ilog2().max(1);
        let shift = u64::BITS - bits;
        let mut next = 0;
        let index = (0..1_u64 << bits)
            .map(|top| {
                next += points[next..].iter().take_while(|(hash, _)| hash >> shift < top).count();
                next as u32
            })
            .collect();
        let (hashes, owners): (Vec<u64>, Vec<u32>) = points.into_iter().unzip();
        let (hashes, owners) = (hashes.into(), owners.into());
        Self { members: members.into(), hashes, owners, index, shift }
    }

    /// A member's identity as a hash.
    #[must_use]
    pub fn identity(&self, member: usize) -> u64 {
        key(self.members[member].name.as_bytes())
    }

    /// What the ring was made of.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The part of all keys that each member gets, where each takes these parts (0..=1) of the
    /// keys it stands for: what [`walk`](Self::walk) and [`takes`] come to, summed up exactly.
    #[must_use]
    pub fn shares(&self, parts: &[f64]) -> Vec<f64> {
        let mut shares = vec![0.0; self.members.len()];
        let count = self.owners.len();
        for (point, hash) in self.hashes.iter().enumerate() {
            let before = self.hashes[(point + count - 1) % count];
            let gap = hash.wrapping_sub(before);
            let arc = if count == 1 { 1.0 } else { gap as f64 / 2_f64.powi(64) };
            self.hand_out(point, arc, parts, &mut shares);
        }
        shares
    }

    /// Hands the keys between one point and the one before to the members that take them.
    fn hand_out(&self, point: usize, arc: f64, parts: &[f64], shares: &mut [f64]) {
        let (mut left, mut met) = (arc, Vec::new());
        let (head, tail) = self.owners.split_at(point);
        for owner in tail.iter().chain(head).map(|owner| *owner as usize) {
            let part = parts.get(owner).copied().unwrap_or_default();
            if part <= 0.0 || met.contains(&owner) {
                continue;
            }
            met.push(owner);
            let taken = left * part.min(1.0);
            shares[owner] += taken;
            left -= taken;
            if left <= 0.0 {
                return;
            }
        }
        // What nobody would rather take goes to the first that may.
        if let Some(first) = met.first() {
            shares[*first] += left;
        }
    }

    /// The members in the order they stand for this key, once around; members repeat.
    pub fn walk(&self, key: u64) -> impl Iterator<Item = usize> + '_ {
        let near = self.index[(key >> self.shift) as usize] as usize;
        let first = near + self.hashes[near..].iter().take_while(|hash| **hash < key).count();
        let (head, tail) = self.owners.split_at(first);
        tail.iter().chain(head).map(|owner| *owner as usize)
    }
}

fn points(members: &[Member]) -> Vec<(u64, u32)> {
    let weighted = members.iter().filter(|member| member.weight > 0).count();
    if weighted == 0 {
        return Vec::new();
    }
    let total: f64 = members.iter().map(|member| f64::from(member.weight)).sum();
    let ring = (weighted * POINTS_PER_MEMBER).min(POINTS_MAX) as f64;
    let mut points = Vec::with_capacity(ring as usize + weighted);
    for (owner, member) in members.iter().enumerate().filter(|(_, member)| member.weight > 0) {
        let count = (ring * f64::from(member.weight) / total).round().max(1.0) as u64;
        let seed = key(member.name.as_bytes());
        points.extend((0..count).map(|k| (mix(k, seed), owner as u32)));
    }
    points
}

/// Whether a member that takes only this part (0..=1) of its keys takes this one. A smaller part
/// takes a subset of what a larger one takes.
#[must_use]
pub fn takes(key: u64, member: u64, part: f64) -> bool {
    unit(mix(key, member)) < part
}

/// Of several parties, given as identity (a hash) and weight, the one with the highest score for
/// this key, and the score; only scores below `below` count, so that a caller can go on to the
/// second best. Parties without weight never win.
pub fn rendezvous(
    key: u64,
    parties: impl Iterator<Item = (u64, f64)>,
    below: f64,
) -> Option<(usize, f64)> {
    parties
        .enumerate()
        .filter(|(_, (_, weight))| *weight > 0.0)
        .map(|(party, (identity, weight))| (party, score(key, identity, weight)))
        .filter(|(_, score)| *score < below)
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
}

/// What a party of this weight scores for a key.
#[must_use]
pub fn score(key: u64, identity: u64, weight: f64) -> f64 {
    weight / -unit(mix(key, identity)).ln()
}

fn mix(value: u64, seed: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, &value.to_le_bytes())
}

/// A hash as a number between 0 and 1, neither of which it reaches.
fn unit(hash: u64) -> f64 {
    ((hash >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

#[cfg(test)]
mod tests;
