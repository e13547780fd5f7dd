//! A backend of a pool, and a place there where places are limited.

use std::sync::Arc;

use super::{Backend, Lease, Picker, Pool};
use crate::live::{Place, Places};

/// What is limited at a backend: the connections it has, or the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// Of those who forward connections.
    Connections,
    /// Of those who forward requests.
    Requests,
}

/// What came of looking for a seat.
#[derive(Debug)]
pub enum Seating {
    /// A backend, with a place there if it has only so many.
    Taken(Lease, Option<Place>),
    /// Those that could take it have as many as they may.
    Full,
    /// None that was not tried can take it.
    None,
}

/// Whom a seat is for.
#[derive(Clone, Copy, Debug)]
pub struct Guest<'a> {
    /// What it takes a place of.
    pub takes: Limited,
    /// What ip-hash hashes.
    pub key: Option<u64>,
    /// The backends that failed it.
    pub tried: &'a [u64],
    /// It has waited for its turn; who has not lets those who wait go first.
    pub in_line: bool,
}

impl Backend {
    /// How many places it has of these, and those that are taken; `None` = as many as are wanted.
    #[must_use]
    pub fn limit(&self, of: Limited) -> Option<(u32, &Arc<Places>)> {
        match of {
            Limited::Connections => Some((self.limits.connections?, &self.live.connections)),
            Limited::Requests => Some((self.limits.requests?, &self.live.requests)),
        }
    }
}

impl Pool {
    /// Chooses a backend that was not tried and has a free place.
    pub fn seat(&self, picker: &mut Picker, guest: &Guest<'_>) -> Seating {
        let mut passed = guest.tried.to_vec();
        while let Some(lease) = self.choose(picker, guest.key, &passed) {
            let id = lease.live.id;
            match self.take_place(lease, guest) {
                Seating::Full => passed.push(id),
                seated => return seated,
            }
        }
        if passed.len() > guest.tried.len() {
            return Seating::Full;
        }
        // For who failed wherever it was tried: whoever is better than nobody.
        let last = if guest.tried.is_empty() { None } else { self.last_resort(guest.tried) };
        let last = last.map(|lease| self.take_place(lease, &Guest { in_line: true, ..*guest }));
        match last {
            Some(Seating::Taken(lease, place)) => Seating::Taken(lease, place),
            _ => Seating::None,
        }
    }

    /// Takes a place at this backend if there is one free.
    #[must_use]
    pub fn take_place(&self, lease: Lease, guest: &Guest<'_>) -> Seating {
        let Some((max, places)) = lease.limit(guest.takes) else {
            return Seating::Taken(lease, None);
        };
        let free = guest.in_line || !self.waiting.is_busy();
        match free.then(|| Place::take(&self.waiting, places, max)).flatten() {
            Some(place) => Seating::Taken(lease, Some(place)),
            None => Seating::Full,
        }
    }
}
