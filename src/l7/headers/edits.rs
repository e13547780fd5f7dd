//! The header edits a route asks for.

use crate::config::HeaderEdits;

/// Does the route remove or replace this header, or one that it may be taken for?
pub(crate) fn is_edited(edits: &HeaderEdits, name: &str) -> bool {
    edits.remove.iter().any(|removed| passes_for(name, removed))
        || edits.set.iter().any(|(set, _)| passes_for(name, set))
}

/// Equal but for case and for `_` in place of `-`, which some readers fold.
fn passes_for(name: &str, edited: &str) -> bool {
    let same =
        |(have, want): (u8, u8)| have.eq_ignore_ascii_case(&want) || (have == b'_' && want == b'-');
    name.len() == edited.len() && name.bytes().zip(edited.bytes()).all(same)
}

/// Gives `put` the headers a route sets and adds.
pub(crate) fn put_edits(edits: &HeaderEdits, mut put: impl FnMut(&str, &[u8])) {
    for (name, value) in edits.set.iter().chain(&edits.add) {
        put(name, value.as_bytes());
    }
}

/// Writes one header line.
pub(crate) fn append(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    // Room for all of it at once; the parts then need not ask.
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
