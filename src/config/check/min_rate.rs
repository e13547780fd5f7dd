//! `min_rate`: how slowly a client may send or take a body.

use std::num::NonZeroU32;

use crate::config::MinRate;
use crate::config::read::Fields;
use crate::config::shape::{Kind, OFF, Shape, TIMEOUT, key};

/// What `min_rate` may be.
pub(super) const KIND: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&SHAPE)]);

static SHAPE: Shape = Shape {
    name: "min_rate",
    about: "The fewest bytes per second that a client may send or take while it is waited for.",
    keys: &[
        key("request", RATE, "Of a request's body, until its response begins; default 500."),
        key("response", RATE, "Of a response; default 500."),
        key("grace", TIMEOUT, "How long it may take nothing at all, at most; default `30s`."),
    ],
    later: &[],
};

const RATE: Kind = Kind::AnyOf(&[OFF, Kind::Size { min: 1, max: 1 << 30 }]);

/// Takes over what is typed here of it.
pub(super) fn read(limits: &Fields<'_>, rate: &mut MinRate) {
    let Some(cursor) = limits.get("min_rate") else { return };
    if cursor.is_word("off") {
        (rate.request, rate.response) = (None, None);
        return;
    }
    if !cursor.is_mapping() {
        return cursor.mismatch("`off` or `{ request: 500, response: 500, grace: 30s }`");
    }
    let Some(fields) = cursor.fields(&SHAPE) else { return };
    for (key, direction) in [("request", &mut rate.request), ("response", &mut rate.response)] {
        if let Some(typed) = fields.size_or_off(key) {
            *direction = typed.and_then(|rate| NonZeroU32::new(u32::try_from(rate).ok()?));
        }
    }
    rate.grace = fields.duration("grace").unwrap_or(rate.grace);
    if let (None, None, Some(cursor)) = (rate.request, rate.response, fields.get("grace")) {
        cursor.problem("nothing is asked of a client, so it needs no grace (remove it)");
    }
}
