//! `allow` and `deny`, printed.

use super::yaml::{Tree, list, map, text};
use crate::config::{ClientList, Clients, ListSource};

/// Those of the two that say something.
pub(super) fn keys(clients: Option<&Clients>) -> impl Iterator<Item = (&'static str, Tree)> + '_ {
    let allow = clients.and_then(|clients| clients.allow.as_ref());
    let deny = clients.map(|clients| &clients.deny).filter(|deny| !deny.sources.is_empty());
    let all = [("allow", allow), ("deny", deny)];
    all.into_iter().filter_map(|(key, told)| Some((key, tree(told?))))
}

fn tree(told: &ClientList) -> Tree {
    list(&told.sources, |source| match source {
        ListSource::Network(net) => text(net),
        ListSource::File(path) => map([("file", text(path.display()))]),
    })
}
