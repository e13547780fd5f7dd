//! `health.phi`: when a silence is a suspicion, and when it is a verdict.

use super::mapping;
use crate::config::Phi;
use crate::config::defaults::{PHI_FAILED, PHI_JITTER, PHI_SUSPECT, PHI_WINDOW};
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, OFF, Shape, key};

pub(super) const KIND: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&SHAPE)]);

static SHAPE: Shape = Shape {
    name: "phi",
    about: "How unlikely a check's silence must be, φ = −ln P(later), by the rhythm it had so far.",
    keys: &[
        key("suspect", LEVEL, "From this φ on a silence is a suspicion; default 8."),
        key("failed", LEVEL, "From this φ on it is a verdict; default 16."),
        key(
            "window",
            Kind::Integer { min: 2, max: 10_000 },
            "How many gaps between passes are remembered; default 200.",
        ),
        key(
            "jitter",
            Kind::Ratio,
            "The least deviation of the gaps, as a part of their mean; default `30%`.",
        ),
    ],
    later: &[],
};

const LEVEL: Kind = Kind::Integer { min: 1, max: 1000 };

/// The detector with every default.
pub(super) fn default() -> Phi {
    Phi {
        suspect: f64::from(PHI_SUSPECT),
        failed: f64::from(PHI_FAILED),
        window: PHI_WINDOW,
        jitter: PHI_JITTER,
    }
}

/// Reads the detector, unless it is `off`.
pub(super) fn check(cursor: &Cursor<'_>) -> Option<Phi> {
    mapping(cursor, &SHAPE).map(|fields| read(cursor, &fields))
}

fn read(cursor: &Cursor<'_>, fields: &Fields<'_>) -> Phi {
    let level = |name, default: u32| f64::from(fields.integer::<u32>(name).unwrap_or(default));
    let phi = Phi {
        suspect: level("suspect", PHI_SUSPECT),
        failed: level("failed", PHI_FAILED),
        window: fields.integer("window").unwrap_or(PHI_WINDOW),
        jitter: fields.ratio("jitter").unwrap_or(PHI_JITTER),
    };
    if phi.suspect > phi.failed {
        cursor.problem(format!(
            "`suspect` ({}) is above `failed` ({}): a silence would be a verdict before it is a \
             suspicion",
            phi.suspect, phi.failed,
        ));
    }
    phi
}
